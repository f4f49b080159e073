"""Every reader of untrusted files as a target: how its files are broken, and how they are read.

What is accepted goes on to where it would be used: described, cut into windows, played, run.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import fuzz_seeds as seeds
import numpy as np
import torch  # readers import it when they need it: here, and not in a child under a watch
from breaking import Way, broken_bytes, broken_json, broken_text, choice
from breaking_formats import (
    broken_cwa,
    broken_npz,
    broken_safetensors,
    broken_set,
    broken_tar,
    broken_zip,
    sha256,
    tarred,
    zipped,
)
from fuzzing import Files, Target, fault_of

from wearkit.api.evaluate import evaluate
from wearkit.bundle import bundle
from wearkit.errors import DataError
from wearkit.evaluation import folds as cross_validation
from wearkit.evaluation.over_folds import evaluate_folds
from wearkit.evaluation.page import write_evaluation
from wearkit.files import npz
from wearkit.integer import graph_file
from wearkit.integer.reference import Reference
from wearkit.link.options import StreamOptions
from wearkit.link.text.stream import TextStream
from wearkit.model import checkpoint
from wearkit.recordings.formats import cwa, open_dataset
from wearkit.recordings.formats.text_rows import Lines
from wearkit.recordings.info import describe
from wearkit.spec import WindowSpec
from wearkit.training import state as training_state
from wearkit.windows.cut import cut
from wearkit.windows.sensor_counts import sensor_counts
from wearkit_export.import_tflite import labels
from wearkit_export.quantization.calibration import read_calibration

torch.set_num_threads(1)
SHORT = WindowSpec(rate_hz=20.0, length=20, hop=10)
_TEXT: Mapping[str, Way] = {"txt": broken_text, "csv": broken_text, "log": broken_text}
_WAYS: Mapping[str, Way] = {
    **_TEXT,
    "cwa": broken_cwa,
    "json": broken_json,
    "npz": broken_npz,
    "safetensors": broken_safetensors,
}


def read_recordings(path: Path, format: str | None = None) -> None:
    """All that commands do with recordings: describe, cut, and play at the sensor's rate."""
    dataset = open_dataset(path, format=format)
    recordings = list(dataset)
    describe(replace(dataset, recordings=lambda: iter(recordings)))
    for recording in recordings:
        sensor_counts(recording, SHORT)
    try:
        cut(recordings, SHORT)
    except DataError as error:
        # They were read; that there is nothing to learn from them is another matter.
        assert not fault_of(str(error)), str(error)


def read_archive(path: Path) -> None:
    (file,) = path.iterdir()
    read_recordings(file)


def read_wk_text(path: Path) -> None:
    """As live reads a port; every byte must be in exactly one account."""
    data = (path / "port.txt").read_bytes()
    stream = TextStream(StreamOptions(rate_hz=50.0))
    try:
        for at in range(0, len(data), 700):
            stream.feed(data[at : at + 700])
    finally:
        stream.finish()


def read_graph(path: Path) -> None:
    graph = graph_file.load_graph(path)
    graph_file.model_id(graph)
    shape = graph.tensor(graph.input).shape
    Reference(graph).run(np.full((1, *shape), 77, np.int8))


def read_bundle(path: Path) -> None:
    bundle.open_bundle(path).golden()


def read_run(path: Path) -> None:
    """As evaluate reads a run, to the page it writes."""
    found = evaluate(path)
    write_evaluation(found, path / "evaluation")
    json.dumps(found.to_json(), allow_nan=False)


def read_folds(path: Path) -> None:
    """As evaluate reads all folds of a run."""
    write_evaluation(evaluate_folds(path), path / "evaluation")


def read_state(path: Path) -> None:
    training_state.read_request(path)
    training_state.StateFolder(path, {}).load(seeds.IDENTITY)


def read_labels_file(path: Path) -> None:
    file = min(path.iterdir())
    labels.read_labels(file)


def _calibrate(path: Path) -> None:
    read_calibration(path / "calibration.npz", WindowSpec())


def _broken_set(make: Callable[[], Files], generator: np.random.Generator) -> Files:
    return broken_set(make(), generator, _WAYS)


_PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": partial(gzip.compress, compresslevel=1, mtime=0),
    "tar.bz2": partial(bz2.compress, compresslevel=1),
    "tar.xz": partial(lzma.compress, preset=0),
}


def _broken_one(make: Callable[[], Files], generator: np.random.Generator) -> Files:
    """A set of which each file is a case of its own."""
    files = make()
    name = choice(sorted(files), generator)
    return broken_set({name: files[name]}, generator, _WAYS)


def _broken_archive(
    name: str, pack: Callable[[Files], bytes], way: Way, generator: np.random.Generator
) -> Files:
    make = choice((seeds.csv_set, seeds.hapt_set, seeds.sisfall_set), generator)
    if generator.random() < 0.3:
        return {name: pack(broken_set(make(), generator, _WAYS))}
    return {name: way(pack(make()), generator)}


def _broken_tar(suffix: str, generator: np.random.Generator) -> Files:
    """Mostly the tar inside: behind broken compression there is nothing more to see."""
    pack = _PACKERS[suffix]
    if generator.random() < 0.2:
        return _broken_archive(
            f"a.{suffix}", lambda files: pack(tarred(files)), broken_bytes, generator
        )
    way = choice((broken_tar, broken_tar, broken_bytes), generator)
    files = _broken_archive(f"a.{suffix}", tarred, way, generator)
    return {name: pack(data) for name, data in files.items()}


