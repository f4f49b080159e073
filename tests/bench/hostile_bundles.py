"""Bundles and run folders that lie, one attack after the other: what wearkit makes of each.

Everybody who makes a bundle can write its manifest anew, so every changed bundle here is listed
again with right sizes and digests, except where the attack is that it is not. Where foreign code
would run it makes a file, and whether that file is there is the verdict.

    python tests/bench/hostile_bundles.py
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from wearkit.api.evaluate import evaluate
from wearkit.api.live import _checked
from wearkit.bundle.bundle import (
    GOLDEN,
    INT8_ONNX,
    INT8_TFLITE,
    MANIFEST,
    REPORT,
    Bundle,
    open_bundle,
)
from wearkit.bundle.runtimes import open_runtime
from wearkit.errors import WearkitError
from wearkit.files.npz import write_npz
from wearkit.files.safe_write import write_json
from wearkit.integer.graph_file import constants, structure
from wearkit.model.architecture import weight_shapes
from wearkit.model.checkpoint import Checkpoint, save_checkpoint
from wearkit.model.provenance import HowSplit, Provenance
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec, canonical_json
from wearkit.training.claim import refuse_to_replace_run
from wearkit.training.metrics_file import Metrics, SplitMetrics, SplitPart
from wearkit.training.run import TIED, open_run

WINDOWS = 64
TASKS = (
    TaskSpec("posture", ("lying", "sitting", "standing", "walking")),
    TaskSpec("place", ("arm", "chest", "leg", "wrist")),
)
_HIDDEN = "__attribute__((constructor)) static void hidden(void)"
MARKER = "code-of-the-bundle-ran"


@dataclass(frozen=True, slots=True)
class Attack:
    """run: a new empty folder -> whether wearkit was fooled, and what it said."""

    name: str
    run: Callable[[Path], tuple[bool, str]]


def attacks() -> list[Attack]:
    """All of them. Those on code compile nothing where the code is refused, as it must be."""
    return [
        *(Attack(f"code: {name}", partial(_code, hide)) for name, hide in _HIDING.items()),
        *(Attack(f"manifest: {name}", partial(_opened, edit)) for name, edit in _LIES.items()),
        *(Attack(f"label: {name}", partial(_opened, edit)) for name, edit in _LABELS.items()),
        *(Attack(f"file: {name}", partial(_opened, edit)) for name, edit in _NO_FILES.items()),
        *(Attack(f"golden: {name}", partial(_golden, edit)) for name, edit in _GOLDEN.items()),
        *(
            Attack(f"model file: {name}", partial(_runtime, runtime, edit))
            for name, (runtime, edit) in _MODEL_FILES.items()
        ),
        Attack("model file: exchanged after the bundle was opened", _exchanged),
        Attack("report.json of another model", _foreign_report),
        *(Attack(f"run: {name}", partial(_mixed_run, mix)) for name, mix in _MIXED_RUNS.items()),
        Attack("run: another network's bundle, evaluated beside it", _foreign_bundle),
        Attack("run: the same, its manifest naming this run", partial(_foreign_bundle, named=True)),
        *(Attack(f"user's file: {name}", partial(_lost, name)) for name in _USERS_FILES),
        Attack("user's file: test.npz in the folder of a new run", _lost_test_set),
    ]


def counts(seed: int, windows: int = WINDOWS) -> NDArray[np.int16]:
    """(windows, 100, 3) int16, 1 g in any direction and motion."""
    generator = np.random.default_rng(seed)
    gravity = generator.normal(size=(windows, 1, 3))
    gravity *= 256 / np.linalg.norm(gravity, axis=2, keepdims=True)
    made = gravity + 60 * generator.normal(size=(windows, 100, 3))
    return np.clip(np.rint(made), -512, 511).astype(np.int16)


def checkpoint(seed: int) -> Checkpoint:
    """An untrained network."""
    model = ModelSpec("mtl-net-micro", WindowSpec(), TASKS)
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in weight_shapes(model).items():
        low, high = (0.4, 1.6) if name.endswith(("running_var", "norm.weight")) else (-0.3, 0.3)
        weights[name] = generator.uniform(low, high, shape).astype(np.float32)
    return Checkpoint(model, weights)


@cache
def honest(seed: int = 1) -> Path:
    """A good bundle, made once: attacks copy it."""
    from wearkit.errors import MissingToolError
    from wearkit_export.bundle import c_folder, equality
    from wearkit_export.bundle.write import write_bundle

    path = Path(tempfile.mkdtemp(prefix="wearkit-hostile-")) / f"honest-{seed}"
    absent = mock.Mock(side_effect=MissingToolError("left out here"))
    with (
        mock.patch.object(c_folder, "run_native", absent),
        mock.patch.object(equality, "tensorflow_installed", return_value=False),
    ):
        write_bundle(checkpoint(seed), counts(seed), path)
    return path


def copied(folder: Path, seed: int = 1) -> Path:
    """A copy to change."""
    path = folder / "bundle"
    shutil.copytree(honest(seed), path)
    return path


def edit_manifest(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change manifest.json in place."""
    manifest = json.loads((path / MANIFEST).read_text())
    edit(manifest)
    (path / MANIFEST).write_text(json.dumps(manifest))


