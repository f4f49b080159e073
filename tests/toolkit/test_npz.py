"""Archives of arrays, written with whichever numpy pyproject.toml allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit.files.npz import read_npz, write_npz


def test_an_old_numpy_writes_no_array_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """savez_compressed of numpy 1.26 has no options: each keyword is the name of an array."""
    current = np.savez_compressed
    names: list[str] = []

    def of_1_26(file: Any, **named: Any) -> None:
        names.extend(named)
        current(file, **named)

    monkeypatch.setattr(np, "savez_compressed", of_1_26)
    counts = np.arange(6, dtype=np.int16).reshape(2, 3)
    write_npz(tmp_path / "a.npz", {"counts": counts})
    assert names == ["counts"]
    assert (read_npz(tmp_path / "a.npz", {"counts": "int16"})["counts"] == counts).all()


def test_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only plain arrays"):
        write_npz(tmp_path / "a.npz", {"a": np.array([{}], dtype=object)})
    assert not list(tmp_path.iterdir())
