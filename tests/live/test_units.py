import re

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.counts import COUNT_MAX, COUNT_MIN
from wearkit.errors import DataError
from wearkit.link.header import UnitChoice
from wearkit.link.text.unit_finder import UnitFinder, to_counts
from wearkit.units import Unit

RATE_HZ = 50.0


def find(
    values: NDArray[np.floating], *, whole: bool = False
) -> tuple[UnitChoice | None, UnitFinder]:
    finder = UnitFinder(RATE_HZ)
    for row in np.rint(values).astype(int).tolist() if whole else values.tolist():
        choice = finder.push((row[0], row[1], row[2]))
        if choice is not None:
            return choice, finder
    return None, finder


def still(length: float, seconds: float = 2.0, spread: float = 0.01) -> NDArray[np.float64]:
    random = np.random.default_rng(1)
    direction = np.array([0.6, -0.48, 0.64])
    noise = spread * length * random.normal(size=(round(seconds * RATE_HZ), 3))
    return length * direction + noise


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("error", [0.81, 1.0, 1.19])
def test_two_still_seconds_name_the_unit_within_a_poor_sensors_error(
    unit: Unit, error: float
) -> None:
    choice, _ = find(still(unit.per_g * error), whole=unit is Unit.COUNTS)
    assert choice is not None
    assert choice.unit is unit
    assert f"{unit.per_g:g} {unit}" in choice.evidence


def test_one_sample_less_than_two_seconds_is_not_enough() -> None:
    assert find(still(1.0)[:-1])[0] is None
    assert find(still(1.0))[0] is not None


@pytest.mark.parametrize(
    ("length", "is_doubtful"),
    [(979.5, False), (980.5, True), (990.0, True), (999.5, True), (1000.5, False), (9.81, False)],
)
def test_what_may_be_mg_or_cm_s2_is_doubtful(length: float, is_doubtful: bool) -> None:
    choice, _ = find(np.tile([[0.6 * length, -0.48 * length, 0.64 * length]], (100, 1)))
    assert choice is not None
    assert choice.is_doubtful is is_doubtful


@pytest.mark.parametrize("length", [980.0, 1000.0])
def test_both_ends_of_what_is_doubtful_are_doubtful(length: float) -> None:
    choice, _ = find(np.tile([[0.0, 0.0, length]], (100, 1)))
    assert choice is not None
    assert choice.is_doubtful


@pytest.mark.parametrize("length", [0.5, 1.5, 5.0, 20.0, 400.0, 700.0, 1500.0])
def test_a_length_between_the_candidates_is_not_guessed(length: float) -> None:
    choice, finder = find(still(length, seconds=30))
    assert choice is None
    assert finder.given_up is not None
    said = re.search(r"\|a\| = (\S+) at rest.*--units", str(finder.given_up))
    assert said is not None
    assert float(said.group(1)) == pytest.approx(length, rel=0.02)


def test_fractions_near_256_are_not_counts() -> None:
    assert find(still(256.0, seconds=30))[0] is None


@pytest.mark.parametrize("per_g", [32, 64, 128, 2048, 4096, 8192, 16384])
def test_raw_counts_of_other_ranges_and_sensors_are_refused(per_g: int) -> None:
    named = f"{per_g} per g" if per_g > 512 else f"a \\+-{512 // per_g} g range"
    with pytest.raises(DataError, match=f"raw counts of .*{named}"):
        find(still(float(per_g)), whole=True)


def test_a_moving_sensor_is_refused_and_a_late_rest_is_found() -> None:
    moving = still(9.80665, seconds=30, spread=0.2)
    choice, finder = find(moving)
    assert choice is None
    assert "never lay still" in str(finder.given_up)
    choice, _ = find(np.concatenate([moving[:500], still(9.80665, seconds=4)]))
    assert choice is not None
    assert choice.unit is Unit.M_S2


@pytest.mark.parametrize("value", [0.0, 1e-300])
def test_nothing_and_next_to_nothing_name_no_unit(value: float) -> None:
    assert find(np.full((200, 3), value))[0] is None


def test_counts_pass_and_other_units_become_counts() -> None:
    exact = [(-512, 511, 0), (1, -1, 256)]
    assert to_counts([*exact], Unit.COUNTS).tolist() == [list(row) for row in exact]
    assert to_counts([(-9999, 9999, 0)], Unit.COUNTS).tolist() == [[COUNT_MIN, COUNT_MAX, 0]]
    for unit in (Unit.G, Unit.MG, Unit.M_S2):
        printed = [tuple(count / 256 * unit.per_g for count in row) for row in exact]
        assert to_counts(printed, unit).tolist() == [list(row) for row in exact]  # type: ignore[arg-type]
    assert to_counts([], Unit.G).shape == (0, 3)
