"""Builds of the firmware, made once for all test processes of a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Build = Callable[..., Path]


@pytest.fixture(scope="session")
def firmware_build(
    repository: Path,
    needs_program: Callable[[str, str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Build:
    """firmware_build(target, **variables) -> the build folder after `make -C firmware target`.

    Variables are make's; each set of them has a folder of its own.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def build(target: str, **variables: str) -> Path:
        make = needs_program("make", "apt-get install make")
        folder = base / "-".join(["firmware", *variables.values()])
        folder.mkdir(exist_ok=True)
        settings = [f"{name}={value}" for name, value in {**variables, "BUILD": folder}.items()]
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = subprocess.run(
                [make, "--silent", "-C", repository / "firmware", target, *settings],
                capture_output=True,
                text=True,
                check=False,
            )
        assert result.returncode == 0, result.stdout + result.stderr
        return folder

    return build


@pytest.fixture(scope="session")
def host_build(firmware_build: Build, needs_program: Callable[[str, str], str]) -> Path:
    """Folder of the host programs, built by gcc with address and undefined sanitizers."""
    needs_program("gcc", "apt-get install gcc")
    return firmware_build("host", CC="gcc") / "host"


@pytest.fixture(scope="session")
def avr_build(firmware_build: Build, needs_program: Callable[[str, str], str]) -> Path:
    """Folder of adxl345_text.elf and test_golden.elf for an ATmega328P."""
    needs_program("avr-gcc", "apt-get install gcc-avr avr-libc arduino-core-avr")
    firmware_build("avr")
    return firmware_build("golden-avr") / "avr"
