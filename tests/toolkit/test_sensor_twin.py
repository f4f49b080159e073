"""The sensor twin: errors of the stated size, in the stated order, the same whatever the order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.recordings.sensor_twin import (
    ADXL345,
    ANY_ROTATION_DEG,
    SensorTwin,
    parse_twin,
    sensed,
    through_twin,
)
from wearkit.windows.cut import cut

NAMES = ("sit", "walk")


def recorded(
    acc_g: NDArray[np.float32], rate_hz: float = 50.0, subject: str = "anna", gap_at: int = 0
) -> Recording:
    """The first half is "sit", the second "walk"; from row gap_at on time is 10 s later."""
    time_s = np.arange(len(acc_g)) / rate_hz
    if gap_at:
        time_s[gap_at:] += 10
    codes = (np.arange(len(acc_g)) >= len(acc_g) // 2).astype(np.int16)
    track = LabelTrack("activity", NAMES, codes)
    return Recording(acc_g, time_s, rate_hz, subject, "waist", "made", track, dropped={"nan": 2})


def still(rows: int = 500, **options: object) -> Recording:
    acc_g = np.tile(np.array([0.25, -0.5, 0.75], np.float32), (rows, 1))
    return recorded(acc_g, **options)  # type: ignore[arg-type]


def moving(rows: int = 700, seed: int = 0, **options: object) -> Recording:
    generator = np.random.default_rng(seed)
    return recorded(generator.normal(0, 0.5, (rows, 3)).astype(np.float32), **options)  # type: ignore[arg-type]


def parts(twin: SensorTwin, count: int) -> list[Recording]:
    """`count` parts on one body that does not move."""
    body = still()
    return [one for copy in range(count) for one in sensed(body, twin, 50.0, copy=copy)]


@pytest.mark.parametrize("rate_hz", [50.0, 20.0, 49.1])
def test_a_twin_without_errors_changes_no_bit(rate_hz: float) -> None:
    body = moving(rate_hz=rate_hz, gap_at=300)
    plain = cut([body])
    twin = cut(sensed(body, SensorTwin(seed=5), 50.0))
    assert len(plain) > 5
    assert plain.fingerprint == twin.fingerprint
    assert np.array_equal(plain.run, twin.run) and np.array_equal(plain.start, twin.start)
    assert dict(plain.dropped) == dict(twin.dropped) == {"nan": 2}


def test_offset_and_gain_have_the_stated_spread() -> None:
    """4,000 draws: a standard deviation is known to 1.1 %, four of those are allowed."""
    offset = SensorTwin(offset_mg=(35.0, 10.0, 0.0))
    found = np.array([one.acc_g[0] for one in parts(offset, 4000)]) - [0.25, -0.5, 0.75]
    assert found.std(axis=0) * 1000 == pytest.approx([35, 10, 0], rel=0.045, abs=1e-4)
    assert np.abs(found.mean(axis=0) * 1000).max() < 4 * 35 / np.sqrt(4000)
    gain = np.array([one.acc_g[0] for one in parts(SensorTwin(gain_error_percent=5.0), 4000)])
    ratio = gain / [0.25, -0.5, 0.75] - 1
    assert ratio.std(axis=0) * 100 == pytest.approx([5, 5, 5], rel=0.045)
    assert abs(np.mean(ratio[:, 0] * ratio[:, 1])) < 0.07 * 0.05**2  # each axis has its own


def test_noise_has_the_stated_rms_and_is_new_for_every_sample() -> None:
    (one,) = sensed(still(20000), SensorTwin(noise_mg=(2.0, 3.0, 4.0)), 50.0)
    noise = (one.acc_g - [0.25, -0.5, 0.75]) * 1000
    assert noise.std(axis=0) == pytest.approx([2, 3, 4], rel=0.03)
    assert abs(np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1]) < 0.03


def test_noise_is_that_of_the_sensor_s_own_samples_whatever_the_recording_s_rate() -> None:
    (one,) = sensed(still(20000, rate_hz=100.0), SensorTwin(noise_mg=(3.0, 3.0, 3.0)), 50.0)
    assert len(one) == 10000
    assert ((one.acc_g - [0.25, -0.5, 0.75]) * 1000).std() == pytest.approx(3, rel=0.03)


@pytest.mark.parametrize("rotation_deg", [10.0, ANY_ROTATION_DEG])
def test_a_mounting_is_a_rotation(rotation_deg: float) -> None:
    body = moving(200)
    for copy in range(50):
        (one,) = sensed(body, SensorTwin(rotation_deg=rotation_deg), 50.0, copy=copy)
        assert np.allclose(one.acc_g @ one.acc_g.T, body.acc_g @ body.acc_g.T, atol=1e-5)
        handed = np.linalg.det(one.acc_g[:3]) * np.linalg.det(body.acc_g[:3])
        assert handed > 0  # turned, not mirrored


def test_small_rotations_are_small_and_full_ones_go_everywhere() -> None:
    up = np.array([0.25, -0.5, 0.75]) / np.linalg.norm([0.25, -0.5, 0.75])
    for rotation_deg, mean, tolerance in ((10.0, None, 0.0), (ANY_ROTATION_DEG, 0.0, 0.06)):
        found = np.array(
            [one.acc_g[0] for one in parts(SensorTwin(rotation_deg=rotation_deg), 2000)]
        )
        cosine = found @ up / np.linalg.norm(found, axis=1)
        if mean is None:
            # Two of the three turns tilt a direction: 10 deg * sqrt(2) rms, but for sin(x) < x.
            rms_deg = np.degrees(np.sqrt(np.mean(np.arccos(np.clip(cosine, -1, 1)) ** 2)))
            assert rms_deg == pytest.approx(10 * np.sqrt(2), rel=0.06)
        else:  # uniform over the sphere: the cosine is uniform on -1..1 (Archimedes)
            assert cosine.mean() == pytest.approx(0, abs=tolerance)
            assert np.histogram(cosine, 4, (-1, 1))[0] == pytest.approx([500] * 4, abs=90)


def test_a_fast_sensor_sees_a_slower_movement() -> None:
    time_s = np.arange(6000) / 50
    wave = np.sin(2 * np.pi * 4.0 * time_s)
    body = recorded(np.stack([wave, wave, wave], axis=1).astype(np.float32))
    twin = SensorTwin(rate_error_percent=5.0)
    seen = set()
    for copy in range(5):
        rate = twin.sensor_for(body, copy).rate
        (one,) = sensed(body, twin, 50.0, copy=copy)
        assert len(one) == pytest.approx(6000 * rate, abs=2)
        power = np.abs(np.fft.rfft(one.acc_g[:, 0] * np.hanning(len(one))))
        peak_hz = np.fft.rfftfreq(len(one), 1 / 50)[power.argmax()]
        assert peak_hz == pytest.approx(4.0 / rate, abs=0.02)
        walking = np.count_nonzero(one.labels.codes == 1) / len(one)
        assert walking == pytest.approx(0.5, abs=0.01)
        seen.add(round(rate, 4))
        assert 0.95 <= rate <= 1.05
    assert len(seen) == 5


def test_rails_and_steps_come_after_the_errors() -> None:
    """1.99 g and an offset: clipped at +511 counts where it is positive, below where negative."""
    body = recorded(np.full((200, 3), 1.99, np.float32))
    twin = SensorTwin(offset_mg=(100.0, 100.0, 100.0))
    for copy in range(20):
        offset_g = twin.sensor_for(body, copy).offset_g
        windows = cut(through_twin([body], twin, 50.0, copies=[copy]))
        expected = np.minimum(np.floor((1.99 + offset_g) * 256 + 0.5), 511)
        assert np.array_equal(windows.counts[0], np.tile(expected, (100, 1)))


def test_gaps_stay_gaps() -> None:
    body = moving(700, gap_at=300)
    pieces = list(sensed(body, ADXL345, 50.0))
    assert len(pieces) == 2
    rate = ADXL345.sensor_for(body).rate
    assert [len(piece) for piece in pieces] == pytest.approx([300 * rate, 400 * rate], abs=2)
    assert cut(pieces).run.tolist() == sorted(cut(pieces).run.tolist())
    assert set(cut(pieces).run.tolist()) == {0, 1}


def test_too_slow_and_too_short_pieces_are_left_for_cut_to_count() -> None:
    slow = moving(300, rate_hz=5.0)
    for piece in through_twin([slow, still(50), moving()], ADXL345, 50.0):
        assert 1 / np.median(np.diff(piece.time_s)) == pytest.approx(piece.rate_hz)
    windows = cut(through_twin([slow, still(50), moving()], ADXL345, 50.0))
    assert dict(windows.rejected) == {"sampled too slowly": 1, "too short": 1}


def test_neither_order_nor_names_nor_other_recordings_change_a_draw() -> None:
    bodies = [moving(seed=seed, subject=f"s{seed}") for seed in range(4)]
    forward = list(through_twin(bodies, ADXL345, 50.0, copies=range(2)))
    back = list(through_twin(bodies[::-1], ADXL345, 50.0, copies=(1, 0)))
    found = {(one.subject, one.acc_g.tobytes()) for one in forward}
    assert found == {(one.subject, one.acc_g.tobytes()) for one in back} and len(found) == 8
    renamed = replace(bodies[0], subject="hapt:s0", source="elsewhere")
    (again,) = sensed(renamed, ADXL345, 50.0)
    assert np.array_equal(again.acc_g, forward[0].acc_g)


def test_copies_seeds_and_bodies_differ() -> None:
    body = moving()
    draws = [
        (SensorTwin(offset_mg=(9.0, 9.0, 9.0), seed=seed), made, copy)
        for seed in (0, 1)
        for made in (body, moving(seed=1))
        for copy in (0, 1)
    ]
    offsets = [twin.sensor_for(made, copy).offset_g[0] for twin, made, copy in draws]
    assert len(set(offsets)) == 8


def test_only_the_people_asked_for_are_copied() -> None:
    bodies = [moving(seed=seed, subject=f"s{seed}") for seed in range(4)]
    worn = through_twin(bodies, ADXL345, 50.0, copies=range(3), subjects={"s1", "s3"})
    assert [one.subject for one in worn] == ["s1"] * 3 + ["s3"] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adxl345", ADXL345),
        ("adxl345,rotation=full", replace(ADXL345, rotation_deg=ANY_ROTATION_DEG)),
        ("rotation=full", SensorTwin(rotation_deg=180.0)),
        (
            "offset=40mg,gain=5%,rotation=10deg,rate=1.5%,noise=3mg",
            SensorTwin(1.5, (40.0,) * 3, 5.0, 10.0, (3.0,) * 3),
        ),
        ("offset=35/35/40mg,seed=7", SensorTwin(offset_mg=(35.0, 35.0, 40.0), seed=7)),
        ("seed=0", SensorTwin()),
    ],
)
def test_the_text_form(text: str, expected: SensorTwin) -> None:
    assert parse_twin(text) == expected
    assert parse_twin(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "adxl346", "adxl345,", ",adxl345", "offset", "offset=", "offset=40", "offset=40g",
        "offset=-1mg", "offset=1e3mg", "offset=nanmg", "offset=1/2mg", "offset=1/2/3/4mg",
        "gain=1/2/3%", "gain=50%", "rotation=91deg", "rotation=Full", "rate=30%", "seed=1.5",
        "seed=-1", "offset=1mg,offset=2mg", "offset= 1mg", "offset=\u0661mg", "gain=full",
        "seed=99999999999999999999", "x" * 1000, "rotation=180.5deg", "gain=5%,adxl345",
    ],
)  # fmt: skip
def test_anything_else_is_one_sentence(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_twin(text)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert len(str(caught.value)) < 300


def test_the_preset_is_the_data_sheet_s() -> None:
    """Table 1: 0 g output +-35, +-35, +-40 mg and sensitivity +-1 % at 1 sigma, noise 0.75, 0.75
    and 1.1 LSB rms, at 256 LSB/g."""
    assert ADXL345.offset_mg == (35.0, 35.0, 40.0)
    assert ADXL345.gain_error_percent == 1.0
    assert np.array(ADXL345.noise_mg) * 256 / 1000 == pytest.approx([0.75, 0.75, 1.1])