def list_anew(path: Path) -> None:
    """Sizes and digests of whatever is in the folder now."""

    def listed(manifest: dict[str, Any]) -> None:
        manifest["files"] = {
            file.relative_to(path).as_posix(): {
                "bytes": file.stat().st_size,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.name != MANIFEST
        }

    edit_manifest(path, listed)


def _refused(action: Callable[[], object]) -> str:
    """The sentence of its refusal; empty when it was done."""
    try:
        action()
    except WearkitError as error:
        return f"refused: {error}"
    return ""


# --- code in c/ ------------------------------------------------------------------------------


def _code(hide: Callable[[Path, str], None], folder: Path) -> tuple[bool, str]:
    """Everything that compiles: the device for this computer, the profile, the firmware folder."""
    path, marker = copied(folder), folder / MARKER
    hide(path, f'{_HIDDEN}\n{{\n    fclose(fopen("{marker}", "w"));\n}}\n')
    said = []
    for number, use in enumerate((_native, _device, _firmware)):
        work = folder / f"work{number}"
        work.mkdir()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            refused = _refused(partial(use, path, work))
        said.append(refused or "; ".join(str(item.message) for item in told) or "built")
        if any("hidden" in file.read_text(errors="replace") for file in work.rglob("*.[ch]")):
            return True, f"the bundle's code is among what is compiled: {said[-1]}"
    return marker.exists(), said[0]


def _native(path: Path, work: Path) -> None:
    from wearkit_export.c.folder import print_checked
    from wearkit_export.targets.native import run_native

    model = print_checked(open_bundle(path), work / "model")
    if shutil.which("cc"):
        run_native(model, np.zeros((1, 100, 3), np.int8), warnings=())


def _device(path: Path, work: Path) -> None:
    from wearkit_export.device.build import model_sources

    model_sources(open_bundle(path), work)


def _firmware(path: Path, work: Path) -> None:
    from wearkit.cli import cli

    options = ["--bundle", str(path), "--port", "sources", "--out", str(work / "out")]
    with redirect_stdout(io.StringIO()):
        cli.main(["firmware", *options], standalone_mode=False)


def _one_more(name: str, path: Path, code: str, *, listed: bool = True) -> None:
    (path / name).write_text(f"#include <stdio.h>\n{code}")
    if listed:
        list_anew(path)


def _behind(name: str, path: Path, code: str, *, version: str | None = None) -> None:
    with (path / name).open("a") as stream:
        stream.write(f"#include <stdio.h>\n{code}")
    list_anew(path)
    if version is not None:
        edit_manifest(path, lambda manifest: manifest.update(wearkit=version))


def _linked(path: Path, code: str) -> None:
    elsewhere = path.parent / "elsewhere"
    (path / "c").rename(elsewhere)
    (path / "c").symlink_to(elsewhere)
    (elsewhere / "zz.c").write_text(f"#include <stdio.h>\n{code}")


_HIDING: dict[str, Callable[[Path, str], None]] = {
    "one more source, listed": partial(_one_more, "c/zz.c"),
    "one more source, not listed": partial(_one_more, "c/zz.c", listed=False),
    "a header that shadows a system's": partial(_one_more, "c/string.h"),
    "one more header of the kernels, not listed": partial(
        _one_more, "c/wk/wk_extra.h", listed=False
    ),
    "a source beside c/": partial(_one_more, "main.c", listed=False),
    "behind the model's source": partial(_behind, "c/wk_model.c"),
    "behind a kernel": partial(_behind, "c/wk_dense_plain.c"),
    "in a header of the kernels": partial(_behind, "c/wk/wk_layer.h"),
    "in the golden header": partial(_behind, "c/wk_golden_model.h"),
    "as if an older wearkit had written it": partial(_behind, "c/wk_model.c", version="0.1.0"),
    "a link in the place of c/": _linked,
}


# --- what a manifest says --------------------------------------------------------------------


def _opened(edit: Callable[[Path], object], folder: Path) -> tuple[bool, str]:
    path = copied(folder)
    edit(path)
    said = _refused(lambda: open_bundle(path))
    return not said, said or "opened"


def _says(key: str, change: Callable[[Any], Any]) -> Callable[[Path], object]:
    def edit(path: Path) -> None:
        edit_manifest(path, lambda manifest: manifest.update({key: change(manifest[key])}))

    return edit


def _twice(path: Path) -> None:
    text = (path / MANIFEST).read_text()
    (path / MANIFEST).write_text('{"labels": {"posture": ["a", "b"]},' + text.lstrip()[1:])


def _labelled(*texts: str, task: str = "posture") -> Callable[[Path], object]:
    """Labels and the name of a task written into graph.json, and all that follows from them: the
    model id, the manifest, the golden vectors' names."""

    def edit(path: Path) -> None:
        graph = open_bundle(path).graph
        plain = structure(graph)
        first = plain["model"]["tasks"][0]
        first["labels"] = [*texts, *first["labels"][len(texts) :]]
        first["name"] = plain["heads"][0]["task"] = task
        write_json(path / "graph.json", plain)
        digest = hashlib.sha256(canonical_json(plain))
        for name, array in sorted(constants(graph).items()):
            digest.update(canonical_json([name, str(array.dtype), list(array.shape)]))
            digest.update(array.tobytes())

        def follow(manifest: dict[str, Any]) -> None:
            for key in ("labels", "outputs"):
                manifest[key] = {
                    task if name == "posture" else name: value
                    for name, value in manifest[key].items()
                }
            manifest["labels"][task] = first["labels"]
            manifest["model_id"] = digest.hexdigest()

        edit_manifest(path, follow)
        list_anew(path)

    return edit


_LABELS: dict[str, Callable[[Path], object]] = {
    "an escape that clears the screen": _labelled("\x1b[2Jlying"),
    "two lines": _labelled("lying\nwalking"),
    "5,000 letters": _labelled("x" * 5000),
    "one that turns the line round": _labelled("\u202elying"),
    "empty": _labelled(""),
    "the same twice": _labelled("lying", "lying"),
    "a task that is C": _labelled(task="a;int b"),
}

_LIES: dict[str, Callable[[Path], object]] = {
    "another rounding family": _says("rounding", lambda _: "xnnpack"),
    "another scale of the logits": _says(
        "outputs", lambda said: said | {"posture": said["posture"] | {"scale": 1.0}}
    ),
    "true for a zero point of 1": _says(
        "outputs", lambda said: said | {"posture": said["posture"] | {"zero_point": True}}
    ),
    "another input scale": _says("input", lambda said: said | {"scale": 1.0}),
    "another window shape": _says("input", lambda said: said | {"shape": [3, 100]}),
    "labels turned round": _says("labels", lambda said: said | {"posture": said["posture"][::-1]}),
    "one label more": _says("labels", lambda said: said | {"posture": [*said["posture"], "x"]}),
    "another rate": _says("spec", lambda said: said | {"rate_hz": 25.0}),
    "imported, which nobody did": lambda path: edit_manifest(
        path, lambda manifest: manifest.update(arch=None, spec=None)
    ),
    "a key twice": _twice,
    "a file outside the folder": _says("files", lambda said: said | {"../x": said[GOLDEN]}),
}


def _in_place_of(name: str, put: Callable[[Path], object]) -> Callable[[Path], object]:
    def edit(path: Path) -> None:
        (path / name).unlink()
        put(path / name)

    return edit


def _sparse(path: Path) -> None:
    """2 GiB that take no room, listed with their size."""
    with path.open("wb") as stream:
        stream.truncate(2 << 30)
    edit_manifest(path.parent, lambda said: said["files"][path.name].update(bytes=2 << 30))


_NO_FILES: dict[str, Callable[[Path], object]] = {
    "a pipe in the place of a file": _in_place_of("MODEL_CARD.md", os.mkfifo),
    "a pipe in the place of the manifest": _in_place_of(MANIFEST, os.mkfifo),
    "a folder in the place of a file": _in_place_of(REPORT, lambda path: path.mkdir()),
    "a link in the place of a file": _in_place_of(
        GOLDEN, lambda path: path.symlink_to(honest() / GOLDEN)
    ),
    "2 GiB": _in_place_of("MODEL_CARD.md", _sparse),
}


# --- known answers ---------------------------------------------------------------------------


def _golden(edit: Callable[[dict[str, NDArray[Any]]], object], folder: Path) -> tuple[bool, str]:
    path = copied(folder)
    with np.load(path / GOLDEN, allow_pickle=False) as stored:
        arrays = dict(stored)
    edit(arrays)
    write_npz(path / GOLDEN, arrays)
    list_anew(path)
    said = _refused(lambda: open_bundle(path).golden())
    return not said, said or "taken"


def _none(arrays: dict[str, NDArray[Any]]) -> None:
    arrays.update({name: values[:0] for name, values in arrays.items()})


def _wrong(arrays: dict[str, NDArray[Any]]) -> None:
    logits = arrays["logits_posture_int8"].copy()
    logits[-1, 0] ^= 1
    arrays["logits_posture_int8"] = logits


_GOLDEN: dict[str, Callable[[dict[str, NDArray[Any]]], object]] = {
    "no window": _none,
    "one bit of one logit": _wrong,
    "counts no sensor sends": lambda arrays: arrays.update(
        counts_int16=np.where(arrays["counts_int16"] == 511, 900, arrays["counts_int16"]).astype(
            np.int16
        )
    ),
}


# --- model files -----------------------------------------------------------------------------


def _runtime(runtime: str, edit: Callable[[Path], object], folder: Path) -> tuple[bool, str]:
    path = copied(folder)
    edit(path)
    list_anew(path)
    bundle = open_bundle(path)
    said = ""

    def use() -> None:
        nonlocal said
        said = _right(runtime, bundle)

    refused = _refused(use)
    return said.startswith("wrong"), refused or said


def _right(runtime: str, bundle: Bundle) -> str:
    """Whether what the runtime answers is the graph's, in the family the runtime rounds by."""
    from wearkit.integer import reference

    opened = open_runtime(runtime, bundle, _checked)
    windows = np.random.default_rng(5).integers(-128, 128, (12, 100, 3)).astype(np.int8)
    expected = reference.run(bundle.graph, windows, rounding=opened.family)
    answers = opened.run(windows)
    same = all(np.array_equal(answers[task], values) for task, values in expected.items())
    return "right: it was given what was printed from the graph" if same else "wrong logits"


def _of_another(name: str) -> Callable[[Path], object]:
    return lambda path: shutil.copy(honest(2) / name, path / name)


def _turned_names(path: Path) -> None:
    """The two heads have as many labels each; the signature calls each by the other's name."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    data = (path / INT8_TFLITE).read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    first, second = model.signatureDefs[0].outputs
    first.name, second.name = second.name, first.name
    builder = flatbuffers.Builder(len(data) + 65536)
    builder.Finish(model.Pack(builder), b"TFL3")
    (path / INT8_TFLITE).write_bytes(bytes(builder.Output()))


def _turned_axes(path: Path) -> None:
    """The only layer that moves bytes moves them elsewhere; no number of the model differs."""
    import onnx

    model = onnx.load_model_from_string((path / INT8_ONNX).read_bytes())
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "GlobalAveragePool" or attribute.name == "perm":
                attribute.ints[:] = [0, 2, 1]
    names = {task.name for task in TASKS}
    for node in model.graph.node:  # and the heads change places
        for at, output in enumerate(node.output):
            if output in names:
                node.output[at] = (names - {output}).pop()
    (path / INT8_ONNX).write_bytes(model.SerializeToString())


def _cut(path: Path) -> None:
    data = (path / INT8_TFLITE).read_bytes()
    (path / INT8_TFLITE).write_bytes(data[: len(data) // 2])


_MODEL_FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "another network's .tflite in LiteRT": ("litert", _of_another(INT8_TFLITE)),
    "another network's .tflite in TFLite Micro": ("tflm", _of_another(INT8_TFLITE)),
    "another network's .onnx": ("onnx", _of_another(INT8_ONNX)),
    "two heads under each other's names, .tflite": ("litert", _turned_names),
    "two heads under each other's names, .onnx": ("onnx", _turned_axes),
    "half a .tflite in TFLite Micro": ("tflm", _cut),
    "the float .onnx under the name of the int8 one": (
        "onnx",
        lambda path: shutil.copy(path / "model.fp32.onnx", path / INT8_ONNX),
    ),
}


def _exchanged(folder: Path) -> tuple[bool, str]:
    path = copied(folder)
    bundle = open_bundle(path)
    shutil.copy(honest(2) / INT8_TFLITE, path / INT8_TFLITE)
    said = _refused(lambda: open_runtime("litert", bundle, _checked))
    return not said, said or "the other file was run"


def _foreign_report(folder: Path) -> tuple[bool, str]:
    path = copied(folder)
    shutil.copy(honest(2) / REPORT, path / REPORT)
    list_anew(path)
    said = _refused(lambda: open_bundle(path).table())
    return not said, said or "its figures are printed"


# --- run folders -----------------------------------------------------------------------------


def write_run(path: Path, seed: int, *, fold: int = 0) -> Path:
    """A run of an untrained network, its people named by the fold, tied as wearkit ties it."""
    network = checkpoint(seed)
    network = replace(network, provenance=Provenance(split=HowSplit("subject", fold, 5, 0, 0.0)))
    save_checkpoint(network, path)
    write_npz(path / "calibration.npz", {"counts": counts(seed, 8)})
    generator = np.random.default_rng(seed)
    targets = {
        f"target_{task.name}": generator.integers(0, 4, 12).astype(np.int16) for task in TASKS
    }
    arrays: dict[str, NDArray[Any]] = {
        "counts": counts(seed + 50, 12),
        "subject": np.zeros(12, np.int32),
        "run": np.zeros(12, np.int32),
        "start": np.arange(12, dtype=np.int32) * 60,
        "subjects": np.array([f"person-{fold}"]),
    }
    write_npz(path / "test.npz", arrays | targets)
    part = SplitPart(12, (f"person-{fold}",))
    others = SplitPart(48, ("somebody",))
    split = SplitMetrics("subject", fold, 5, 0, 0.0, (), others, others, part)
    files = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in TIED}
    write_json(path / "metrics.json", Metrics(split, files=files).to_json())
    return path


def _mixed_run(mix: Callable[[Path, Path], object], folder: Path) -> tuple[bool, str]:
    """The second run has another network and other people."""
    path = write_run(folder / "run", 1)
    mix(path, write_run(folder / "other", 2, fold=1))
    said = _refused(lambda: open_run(path))
    return not said, said or "opened"


def _copies(*names: str, forget: bool = False) -> Callable[[Path, Path], object]:
    """forget: without digests, as an older wearkit wrote it."""

    def mix(path: Path, other: Path) -> None:
        for name in names:
            shutil.copy(other / name, path / name)
        if forget:
            edit_metrics(path, lambda metrics: metrics.pop("files"))

    return mix


def edit_metrics(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change metrics.json of a run in place."""
    metrics = json.loads((path / "metrics.json").read_text())
    edit(metrics)
    write_json(path / "metrics.json", metrics)


def _forgotten_and(
    edit: Callable[[dict[str, Any]], object],
) -> Callable[[Path, Path], object]:
    def mix(path: Path, _: Path) -> None:
        edit_metrics(path, lambda metrics: (metrics.pop("files"), edit(metrics)))

    return mix


_MIXED_RUNS: dict[str, Callable[[Path, Path], object]] = {
    "the network of another": _copies("checkpoint.safetensors", "checkpoint.json"),
    "the test people of another": _copies("test.npz"),
    "the calibration windows of another": _copies("calibration.npz"),
    "the split of another": _copies("metrics.json"),
    "killed between two files, an older run": _copies(
        "checkpoint.safetensors", "checkpoint.json", forget=True
    ),
    "the test people of another, an older run": _copies("test.npz", forget=True),
    "999 test windows, an older run": _forgotten_and(
        lambda metrics: metrics["split"]["test"].update(windows=999)
    ),
    "a pipe in the place of test.npz": lambda path, _: _in_place_of("test.npz", os.mkfifo)(path),
}


def _foreign_bundle(folder: Path, *, named: bool = False) -> tuple[bool, str]:
    """Its network may have been trained on the run's test people."""
    path, run = copied(folder, seed=2), write_run(folder / "run", 1)
    if named:
        sha256 = json.loads((run / "checkpoint.json").read_text())["weights"]["sha256"]
        edit_manifest(path, lambda manifest: manifest.update(checkpoint_sha256=sha256))
    said = _refused(lambda: evaluate(run, path))
    return not said, said or "scored on people it may have been trained on"


# --- files of the user -----------------------------------------------------------------------

_USERS_FILES = ("c/main.c", "c/wk_model.c", "notes.txt", "c/build/a.o")


def _lost(name: str, folder: Path) -> tuple[bool, str]:
    """An export over a bundle in which somebody works."""
    from wearkit_export.bundle.place import replacing_bundle

    path = copied(folder)
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_text("mine")

    def export() -> None:
        with replacing_bundle(path) as fresh:
            (fresh / MANIFEST).write_text("{}")

    said = _refused(export)
    kept = (path / name).is_file() and (path / name).read_text() == "mine"
    return not kept, said or "replaced"


def _lost_test_set(folder: Path) -> tuple[bool, str]:
    (folder / "test.npz").write_text("mine")
    said = _refused(lambda: refuse_to_replace_run(folder, force=False))
    return not said, said or "replaced"


@contextmanager
def _empty_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wearkit-attack-") as name:
        yield Path(name)


def main() -> int:
    """Print every verdict; the exit code is 1 when one attack succeeds."""
    successes = 0
    for attack in attacks():
        with _empty_folder() as folder:
            fooled, verdict = attack.run(folder)
        successes += fooled
        print(f"{'FOOLED' if fooled else 'held':6}  {attack.name}: {verdict}", flush=True)
    print(f"{len(attacks())} attacks, {successes} succeed.")
    return int(successes > 0)


if __name__ == "__main__":
    sys.exit(main())
