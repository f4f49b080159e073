"""The bundle of a model that others made, and its labels file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wearkit.bundle.bundle import IMPORTED_FILES, INT8_TFLITE, MANIFEST, open_bundle
from wearkit.errors import DataError, ModelFileError, StorageError, VerificationError
from wearkit.integer import reference, requantize
from wearkit.spec import ImportedSpec
from wearkit_export.bundle.model_files import checked_model
from wearkit_export.c.folder import print_checked


@pytest.fixture
def source(zoo: Callable[[str], bytes], tmp_path: Path) -> Path:
    path = tmp_path / "rows_two_heads.tflite"
    path.write_bytes(zoo("rows_two_heads"))
    return path


def export(source: Path, out: Path, **options: object) -> None:
    from wearkit_export.bundle.import_bundle import write_imported_bundle

    write_imported_bundle(source, out, **options)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_it_holds(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "b")
    bundle = open_bundle(tmp_path / "b")
    assert set(IMPORTED_FILES) <= set(bundle.manifest["files"])
    assert {"c/wk_model.c", "c/wk_model.h"} <= set(bundle.manifest["files"])
    assert set(contents(tmp_path / "b")) == {*bundle.manifest["files"], MANIFEST}
    assert (tmp_path / "b" / "model.int8.tflite").read_bytes() == source.read_bytes()
    assert isinstance(bundle.graph.model, ImportedSpec)
    manifest = bundle.manifest
    assert (manifest["arch"], manifest["spec"]) == (None, None)
    assert manifest["input"] == {
        "scale": pytest.approx(0.0304, abs=0.01),
        "zero_point": -26,
        "shape": [3, 32, 1],
    }
    assert manifest["labels"] == {
        "output_1": ["0", "1", "2"],
        "output_0": ["0", "1", "2", "3", "4"],
    }
    header = (tmp_path / "b" / "c" / "wk_model.h").read_text()
    assert f'WK_MODEL_ID "{bundle.model_id}"' in header
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    assert report["imported"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert report["imported"]["operators"][0] == "CONV_2D"
    assert checked_model(bundle, INT8_TFLITE) == source.read_bytes()
    printed = print_checked(bundle, tmp_path / "printed")
    assert contents(printed) == contents(tmp_path / "b" / "c")
    assert report["model"]["macs_per_window"] == 3 * 28 * 4 * 5 + 3 * 14 * 6 * 3 * 4 + 36 * 8
    assert report["feed"].startswith("96 int8 values, 1 x 3 x 32 x 1")
    run = {row["runtime"]: row for row in report["equality"] if "not_run" not in row}
    assert len(run) >= 4
    assert all(row["must_match"] and row["differing"] == 0 for row in run.values())
    card = (tmp_path / "b" / "MODEL_CARD.md").read_text()
    assert "nothing is known here of its data" in card and bundle.model_id in card
    assert report["feed"] in card


def test_another_model_s_file_is_not_run(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "b")
    data = bytearray(source.read_bytes())
    weights = open_bundle(tmp_path / "b").graph.ops[0].weight.tobytes()  # type: ignore[union-attr]
    data[data.index(weights[:16])] ^= 1
    (tmp_path / "b" / INT8_TFLITE).write_bytes(data)
    manifest = json.loads((tmp_path / "b" / MANIFEST).read_text())
    manifest["files"][INT8_TFLITE]["sha256"] = hashlib.sha256(data).hexdigest()
    (tmp_path / "b" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelFileError, match=r"does not hold the model of graph\.json"):
        checked_model(open_bundle(tmp_path / "b"), INT8_TFLITE)


def test_golden_vectors(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "b")
    bundle = open_bundle(tmp_path / "b")
    golden = bundle.imported_golden()
    assert golden.inputs.shape == (56, 3, 32, 1)
    assert golden.inputs.min() == -128 and golden.inputs.max() == 127
    logits = reference.run(bundle.graph, golden.inputs)
    assert all(np.array_equal(logits[task], golden.logits[task]) for task in logits)
    with np.load(tmp_path / "b" / "golden.npz") as raw:
        assert sorted(raw.files) == [
            "inputs_int8",
            "logits_output_0_int8",
            "logits_output_1_int8",
        ]


def test_commands_for_our_own_models_say_why_not(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "b")
    bundle = open_bundle(tmp_path / "b")
    with pytest.raises(ModelFileError, match="imported and does not say at which rate"):
        _ = bundle.model
    with pytest.raises(ModelFileError, match="imported"):
        bundle.golden()


def test_same_file_same_bytes(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "a")
    export(source, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("name", ["model.int8.tflite", "c/wk_model.c", "graph.json"])
def test_a_changed_byte_is_noticed(source: Path, tmp_path: Path, name: str) -> None:
    export(source, tmp_path / "b")
    data = bytearray((tmp_path / "b" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "b" / name).write_bytes(data)
    with pytest.raises(ModelFileError, match="has changed"):
        open_bundle(tmp_path / "b")


def test_another_kind_of_manifest_is_noticed(source: Path, tmp_path: Path) -> None:
    """A manifest without an architecture asks for fewer files: it must not hide missing ones."""
    export(source, tmp_path / "b")
    path = tmp_path / "b" / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"arch": "mtl-net"}))
    with pytest.raises(ModelFileError, match=r"does not list model\.fp32"):
        open_bundle(tmp_path / "b")
    manifest["files"]["../b/graph.json"] = manifest["files"]["graph.json"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelFileError, match="no file name"):
        open_bundle(tmp_path / "b")


def test_a_runtime_that_disagrees_stops_the_import(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requantize, "_HIGH_MUL_NUDGE", 0)
    reference._prepared.cache_clear()
    with pytest.raises(VerificationError, match=r"differs from the integer reference"):
        export(source, tmp_path / "b")
    reference._prepared.cache_clear()
    assert not (tmp_path / "b").exists()


def test_what_litert_refuses_never_reaches_micro(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TFLite Micro verifies no file and can crash on one."""
    from wearkit_export.bundle import equality, import_bundle

    def refuse(*_: object) -> None:
        raise ModelFileError("ai_edge_litert refuses the model: why.")

    def crash(*_: object) -> None:
        raise AssertionError("TFLite Micro was started")

    monkeypatch.setattr(import_bundle, "open_placed_tflite", refuse)
    monkeypatch.setattr(equality, "MicroRuntime", crash)
    with pytest.raises(ModelFileError, match="refuses the model"):
        export(source, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_an_older_bundle_is_replaced_but_nothing_else(source: Path, tmp_path: Path) -> None:
    export(source, tmp_path / "b")
    export(source, tmp_path / "b")
    open_bundle(tmp_path / "b")
    (tmp_path / "b" / "mine.txt").write_text("x")
    with pytest.raises(StorageError, match=r"mine\.txt"):
        export(source, tmp_path / "b")


def test_a_family_of_the_users_choice(zoo: Callable[[str], bytes], tmp_path: Path) -> None:
    path = tmp_path / "relu6.tflite"
    path.write_bytes(zoo("relu6_alone"))
    with pytest.raises(ModelFileError, match="--rounding"):
        export(path, tmp_path / "b")
    export(path, tmp_path / "b", rounding="litert-ref")
    bundle = open_bundle(tmp_path / "b")
    assert bundle.graph.rounding == "litert-ref"
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    assert list(report["not_defined"]) == ["tflm"]
    (micro,) = [row for row in report["equality"] if row.get("family") == "tflm"]
    assert not micro["must_match"] and micro["against"] == "reference (litert-ref)"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="Cannot read"):
        export(tmp_path / "none.tflite", tmp_path / "b")


