"""The simulator obeys the physics its docstring states, and its task is worth learning."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import g_to_counts
from wearkit.errors import DataError
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.posture_sim import PLACEMENTS, POSTURES, recordings
from wearkit.recordings.recording import Recording
from wearkit.windows.cut import cut
from wearkit.windows.split import subject_split


@pytest.fixture(scope="module")
def few() -> list[Recording]:
    return list(recordings(seed=0, subjects=10, seconds_per_posture=20))


def test_ring_people_and_placements(few: list[Recording]) -> None:
    assert POSTURES[:4] == ("up", "upright", "rightup", "right") and len(POSTURES) == 12
    who = [(one.subject, one.placement) for one in few]
    expected = [f"sim{number:02d}" for number in range(1, 11)]
    assert who == list(itertools.product(expected, ["neck", "chest", "abdomen"]))
    for one in few:
        assert one.simulated and "posture-sim" in one.source
        assert one.labels.task == "posture" and one.labels.names == POSTURES
        held = np.bincount(one.labels.codes[one.labels.codes >= 0], minlength=12)
        assert np.allclose(held / one.rate_hz, 18, atol=0.1), "20 s less the 2 s roll"
        assert np.isclose((one.labels.codes < 0).sum() / one.rate_hz, 24, atol=0.5)


def test_samples_are_what_an_adxl345_can_say(few: list[Recording]) -> None:
    for one in few:
        counts = one.acc_g.astype(np.float64) * 256
        assert np.array_equal(counts, g_to_counts(one.acc_g)), "whole counts within the rails"
        assert 49 <= one.rate_hz <= 51
        assert np.allclose(np.diff(one.time_s), 1 / one.rate_hz)
    assert len({one.rate_hz for one in few}) == 30, "every sensor has a clock of its own"


def test_gravity_is_there_and_the_noise_is_the_data_sheets(few: list[Recording]) -> None:
    noise = []
    for one in few:
        size = np.linalg.norm(one.acc_g[one.labels.codes >= 0], axis=1)
        # 40 mg of offset and 1 % of gain, several standard deviations.
        assert 0.8 < np.median(size) < 1.2
        if one.placement == "neck":  # hardly breathes
            steps = np.diff(one.acc_g.astype(np.float64) * 256, axis=0)
            seconds = steps[: len(steps) // 50 * 50].reshape(-1, 50, 3)
            # Of the seconds of one recording, most are still.
            noise.append(np.median(seconds.std(axis=1), axis=0) / np.sqrt(2))
    # Rounding to whole counts adds 1/12 of a count squared; the heart adds a little to y and z.
    data_sheet = np.sqrt(np.array([0.75, 0.75, 1.1]) ** 2 + 1 / 12)
    measured = np.mean(noise, axis=0)
    assert np.allclose(measured[0], data_sheet[0], rtol=0.05)
    assert np.allclose(measured, data_sheet, rtol=0.15), measured


def test_neighbours_on_the_ring_are_thirty_degrees_apart(few: list[Recording]) -> None:
    """Seen in the sensor, over people: the mean direction of each posture."""
    chest = [one for one in few if one.placement == "chest"]
    mean = np.array([
        np.mean([one.acc_g[one.labels.codes == code].mean(axis=0) for one in chest], axis=0)
        for code in range(12)
    ])  # fmt: skip
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    apart = np.degrees(np.arccos((mean * np.roll(mean, -1, axis=0)).sum(axis=1)))
    assert np.allclose(apart, 30, atol=8)
    assert np.degrees(np.arccos(mean[0] @ mean[6])) > 150, "up is opposite to down"
    assert mean[0, 1] > 0.9 and mean[3, 0] > 0.9, "front up; lying on the right, left side up"


def test_the_chest_and_the_belly_breathe_more_than_the_neck(few: list[Recording]) -> None:
    def breath(one: Recording) -> float:
        powers = []
        for code in range(12):
            held = one.acc_g[one.labels.codes == code][300:].astype(np.float64)
            spectrum = np.abs(np.fft.rfft(held - held.mean(axis=0), axis=0)) ** 2
            hz = np.fft.rfftfreq(len(held), 1 / one.rate_hz)
            powers.append(spectrum[(hz > 0.15) & (hz < 0.4)].sum() / len(held) ** 2)
        return float(np.median(powers))

    middle = {
        place.name: np.median([breath(one) for one in few if one.placement == place.name])
        for place in PLACEMENTS
    }
    assert middle["abdomen"] > middle["chest"] > 3 * middle["neck"]


def test_the_seed_decides_everything_and_subjects_are_independent() -> None:
    def first(seed: int, subjects: int) -> list[NDArray[np.float32]]:
        return [one.acc_g for one in recordings(seed, subjects, 5)][:6]

    one, two = first(7, 2), first(7, 3)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0][:500], first(8, 2)[0][:500])
    assert not np.array_equal(one[0][:500], one[3][:500])


def test_the_task_is_neither_trivial_nor_hopeless(few: list[Recording]) -> None:
    """The nearest mean vector, for people it was not fitted on."""
    windows = cut(few)
    assert [task.name for task in windows.tasks] == ["posture", "placement"]
    split = subject_split(windows)
    mean = windows.counts.mean(axis=1) / 256
    scores = {}
    for task in windows.tasks:
        target = windows.targets[task.name]
        fitted = np.concatenate([split.train, split.val])
        centres = np.array(
            [mean[fitted][target[fitted] == code].mean(axis=0) for code in range(len(task.labels))]
        )
        far = np.linalg.norm(mean[split.test][:, None] - centres, axis=2)
        scores[task.name] = float((far.argmin(axis=1) == target[split.test]).mean())
    assert 0.5 < scores["posture"] < 0.995
    assert scores["placement"] < 0.9


def test_open_dataset_knows_it_by_name() -> None:
    dataset = open_dataset("posture-sim")
    assert dataset.simulated and dataset.format == "posture-sim"
    one = next(iter(dataset))
    assert np.array_equal(one.acc_g, next(recordings()).acc_g)
    with pytest.raises(DataError, match="leave --format away"):
        open_dataset("posture-sim", format="csv")


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="one subject or more"):
        next(recordings(subjects=0))
    with pytest.raises(DataError, match="longer than 2 s"):
        next(recordings(seconds_per_posture=2))