def _broken_port(generator: np.random.Generator) -> Files:
    return {"port.txt": broken_text(seeds.wk_text(), generator)}


def _vouched_checkpoint(make: Callable[[], Files], generator: np.random.Generator) -> Files:
    """The hash of the weights in the description mostly agrees again."""
    files = broken_set(make(), generator, _WAYS)
    before, name = make()[checkpoint.WEIGHTS_NAME], checkpoint.WEIGHTS_NAME
    if name in files and generator.random() < 0.9:
        _replace(files, checkpoint.JSON_NAME, sha256(before), sha256(files[name]))
    return files


def _broken_folds(generator: np.random.Generator) -> Files:
    """One fold of two, or where a fold lies."""
    files = {f"fold-{fold}/{n}": d for fold in (0, 1) for n, d in seeds.fold_set(fold).items()}
    if generator.random() < 0.1:
        return broken_set(files, generator, _WAYS)
    fold = int(generator.integers(0, 2))
    broken = _vouched_checkpoint(partial(seeds.fold_set, fold), generator)
    kept = {n: d for n, d in files.items() if not n.startswith(f"fold-{fold}/")}
    return kept | {f"fold-{fold}/{n}": d for n, d in broken.items()}


def _vouched_state(generator: np.random.Generator) -> Files:
    files = broken_set(seeds.state_set(), generator, _WAYS)
    name = next(name for name in seeds.state_set() if name.endswith(".safetensors"))
    before = seeds.state_set()[name]
    if name in files and generator.random() < 0.9:
        digest = sha256(files[name])
        _replace(files, training_state.JSON_NAME, sha256(before), digest)
        files[f"state.{digest[:16]}.safetensors"] = files.pop(name)
    return files


def _vouched_bundle(generator: np.random.Generator) -> Files:
    """The manifest lists what is there, and then is broken itself now and then."""
    files = dict(seeds.bundle_set())
    if generator.random() < 0.7:
        name = choice(("graph.json", "graph.safetensors", "golden.npz"), generator)
        files[name] = _WAYS[name.rpartition(".")[2]](files[name], generator)
    manifest = json.loads(files.pop(bundle.MANIFEST))
    manifest["files"] = {n: {"sha256": sha256(d), "bytes": len(d)} for n, d in files.items()}
    text = json.dumps(manifest).encode()
    return files | {
        bundle.MANIFEST: text if generator.random() < 0.6 else broken_json(text, generator)
    }


def _replace(files: Files, name: str, old: str, new: str) -> None:
    if name in files:
        files[name] = files[name].replace(old.encode(), new.encode())


def _recordings(
    name: str, make: Callable[[], Files], format: str | None, probe: tuple[Any, str]
) -> Target:
    return Target(name, partial(_broken_set, make), partial(read_recordings, format=format), probe)


_LINES = (Lines, "_split")
TARGETS = (
    _recordings("csv", seeds.csv_set, "csv", _LINES),
    _recordings("hapt", seeds.hapt_set, "hapt", _LINES),
    _recordings("wisdm-2019", seeds.wisdm_2019_set, "wisdm-2019", _LINES),
    _recordings("wisdm-v1", seeds.wisdm_v1_set, "wisdm-v1", _LINES),
    _recordings("dsads", seeds.dsads_set, "dsads", _LINES),
    _recordings("mhealth", seeds.mhealth_set, "mhealth", _LINES),
    _recordings("mhealth-null", seeds.mhealth_set, "mhealth-null", _LINES),
    _recordings("sisfall", seeds.sisfall_set, "sisfall", _LINES),
    _recordings("uci-har", seeds.uci_har_set, "uci-har", _LINES),
    _recordings("sleep", seeds.sleep_set, "sleep", _LINES),
    _recordings("cwa", seeds.cwa_set, "cwa", (cwa, "_samples")),
    Target(
        "zip",
        partial(_broken_archive, "a.zip", zipped, broken_zip),
        read_archive,
        _LINES,
    ),
    *(Target(suffix, partial(_broken_tar, suffix), read_archive, _LINES) for suffix in _PACKERS),
    Target("wk-text", _broken_port, read_wk_text, (TextStream, "_read")),
    Target(
        "checkpoint",
        partial(_vouched_checkpoint, seeds.checkpoint_set),
        checkpoint.load_checkpoint,
        (checkpoint, "weight_shapes"),
    ),
    Target("run", partial(_vouched_checkpoint, seeds.run_set), read_run, (npz, "_array")),
    Target("folds", _broken_folds, read_folds, (cross_validation, "_fold_of")),
    Target("state", _vouched_state, read_state, (training_state, "_check_identity")),
    Target(
        "graph", partial(_broken_set, seeds.graph_set), read_graph, (graph_file, "_op_from_json")
    ),
    Target("bundle", _vouched_bundle, read_bundle, (bundle, "parse_graph")),
    Target(
        "npz",
        lambda generator: {
            "calibration.npz": broken_npz(seeds.run_set()["calibration.npz"], generator)
        },
        _calibrate,
        (npz, "_array"),
    ),
    Target(
        "labels", partial(_broken_one, seeds.labels_sets), read_labels_file, (labels, "TaskSpec")
    ),
)
