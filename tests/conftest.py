"""Shared fixtures. In CI (CI=true) something missing is a failure; elsewhere it is a skip."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def _absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} CI must have it.")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def archive() -> Callable[[str], Path]:
    """Path of a real data archive in WEARKIT_DATA (default ../shared/data), by file name."""
    folder = Path(os.environ.get("WEARKIT_DATA", REPOSITORY.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            _absent(f"{name} is not in {folder}: set WEARKIT_DATA to the folder that holds it.")
        return path

    return find


@pytest.fixture(scope="session")
def needs_module() -> Callable[[str, str], None]:
    """needs_module(module, how_to_install): skip, or fail in CI, when it cannot be imported."""

    def check(module: str, how: str) -> None:
        try:
            found = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            _absent(f"{module} is not installed: {how}.")

    return check


@pytest.fixture(scope="session")
def needs_program() -> Callable[[str, str], str]:
    """needs_program(name, how_to_install) -> its path; skip, or fail in CI, when absent."""

    def check(program: str, how: str) -> str:
        path = shutil.which(program)
        if path is None:
            _absent(f"{program} is not on the PATH: {how}.")
        assert path is not None
        return path

    return check
