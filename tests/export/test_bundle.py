"""A bundle: written whole or not at all, the same bytes each time, opened only when unchanged."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import (
    FILES,
    INT8_ONNX,
    INT8_S8_ONNX,
    MANIFEST,
    newest_bundle,
    open_bundle,
)
from wearkit.bundle.runtimes import open_runtime
from wearkit.counts import counts_to_int8
from wearkit.errors import DataError, ModelFileError, StorageError, VerificationError
from wearkit.integer import reference, requantize
from wearkit.integer.graph_file import model_id
from wearkit.model.checkpoint import Checkpoint
from wearkit.recordings.label_map import LabelMap
from wearkit.recordings.sensor_twin import parse_twin
from wearkit.training.metrics_file import DataMetrics
from wearkit.training.run import Run, open_run
from wearkit.windows.lineage import Lineage
from wearkit_export.bundle.model_files import checked_model

LITERT = ("XNNPACK", "no delegates", "BUILTIN_REF")


@pytest.fixture
def copy(micro_bundle: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy-int8"
    shutil.copytree(micro_bundle, path)
    return path


@pytest.fixture(scope="module")
def micro_run(untrained_run: Callable[[str], Path]) -> Run:
    return open_run(untrained_run("mtl-net-micro"))


def export(run: Run, out: Path, **options: Any) -> Any:
    from wearkit_export.bundle.write import write_bundle

    return write_bundle(run.checkpoint, run.calibration, out, run=run, **options)


def contents(path: Path) -> dict[str, bytes]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def test_contents(micro_bundle: Path) -> None:
    names = {file.name for file in micro_bundle.iterdir()}
    assert names == {*FILES, INT8_S8_ONNX, MANIFEST, "c"}
    manifest = json.loads((micro_bundle / MANIFEST).read_text())
    assert set(contents(micro_bundle)) == {*manifest["files"], MANIFEST}
    for name in manifest["files"]:
        data = (micro_bundle / name).read_bytes()
        assert manifest["files"][name] == {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    bundle = open_bundle(micro_bundle)
    assert manifest["model_id"] == bundle.model_id == model_id(bundle.graph)
    assert len(bytes.fromhex(bundle.model_id)) == 32
    assert manifest["labels"]["placement"] == ["chest", "thigh", "wrist"]
    assert manifest["spec"]["rate_hz"] == 50
    assert set(bundle.head_scales) == {"posture", "placement"}


def test_golden(micro_bundle: Path) -> None:
    with np.load(micro_bundle / "golden.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {
            "counts_int16",
            "inputs_int8",
            "logits_posture_int8",
            "logits_placement_int8",
        }
    bundle = open_bundle(micro_bundle)
    golden = bundle.golden()
    assert golden.counts.shape[1:] == (100, 3) and len(golden.counts) >= 30
    assert np.array_equal(golden.inputs, counts_to_int8(golden.counts))
    assert golden.counts.min() == -512 and golden.counts.max() == 511
    found = reference.run(bundle.graph, golden.inputs)
    assert all(np.array_equal(found[task], logits) for task, logits in golden.logits.items())


@pytest.mark.parametrize("arch", ["mtl-net", "mtl-net-micro"])
def test_same_checkpoint_same_bytes(
    arch: str, untrained_run: Callable[[str], Path], tmp_path: Path
) -> None:
    run = open_run(untrained_run(arch))
    export(run, tmp_path / "one" / "a-int8")
    export(run, tmp_path / "two" / "b-int8")
    assert contents(tmp_path / "one" / "a-int8") == contents(tmp_path / "two" / "b-int8")


def test_nothing_tells_where_it_was_made(micro_run: Run, tmp_path: Path) -> None:
    export(micro_run, tmp_path / "here-int8")
    for data in contents(tmp_path / "here-int8").values():
        assert str(tmp_path).encode() not in data
        assert b"here-int8" not in data


@pytest.mark.parametrize("name", [*FILES, "c/wk_model.c", "c/wk/wk_layer.h"])
def test_one_changed_byte_is_named(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ModelFileError, match=name):
        open_bundle(copy)


@pytest.mark.parametrize("name", [*FILES, MANIFEST, "c/wk_golden_model.h"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelFileError, match=name):
        open_bundle(copy)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda m: m.update(format_version=2), "version"),
        (lambda m: m.update(format="zip"), "wearkit-bundle"),
        (lambda m: m.update(model_id="0" * 64), "not the one"),
        (lambda m: m.pop("files"), "does not list"),
        (lambda m: m["files"].pop("model.int8.onnx"), "does not list model.int8.onnx"),
        (lambda m: m["files"].update({"../x": {"bytes": 0, "sha256": ""}}), "no file name"),
        (lambda m: m["files"].update({"golden.npz": 3}), "no file name"),
        (lambda m: m["labels"]["placement"].reverse(), "different models"),
        (lambda m: m["spec"].update(rate_hz=51.0), "different models"),
    ],
)
def test_damaged_manifest(copy: Path, edit: Callable[[Any], Any], reason: str) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    edit(manifest)
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelFileError, match=reason):
        open_bundle(copy)


def test_only_listed_files_are_given_out(copy: Path) -> None:
    (copy / "other.onnx").write_bytes(b"")
    bundle = open_bundle(copy)
    with pytest.raises(ModelFileError, match="does not list other"):
        bundle.read("other.onnx")


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="wearkit export"):
        open_bundle(tmp_path / "none")
    with pytest.raises(ModelFileError, match="wearkit export --int8"):
        newest_bundle(tmp_path)


def test_newest(copy: Path) -> None:
    assert newest_bundle(copy.parent) == copy


def test_a_bundle_from_before_there_were_two_onnx_files_opens_and_runs(
    copy: Path, needs_module: Callable[[str, str], None]
) -> None:
    """Its one model.int8.onnx is the signed form."""
    needs_module("onnxruntime", "pip install 'wearkit[live]'")
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["files"][INT8_ONNX] = manifest["files"].pop(INT8_S8_ONNX)
    (copy / INT8_S8_ONNX).rename(copy / INT8_ONNX)
    (copy / MANIFEST).write_text(json.dumps(manifest))
    bundle = open_bundle(copy)
    golden = bundle.golden()
    expected = reference.run(bundle.graph, golden.inputs, rounding="xnnpack")
    answers = open_runtime("onnx", bundle, checked_model).run(golden.inputs)
    assert all(np.array_equal(answers[task], expected[task]) for task in expected)


def test_an_older_bundle_is_replaced(micro_run: Run, copy: Path) -> None:
    export(micro_run, copy)
    assert json.loads((copy / "report.json").read_text())["accuracy"] is not None
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_runtime_that_disagrees_stops_the_export(
    micro_run: Run, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle that was there stays, and nothing is left lying about."""
    before = contents(copy)
    monkeypatch.setattr(requantize, "_HIGH_MUL_NUDGE", 0)
    reference._prepared.cache_clear()
    with pytest.raises(VerificationError, match=r"TFLite Micro .* first in window"):
        export(micro_run, copy)
    assert contents(copy) == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


