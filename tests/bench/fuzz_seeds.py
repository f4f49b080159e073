"""Whole files in every format wearkit reads, small and made here: what fuzzers start from."""

from __future__ import annotations

import io
import json
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from fuzzing import Files
from numpy.typing import NDArray

from wearkit.bundle.bundle import FILES, FORMAT, FORMAT_VERSION, MANIFEST
from wearkit.bundle.described import described
from wearkit.counts import counts_to_int8
from wearkit.files.npz import write_npz
from wearkit.files.safe_write import write_json
from wearkit.integer import reference
from wearkit.integer.graph_file import model_id, save_graph
from wearkit.model.architecture import weight_shapes
from wearkit.model.checkpoint import JSON_NAME, Checkpoint, save_checkpoint
from wearkit.model.provenance import DataRecord, Kept, Provenance
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.training.epochs import EpochRecord, EpochScores
from wearkit.training.metrics_file import METRICS_NAME
from wearkit.training.state import BestSoFar, StateFolder, TrainingState
from wearkit_export.quantization.quantize import quantize

ROWS = 120
MODEL = ModelSpec(
    "mtl-net-micro",
    WindowSpec(),
    (TaskSpec("posture", ("supine", "left", "prone")), TaskSpec("placement", ("chest", "neck"))),
)
IDENTITY: dict[str, Any] = {
    "settings": {"epochs": 2, "seed": 0},
    "model": MODEL.to_json(),
    "people": "ab" * 32,
}


def samples_g(rows: int = ROWS) -> NDArray[np.float64]:
    """(rows, 3): gravity, a step's swing and noise."""
    generator = np.random.default_rng(1)
    swing = 0.2 * np.sin(0.6 * np.arange(rows))[:, None]
    made: NDArray[np.float64] = np.array([0.1, 0.2, 0.95]) + swing
    return made + generator.normal(0, 0.02, (rows, 3))