LABELS = [
    ("a: x, y\nb: 1, 2, 3\n", [("a", ("x", "y")), ("b", ("1", "2", "3"))]),
    ("# comment\n\na: lying down, up # note\n", [("a", ("lying down", "up"))]),
    ('{"b": ["x", "y"], "a": ["p", "q"]}', [("b", ("x", "y")), ("a", ("p", "q"))]),
    ("\ufeffa: x, y", [("a", ("x", "y"))]),
]


@pytest.mark.parametrize(("text", "expected"), LABELS)
def test_labels(text: str, expected: list[tuple[str, tuple[str, ...]]], tmp_path: Path) -> None:
    from wearkit_export.import_tflite.labels import read_labels

    path = tmp_path / "labels"
    path.write_text(text, encoding="utf-8")
    assert [(task.name, task.labels) for task in read_labels(path)] == expected


BAD_LABELS = [
    (b"", "name no task"),
    (b"# nothing\n", "name no task"),
    (b"a x y", "Line 1 of"),
    (b"a: x,,y", "empty label"),
    (b"a: x", "two or more"),
    (b"a: x, x", "two or more"),
    (b"two words: x, y", "ASCII letters"),
    (b"{", "valid JSON"),
    (b'{"a": 3}', "JSON object"),
    (b'{"a": ["x", 3]}', "JSON object"),
    (b"{" * 5000, "valid JSON"),
    (b"a: \xff\xfe", "UTF-8"),
    (b"a: " + b"x," * (1 << 20), "larger than"),
]


@pytest.mark.parametrize("number", range(len(BAD_LABELS)))
def test_bad_labels(number: int, tmp_path: Path) -> None:
    from wearkit_export.import_tflite.labels import read_labels

    data, reason = BAD_LABELS[number]
    path = tmp_path / "labels"
    path.write_bytes(data)
    with pytest.raises(DataError, match=reason):
        read_labels(path)


def test_missing_labels(tmp_path: Path) -> None:
    from wearkit_export.import_tflite.labels import read_labels

    with pytest.raises(DataError, match="Cannot read the labels"):
        read_labels(tmp_path / "none")
