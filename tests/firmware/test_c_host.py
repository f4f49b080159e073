"""The C functions on the host, sanitizers on, against Python."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wearkit.counts import counts_to_int8
from wearkit.link.options import StreamOptions
from wearkit.link.text.stream import TextStream
from wearkit.units import Unit

Sample = tuple[int, int, tuple[int, int, int]]

HEADER_MAX = 128  # WK_TEXT_HEADER_MAX


def _run(program: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    result = subprocess.run([program, *arguments], input=stdin, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def _lines(build: Path, samples: list[Sample], *format_: str) -> bytes:
    text = "".join(f"{index} {t_us} {x} {y} {z}\n" for index, t_us, (x, y, z) in samples)
    return _run(build / "dump", "text", *format_, stdin=text.encode())


def _samples(count: int) -> list[Sample]:
    random = np.random.default_rng(345)
    counts = random.integers(-512, 512, (count, 3)).tolist()
    return [(i, (i * 20011) % 2**32, (x, y, z)) for i, (x, y, z) in enumerate(counts)]


@pytest.mark.parametrize(
    "program",
    [
        "test_golden",
        "test_adxl345",
        "test_adxl345_bus",
        "test_adxl345_self_test",
        "test_adxl345_model",
        "test_adxl345_pace",
        "test_frame",
        "test_app",
        "test_app_said",
        "test_rates",
        "test_ring",
    ],
)
def test_c_tests_pass(host_build: Path, program: str) -> None:
    assert _run(host_build / program)


def test_a_compiler_may_not_move_a_sample_past_its_count(
    repository: Path, needs_program: Callable[[str, str], str], tmp_path: Path
) -> None:
    """C99 keeps the order of volatile accesses and of no others."""
    gcc = needs_program("gcc", "apt-get install gcc")
    fields = {
        "ring.head": "uint16_t", "ring.tail": "uint16_t", "ring.samples[0].index": "uint32_t",
        "ring.samples[0].t_us": "uint32_t", "ring.samples[0].counts[0]": "int16_t",
    }  # fmt: skip
    checks = "".join(
        f'_Static_assert(_Generic(&{field}, volatile {kind} *: 1, default: 0), "{field}");\n'
        for field, kind in fields.items()
    )
    source = tmp_path / "ring.c"
    source.write_text(f'#include "wk/wk_ring.h"\nextern wk_ring_t ring;\n{checks}')
    include = f"-I{repository / 'firmware' / 'include'}"
    done = subprocess.run(
        [gcc, "-std=c11", "-fsyntax-only", include, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(
    shutil.which("clang") is None, reason="clang is not on the PATH: apt-get install clang."
)
def test_c_tests_pass_with_another_compiler(firmware_build: Callable[..., Path]) -> None:
    # Without sanitizers: their clang runtime is a package of its own, and gcc's run has them.
    firmware_build("host-test", CC="clang", SANITIZE="")


def test_every_count_from_every_pair_of_bytes_is_python_s(host_build: Path) -> None:
    answer = np.array(_run(host_build / "dump", "counts").split(), dtype=np.int32).reshape(-1, 2)
    bytes_ = np.arange(1 << 16, dtype=np.uint16)
    counts = bytes_.view(np.int16)

    np.testing.assert_array_equal(answer[:, 0], counts)
    np.testing.assert_array_equal(answer[:, 1], counts_to_int8(counts))


@pytest.mark.parametrize("size", [0, 1, 6, 7, 8, 255, 4096])
def test_crc_is_zlib_s(host_build: Path, size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    assert _run(host_build / "dump", "crc", stdin=data) == b"%08X\n" % zlib.crc32(data)


def test_crc_check_value(host_build: Path) -> None:
    assert _run(host_build / "dump", "crc", stdin=b"123456789") == b"CBF43926\n"


@pytest.mark.parametrize("sensor", ["real", "simulated"])
@pytest.mark.parametrize("crc", ["crc32", "none"])
def test_lines_byte_for_byte(host_build: Path, crc: str, sensor: str) -> None:
    edges = [(4294967295, 4294967295, (-32768, 32767, -1)), (10, 9, (0, -10, 100))]
    samples = [*edges, *_samples(300)]
    bodies = [
        "#wearkit text/1 units=counts rate=50 range=2 axes=+x+y+z fields=index,t_us,x,y,z "
        f"crc={crc}{' sensor=simulated' if sensor == 'simulated' else ''}",
        *(f"{index},{t_us},{x},{y},{z}" for index, t_us, (x, y, z) in samples),
    ]
    suffix = "*{:08X}" if crc == "crc32" else ""
    expected = "".join(f"{body}{suffix.format(zlib.crc32(body.encode()))}\n" for body in bodies)

    assert _lines(host_build, samples, "50000", "2", crc, sensor).decode() == expected


def test_longest_header_fills_its_buffer(host_build: Path) -> None:
    assert len(_lines(host_build, [], "4294967295", "255", "crc32", "simulated")) == HEADER_MAX


def test_the_longest_line_is_the_golden_one(repository: Path) -> None:
    text = (repository / "firmware/include/wk/wk_golden_counts.h").read_text()
    assert "#define WK_GOLDEN_LINE_BYTES 53" in text  # WK_TEXT_SAMPLE_MAX and a zero


@pytest.mark.parametrize("crc", ["crc32", "none"])
def test_live_reads_back_every_sample(host_build: Path, crc: str) -> None:
    samples = _samples(500)
    stream = TextStream(StreamOptions(rate_hz=50.0))
    steps = stream.feed(_lines(host_build, samples, "50000", "2", crc, "simulated"))

    assert [(s.sample.index, s.sample.t_us, s.sample.counts) for s in steps] == samples
    assert not any(step.missing or step.restarted for step in steps)
    assert stream.header is not None and stream.header.unit is Unit.COUNTS
    assert stream.header.needs_crc == (crc == "crc32")
    assert stream.header.simulated


def test_live_refuses_a_line_with_one_changed_digit(host_build: Path) -> None:
    samples = _samples(40)
    text = _lines(host_build, samples, "50000", "2", "crc32", "real")
    lines = text.splitlines(keepends=True)
    at = lines[21].index(b"*") - 1
    lines[21] = lines[21][:at] + bytes([lines[21][at] ^ 1]) + lines[21][at + 1 :]
    steps = TextStream(StreamOptions(rate_hz=50.0)).feed(b"".join(lines))

    kept = [step.sample.index for step in steps]
    assert kept == [index for index, _, _ in samples if index != 20]
    assert [step.missing for step in steps].count(1) == 1