@pytest.mark.parametrize(("name", "damage_signed"), [(INT8_ONNX, False), (INT8_S8_ONNX, True)])
def test_a_file_with_other_integers_stops_the_export(
    name: str,
    damage_signed: bool,
    micro_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from wearkit_export.bundle import write as bundle_writer

    def wrong(graph: Any, model_id: str, *, signed: bool = False) -> bytes:
        from wearkit_export.formats.emit_onnx import emit_onnx

        data = bytearray(emit_onnx(graph, model_id, signed=signed))
        if hasattr(graph, "rounding") and signed == damage_signed:
            (weight,) = (op.weight for op in graph.ops if op.name == "conv3")
            stored = np.ascontiguousarray(weight.transpose(0, 2, 1))
            needle = stored if signed else stored.view(np.uint8) + np.uint8(128)
            data[data.index(needle.tobytes())] ^= 1
        return bytes(data)

    monkeypatch.setattr(bundle_writer, "emit_onnx", wrong)
    with pytest.raises(VerificationError, match=f"{re.escape(name)} .* layer 4"):
        export(micro_run, tmp_path / "b-int8")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_else_is_left_alone(micro_run: Run, copy: Path, tmp_path: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"notes\.txt"):
        export(micro_run, copy)
    assert (copy / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        export(micro_run, tmp_path / "file")


def test_an_interrupt_leaves_the_old_bundle(
    micro_run: Run, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wearkit_export.bundle import write as bundle_writer

    before = contents(copy)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_writer, "model_card", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(micro_run, copy)
    assert contents(copy) == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_no_calibration_windows(
    untrained_checkpoint: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    from wearkit_export.bundle.write import write_bundle

    empty: NDArray[np.int16] = np.zeros((0, 100, 3), np.int16)
    with pytest.raises(DataError, match="not a single calibration window"):
        write_bundle(untrained_checkpoint("mtl-net-micro"), empty, tmp_path / "b-int8")
    assert list(tmp_path.iterdir()) == []


def test_report_and_card(micro_run: Run, tmp_path: Path) -> None:
    exported = export(micro_run, tmp_path / "b-int8")
    report = json.loads((tmp_path / "b-int8" / "report.json").read_text())
    assert report["model_id"] == exported.report.model_id
    assert report["compared_windows"] == {
        "golden": report["compared_windows"]["golden"],
        "test": 60,
    }
    rows = {row["runtime"]: row for row in report["equality"]}
    assert "not_run" in rows["TensorFlow"]
    onnx_names = ("ONNX Runtime", "ONNX Runtime, S8S8")
    names = ("TFLite Micro", *onnx_names, *(f"LiteRT, {kernels}" for kernels in LITERT))
    for name in names:
        if "not_run" not in rows[name]:
            assert rows[name]["must_match"] and rows[name]["differing"] == 0
            assert rows[name]["windows"] == report["compared_windows"]["golden"] + 60
    placement = report["accuracy"]["tasks"]["placement"]
    assert placement["accuracy_drop"] == pytest.approx(
        placement["fp32"]["accuracy"] - placement["int8"]["accuracy"]
    )
    assert set(placement["int8"]["per_subject"]) == {"anna", "bert", "cora"}
    assert all(row["max_abs_difference"] < 1e-4 for row in report["fp32"])
    assert {rows[name]["file"] for name in onnx_names} == {"model.int8.onnx", "model.int8.s8.onnx"}
    assert {"model.int8.onnx", "model.int8.s8.onnx"} <= set(report["file_bytes"])
    card = (tmp_path / "b-int8" / "MODEL_CARD.md").read_text()
    assert "* `model.int8.onnx` gives the same integers at default options" in card
    assert "SIMULATED" in "".join(card.splitlines()[:3])
    assert report["model_id"] in card and "| anna |" in card
    assert "_s" not in {key[-2:] for key in report}


def test_card_of_a_bare_checkpoint_says_that_nothing_was_tested(micro_bundle: Path) -> None:
    head = (micro_bundle / "MODEL_CARD.md").read_text().splitlines()[:6]
    assert any("Not tested" in line for line in head)


def test_card_names_data_sets_label_map_and_twin(micro_run: Run, tmp_path: Path) -> None:
    from dataclasses import replace

    origin = Lineage(
        sets=("wisdm-2019", "dsads", "hapt"),
        tested_set="hapt",
        label_map=LabelMap("mine.toml", "activity", {}),
        twin=parse_twin("gain=5%,rotation=full"),
        twin_copies=2,
    )
    metrics = replace(micro_run.metrics, data=DataMetrics(origin=origin))
    export(replace(micro_run, metrics=metrics), tmp_path / "b-int8")
    card = (tmp_path / "b-int8" / "MODEL_CARD.md").read_text()
    assert "Trained and validated on people of wisdm-2019, dsads; tested on those of hapt." in card
    assert "label map mine.toml" in card
    assert "2 sensor twin(s) of each recording (gain=5%,rotation=full)" in card


def test_card_of_a_leaky_split_says_so_first(micro_run: Run, tmp_path: Path) -> None:
    from dataclasses import replace

    split = replace(micro_run.metrics.split, leak_share=0.97)
    metrics = replace(micro_run.metrics, split=split)
    export(replace(micro_run, metrics=metrics), tmp_path / "b-int8")
    card = (tmp_path / "b-int8" / "MODEL_CARD.md").read_text()
    first = card.splitlines()[0]
    assert "LEAKY SPLIT" in first and "97.0%" in first
    assert "it was not trained on" not in card


@pytest.mark.usefixtures("real_tensorflow")
def test_tensorflow_agrees_without_being_imported(micro_run: Run, tmp_path: Path) -> None:
    import sys

    exported = export(micro_run, tmp_path / "b-int8")
    rows = {row.runtime: row for row in exported.report.equality}
    assert rows["TensorFlow, XNNPACK"].agreement.exact
    assert rows["TensorFlow, XNNPACK"].agreement.windows == sum(exported.report.windows.values())
    assert {"TensorFlow, no delegates", "TensorFlow, BUILTIN_REF"} < set(rows)
    assert "tensorflow" not in sys.modules


def test_card_of_a_run_without_digests_claims_no_new_people(micro_run: Run, tmp_path: Path) -> None:
    from dataclasses import replace

    older = replace(micro_run, metrics=replace(tidy(micro_run), files={}))
    export(replace(micro_run, metrics=tidy(micro_run)), tmp_path / "new-int8")
    export(older, tmp_path / "old-int8")
    cards = [(tmp_path / name / "MODEL_CARD.md").read_text() for name in ("new-int8", "old-int8")]
    assert "it was not trained on" in cards[0] and "it was not trained on" not in cards[1]
    assert "does not prove that they were new to it" in cards[1]


def tidy(run: Run) -> Any:
    """Its metrics, nobody being in two parts."""
    from dataclasses import replace

    return replace(run.metrics, split=replace(run.metrics.split, shared_subjects=()))


def test_a_bundle_names_the_weights_it_is_of(micro_run: Run, tmp_path: Path) -> None:
    export(micro_run, tmp_path / "b-int8")
    weights = (micro_run.path / "checkpoint.safetensors").read_bytes()
    assert open_bundle(tmp_path / "b-int8").checkpoint_sha256 == hashlib.sha256(weights).hexdigest()
