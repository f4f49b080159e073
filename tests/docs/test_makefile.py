"""`make setup` on a computer that cannot use it, and what it says before it downloads."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

Make = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def setup(repository: Path, tmp_path: Path, needs_program: Callable[[str, str], str]) -> Make:
    """setup(**variables): `make setup` there, with another .venv and a pip that only prints."""
    make = needs_program("make", "apt-get install make")

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        settings = {"VENV": str(tmp_path / "venv"), "PIP": "echo pip", **variables}
        return subprocess.run(
            [make, "setup", *(f"{name}={value}" for name, value in settings.items())],
            cwd=repository,
            env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def pretender(path: Path, minor: int) -> str:
    """A Python that says it is 3.<minor> when it is asked to check, and makes an empty venv."""
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = -m ]; then mkdir -p "$3"; exit; fi\nexec {sys.executable} -c \'\n'
        f'import sys; sys.version_info, sys.version = (3, {minor}, 1), "3.{minor}.1 x"\n'
        'exec(sys.argv[1])\' "$2"\n'
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("minor", [9, 10, 14])
def test_another_python_is_refused_before_anything_is_downloaded(
    setup: Make, tmp_path: Path, minor: int
) -> None:
    python = pretender(tmp_path / "python", minor)
    done = setup(PYTHON=python)

    assert done.returncode != 0
    sentence = f"wearkit needs Python 3.11 to 3.13 and {python} is 3.{minor}.1: make setup PYTHON="
    assert done.stderr.startswith(sentence)
    assert "pip" not in done.stdout.replace(str(tmp_path), "") and not (tmp_path / "venv").exists()


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_the_pythons_of_pyproject_are_let_through(
    setup: Make, tmp_path: Path, repository: Path, minor: int
) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: 3.{minor}" in project["classifiers"]
    done = setup(PYTHON=pretender(tmp_path / "python", minor))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "venv" / ".ready").is_file()


def test_pytorch_alone_comes_from_the_index_that_is_named(setup: Make, tmp_path: Path) -> None:
    python = pretender(tmp_path / "python", 11)
    printed = setup(PYTHON=python, TORCH_INDEX="https://example.org/cpu").stdout
    first, second = re.findall(r"^pip (.+)$", printed, re.MULTILINE)
    assert re.fullmatch(r"--extra-index-url https://example\.org/cpu torch==[\d.]+", first)
    assert second.startswith("--editable") and "index" not in second
    assert "GB" not in printed


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="only there the default index brings GPU libraries",
)
def test_the_size_of_the_download_is_said_before_it(setup: Make, tmp_path: Path) -> None:
    printed = setup(PYTHON=pretender(tmp_path / "python", 11)).stdout
    said, pip = printed.find("over 2.3 GB to download"), printed.find("\npip torch==")
    assert 0 < said < pip and "TORCH_INDEX=URL" in printed