def _lines(rows: list[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()


def csv_set() -> Files:
    acc, files = samples_g(), {}
    for person in ("anna", "ben"):
        rows = ["# units=g task=posture", "time,x,y,z,label,placement,subject"]
        rows += [
            f"{n / 50:.2f},{x:.3f},{y:.3f},{z:.3f},{'sit' if n < 60 else 'walk'},waist,{person}"
            for n, (x, y, z) in enumerate(acc)
        ]
        files[f"{person}.csv"] = _lines(rows)
    return files


def hapt_set() -> Files:
    rows = [f"{x:.9f} {y:.9f} {z:.9f}" for x, y, z in samples_g()]
    return {
        "RawData/acc_exp01_user01.txt": _lines(rows),
        "RawData/acc_exp02_user02.txt": _lines(rows[::-1]),
        "RawData/labels.txt": _lines(["1 1 5 1 50", "1 1 7 51 60", "1 1 4 61 110", "2 2 1 10 120"]),
    }


def wisdm_2019_set() -> Files:
    rows = []
    for n, (x, y, z) in enumerate((9.8 * samples_g()).round(6).tolist()):
        letter, start_ns = ("A", 10**12) if n < 70 else ("B", 10**9)
        rows.append(f"1600,{letter},{start_ns + 50_000_000 * n},{x},{y},{z};")
    return {"raw/watch/accel/data_1600_accel_watch.txt": _lines(rows)}


def wisdm_v1_set() -> Files:
    rows = [
        f"33,{'Walking' if n < 70 else 'Jogging'},{49105962326000 + 50_000_000 * n},{x},{y},{z};"
        for n, (x, y, z) in enumerate((9.8 * samples_g()).round(4).tolist())
    ]
    return {"WISDM_ar_v1.1_raw.txt": _lines(rows)}


def dsads_set() -> Files:
    acc = 9.8 * samples_g(50)
    rows = [",".join(f"{v:.4f}" for v in [*row] * 15) for row in acc]
    return {
        f"data/a0{a}/p{p}/s0{s}.txt": _lines(rows) for a, p, s in ((1, 1, 1), (1, 1, 2), (9, 2, 1))
    }


def mhealth_set() -> Files:
    rows = [
        "\t".join([*(f"{v:.4f}" for v in [*(9.8 * row)] * 7), "0.1", "0.2", str(n // 10)])
        for n, row in enumerate(samples_g(60))
    ]
    return {"mHealth_subject1.log": _lines(rows)}


def sisfall_set() -> Files:
    counts = np.rint(256 * samples_g()).astype(int)
    rows = [",".join(f"{v:5d}" for v in [*row] * 3) + ";" for row in counts.tolist()]
    return {"SA01/D01_SA01_R01.txt": _lines(rows), "SA01/F02_SA01_R01.txt": _lines(rows)}


def uci_har_set() -> Files:
    run = samples_g(320)
    files = {}
    for part in ("train", "test"):
        for axis, name in enumerate("xyz"):
            rows = [" ".join(f"{v:.7e}" for v in run[s : s + 128, axis]) for s in (0, 64, 128, 192)]
            files[f"{part}/Inertial Signals/total_acc_{name}_{part}.txt"] = _lines(rows)
        files[f"{part}/subject_{part}.txt"] = _lines(["1"] * 4)
        files[f"{part}/y_{part}.txt"] = _lines(["5"] * 4)
    return files


def sleep_set() -> Files:
    acc = samples_g()
    first = [f"{n},{x:.3f},{y:.3f},{z:.3f};" for n, (x, y, z) in enumerate(acc)]
    second = ["ax,ay,az", *(f"{x:.3f},{y:.3f},{z:.3f}" for x, y, z in acc)]
    return {"01_An_RightUp_nguc.txt": _lines(first), "02_Binh_down_co.csv": _lines(second)}


def _cwa_block(number: int, data: bytes, layout: int, count: int) -> bytes:
    stamp = (26 << 26) | (3 << 22) | (4 << 17) | (5 << 12) | (6 << 6) | number
    words = (508, 0, 7, number, stamp, 0, 0, 0, 0, 0x4A, layout, 0, count)
    body = struct.pack("<2sHHIIIHHBBBBhH", b"AX", *words) + data.ljust(480, b"\0")
    total = int(np.frombuffer(body, "<u2").sum(dtype=np.uint64))
    return body + struct.pack("<H", -total & 0xFFFF)


def cwa_set() -> Files:
    plain = np.rint(256 * samples_g(80)).astype("<i2").tobytes()
    packed = struct.pack("<I", (1 << 30) | (511 << 20) | (100 << 10) | 100) * 120
    head = b"MD".ljust(1024, b"\0")
    return {
        "anna.cwa": head + b"".join(_cwa_block(n, plain, 0x32, 80) for n in range(5)),
        "ben.cwa": head + b"".join(_cwa_block(n, packed, 0x30, 120) for n in range(4)),
    }


def wk_text() -> bytes:
    rows = [
        "#wearkit text/1 units=counts rate=50 range=2 axes=+x+y+z fields=index,t_us,x,y,z crc=none"
    ]
    for n, (x, y, z) in enumerate(np.rint(256 * samples_g(200)).astype(int).tolist()):
        rows.append(f"{n},{n * 20000},{x},{y},{z}")
    return _lines(rows)


def _counts(windows: int) -> NDArray[np.int16]:
    made = np.random.default_rng(2).normal(0, 150, (windows, 100, 3)).clip(-512, 511)
    counts: NDArray[np.int16] = np.rint(made).astype(np.int16)
    return counts


@cache
def checkpoint() -> Checkpoint:
    generator = np.random.default_rng(3)
    weights = {
        name: generator.uniform(0.1, 0.5, shape).astype(np.float32)
        for name, shape in weight_shapes(MODEL).items()
    }
    recorded = DataRecord(simulated=True)
    return Checkpoint(MODEL, weights, Provenance(data=recorded, kept=Kept("student", 1, None)))


def _folder_files(folder: str) -> Files:
    root = Path(folder)
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@cache
def checkpoint_set() -> Files:
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(checkpoint(), Path(folder))
        return _folder_files(folder)


@cache
def run_set() -> Files:
    """A run folder: the checkpoint with calibration and test windows and metrics."""
    targets = {"target_posture": np.arange(6, dtype=np.int16) % 3}
    targets["target_placement"] = np.arange(6, dtype=np.int16) % 2
    columns: dict[str, NDArray[Any]] = {
        "counts": _counts(6),
        "subject": np.arange(6, dtype=np.int32) % 2,
        "run": np.zeros(6, np.int32),
        "start": 60 * np.arange(6, dtype=np.int32),
        "subjects": np.array(["anna", "bert"]),
    }
    parts = {"train": ["dora", "emil"], "val": ["fred"], "test": ["anna", "bert"]}
    split = {"kind": "subject", "fold": 0, "folds": 5, "seed": 0, "leak_share": 0.0}
    metrics: dict[str, Any] = {"format": "wearkit-metrics", "format_version": 1, "simulated": True}
    people = {name: {"windows": 6, "subjects": subjects} for name, subjects in parts.items()}
    metrics |= {"split": {**split, **people}}
    metrics |= {"data": {"rejected_windows": {"no label": 3}, "dropped_rows": {"garbled line": 1}}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write_npz(path / "calibration.npz", {"counts": _counts(8)})
        write_npz(path / "test.npz", columns | targets)
        write_json(path / "metrics.json", metrics)
        return checkpoint_set() | _folder_files(folder)


@cache
def fold_set(fold: int) -> Files:
    """A run as run_set that is one fold of two."""
    told = {"kind": "subject", "fold": fold, "folds": 2, "seed": 0, "leak_share": 0.0}
    files = dict(run_set())
    for name, path in ((JSON_NAME, ("provenance", "split")), (METRICS_NAME, ("split",))):
        value = json.loads(files[name])
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        holder.setdefault(path[-1], {}).update(told)
        files[name] = json.dumps(value).encode()
    return files


@cache
def state_set() -> Files:
    scores = EpochScores({"posture": 0.5, "placement": 0.4}, {"posture": 0.9, "placement": 0.8})
    record = EpochRecord(1, 0.7, scores, scores, scores)
    small: dict[str, NDArray[Any]] = {"generator.batches": np.arange(40, dtype=np.uint8)}
    small |= {f"student.{n}": v for n, v in list(checkpoint().weights.items())[:4]}
    best = BestSoFar(dict(list(checkpoint().weights.items())[:4]), "teacher", 1, scores)
    state = TrainingState(small, (record,), best, 30, 480, 1.5)
    with tempfile.TemporaryDirectory() as folder:
        request = {"arch": "mtl-net-micro", "epochs": 2, "data": "posture-sim"}
        StateFolder(Path(folder), request).save(state, IDENTITY)
        return _folder_files(folder)


@cache
def graph_set() -> Files:
    with tempfile.TemporaryDirectory() as folder:
        save_graph(quantize(checkpoint(), _counts(16)), Path(folder))
        return _folder_files(folder)


@cache
def bundle_set() -> Files:
    """A bundle as open_bundle knows it: models are vouched for, not read, so any bytes do."""
    graph = quantize(checkpoint(), _counts(16))
    counts = _counts(4)
    golden: dict[str, Any] = {
        "counts_int16": counts,
        "inputs_int8": counts_to_int8(counts),
    }
    for task, logits in reference.run(graph, golden["inputs_int8"]).items():
        golden[f"logits_{task}_int8"] = logits
    out = io.BytesIO()
    np.savez_compressed(out, **golden)
    files = graph_set() | {"golden.npz": out.getvalue()}
    files |= {name: name.encode() for name in FILES if name not in files}
    manifest: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION}
    manifest |= {"model_id": model_id(graph), **described(graph), "files": {}}
    manifest["input"] |= {"shape": [MODEL.window.length, 3]}
    return files | {MANIFEST: json.dumps(manifest).encode()}


def labels_sets() -> Files:
    return {
        "lines.txt": b"# what\nposture: supine, left, prone\nplacement: chest, neck\n",
        "tasks.json": b'{"posture": ["supine", "left", "prone"], "placement": ["chest", "neck"]}',
    }
