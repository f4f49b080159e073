"""A checkpoint comes back as it was, or not at all."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as save_tensors

from wearkit.errors import ModelFileError
from wearkit.model.architecture import weight_shapes
from wearkit.model.checkpoint import (
    JSON_NAME,
    WEIGHTS_NAME,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from wearkit.model.provenance import DataRecord, Provenance
from wearkit.model.training_config import TrainingConfig
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec

MODEL = ModelSpec("mtl-net-micro", WindowSpec(), (TaskSpec("posture", ("left", "right")),))


def _checkpoint() -> Checkpoint:
    generator = np.random.default_rng(0)
    weights = {
        name: generator.normal(size=shape).astype(np.float32)
        for name, shape in weight_shapes(MODEL).items()
    }
    return Checkpoint(
        MODEL, weights, Provenance(TrainingConfig(seed=3), data=DataRecord(simulated=True))
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(_checkpoint(), tmp_path)
    return tmp_path


def _reseal(folder: Path, data: bytes) -> None:
    """Write a weights file and make its digest match, as a forger would."""
    (folder / WEIGHTS_NAME).write_bytes(data)
    _edit(folder, lambda value: value["weights"].update(sha256=hashlib.sha256(data).hexdigest()))


def _edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads((folder / JSON_NAME).read_text())
    change(value)
    (folder / JSON_NAME).write_text(json.dumps(value))


def test_round_trip(folder: Path) -> None:
    loaded, original = load_checkpoint(folder), _checkpoint()
    assert loaded.model == original.model
    assert loaded.provenance == original.provenance
    assert set(loaded.weights) == set(original.weights)
    for name, value in original.weights.items():
        assert loaded.weights[name].tobytes() == value.tobytes()


def test_the_same_checkpoint_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "again"
    save_checkpoint(_checkpoint(), other)
    for name in (JSON_NAME, WEIGHTS_NAME):
        assert (other / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("place", [0, 8, 200, -1])
def test_one_changed_byte_is_noticed(folder: Path, place: int) -> None:
    data = bytearray((folder / WEIGHTS_NAME).read_bytes())
    data[place] ^= 1
    (folder / WEIGHTS_NAME).write_bytes(data)
    with pytest.raises(ModelFileError, match="SHA-256 differs"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", [JSON_NAME, WEIGHTS_NAME])
def test_truncated_and_missing_files_are_named(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ModelFileError, match=rf"{name} .*truncated"):
        load_checkpoint(folder)
    path.unlink()
    with pytest.raises(ModelFileError, match=rf"Cannot read .*{name} \(No such file"):
        load_checkpoint(folder)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused(folder: Path, version: object) -> None:
    _edit(folder, lambda value: value.update(format_version=version))
    with pytest.raises(ModelFileError, match="use the wearkit that wrote it, or train again"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.pop("model"),
        lambda value: value["model"].update(arch=["mtl-net"]),
        lambda value: value["model"]["window"].update(rate_hz="fast"),
        lambda value: value["model"].update(tasks=[]),
        lambda value: value.update(weights=None),
        lambda value: value.update(provenance=3),
        lambda value: value.update(format="something-else"),
    ],
)
def test_a_description_with_a_hole_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    _edit(folder, change)
    with pytest.raises(ModelFileError):
        load_checkpoint(folder)


def _forged(**changes: Any) -> bytes:
    """The weights with some tensors replaced (None: left out)."""
    tensors = dict(_checkpoint().weights) | changes
    return save_tensors({name: value for name, value in tensors.items() if value is not None})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_forged(**{"conv1.conv.bias": None}), "see 'conv1.conv.bias'"),
        (_forged(extra=np.zeros(3, np.float32)), "see 'extra'"),
        (_forged(**{"conv1.conv.bias": np.zeros(33, np.float32)}), "not float32 of shape"),
        (_forged(**{"conv1.conv.bias": np.zeros(32, np.float64)}), "not float32 of shape"),
        (_forged(**{"conv1.conv.bias": np.full(32, np.nan, np.float32)}), "not finite"),
        (b"", "no valid safetensors header"),
        (struct.pack("<Q", 1 << 60) + b"{}", "no valid safetensors header"),
        (struct.pack("<Q", 70_000) + b" " * 70_000, "no valid safetensors header"),
        (struct.pack("<Q", 4) + b"[[[]" + b"\0" * 64, "damaged header"),
        (struct.pack("<Q", 2) + b"[]" + b"\0" * 64, "damaged header"),
    ],
)
def test_a_forged_weights_file_is_refused(folder: Path, data: bytes, message: str) -> None:
    _reseal(folder, data)
    with pytest.raises(ModelFileError, match=message):
        load_checkpoint(folder)


def test_a_lying_extent_is_refused(folder: Path) -> None:
    data = (folder / WEIGHTS_NAME).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header["conv1.conv.bias"]["data_offsets"] = [0, 1 << 40]
    text = json.dumps(header).encode()
    _reseal(folder, struct.pack("<Q", len(text)) + text + data[8 + size :])
    with pytest.raises(ModelFileError, match=r"'conv1.conv.bias' is not float32"):
        load_checkpoint(folder)


def test_a_huge_file_is_not_read(folder: Path) -> None:
    with (folder / WEIGHTS_NAME).open("r+b") as stream:
        stream.truncate((64 << 20) + 1)
    with pytest.raises(ModelFileError, match="larger than 67108864 bytes"):
        load_checkpoint(folder)
