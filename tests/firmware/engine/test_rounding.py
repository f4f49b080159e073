"""wk_requantize.h against the arithmetic it stands for, beside every rounding edge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.integer.requantize import fixed_point

HERE = Path(__file__).parent
INCLUDE = HERE.parents[2] / "firmware" / "include"
Int64 = NDArray[np.int64]

AWAY, UP, SINGLE, FLOAT = range(4)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rounding") / "rounding"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic", "-O1"]
    flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{INCLUDE}"]
    command = ["cc", *flags, str(HERE / "rounding_main.c"), "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


def in_c(program: Path, family: int, *columns: Int64 | int) -> Int64:
    """value, multiplier, fraction, shift -> rounded."""
    records = np.stack([*np.broadcast_arrays(*columns, family)], axis=1)
    data = np.ascontiguousarray(records, dtype="<i4").tobytes()
    done = subprocess.run([str(program)], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[:1000]
    return np.frombuffer(done.stdout, dtype="<i4").astype(np.int64)


def edges(scale: NDArray[np.float64]) -> tuple[Int64, NDArray[np.float64]]:
    """For every factor: accumulators whose product lies at and beside each n + 1/2, and rails."""
    halves = np.arange(-140, 140) + 0.5
    near = np.rint(halves[:, None] / scale)
    values = np.concatenate([near + step for step in (-1, 0, 1)])
    reach = np.minimum(2.0**29 / np.maximum(scale, 1.0), 2.0**29)
    values = np.concatenate([values, reach[None], -reach[None], np.zeros((1, len(scale)))])
    values = np.clip(values, -reach, reach).astype(np.int64)
    return values.ravel(), np.broadcast_to(scale, values.shape).ravel()


@pytest.fixture(scope="module")
def cases() -> tuple[Int64, NDArray[np.float64]]:
    random = np.random.default_rng(17)
    exact = 2.0 ** -np.arange(1, 14)  # ties that no significand avoids
    some = np.exp2(random.uniform(-26, 3, 300))
    simple = random.integers(1, 4000, 80) / 4096.0
    return edges(np.concatenate([exact, some, simple, [0.5, 0.75, 1.0, 1.5, 2.0]]))


def test_twice(program: Path, cases: tuple[Int64, NDArray[np.float64]]) -> None:
    values, scale = cases
    factor = fixed_point(scale)
    for family, wanted in ((AWAY, factor.double(values)), (UP, factor.double_up(values))):
        found = in_c(program, family, values, factor.mantissa, 0, -factor.exponent)
        assert np.array_equal(found, np.clip(wanted, -512, 512))
    assert not np.array_equal(factor.double(values), factor.double_up(values))


def test_once_in_float64(program: Path, cases: tuple[Int64, NDArray[np.float64]]) -> None:
    # Factors whose exact product is just beside a half, which the float64 product then hits.
    random = np.random.default_rng(18)
    near = random.integers(1000, 2**29, 4000)
    values = np.concatenate([cases[0], near, -near])
    beside = (random.integers(0, 130, 4000) + 0.5) / near
    scale = np.concatenate([cases[1], beside, beside])
    product = values * scale
    whole = np.floor(np.abs(product))
    wanted = np.copysign(whole + (np.abs(product) - whole >= 0.5), product)
    significand, exponent = np.frexp(scale)
    bits = (significand * 2.0**53).astype(np.int64)
    found = in_c(program, SINGLE, values, bits >> 22, bits & ((1 << 22) - 1), -exponent)
    assert np.array_equal(found, np.clip(wanted, -512, 512).astype(np.int64))


def test_once_in_float32(program: Path, cases: tuple[Int64, NDArray[np.float64]]) -> None:
    values, scale = cases
    factor = scale.astype(np.float32)
    wanted = np.rint(np.clip(values.astype(np.int32).astype(np.float32) * factor, -512, 512))
    significand, exponent = np.frexp(factor)
    bits = (significand * 2.0**24).astype(np.int64)
    found = in_c(program, FLOAT, values, bits, 0, 24 - exponent.astype(np.int64))
    assert np.array_equal(found, wanted.astype(np.int64))
    assert int(np.abs(values).max()) > 2**24
