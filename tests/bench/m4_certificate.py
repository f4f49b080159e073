"""Does the firmware on a Cortex-M4 compute what the host computes? The whole chain, many windows.

    python tests/bench/m4_certificate.py --bundle B --out examples/certificate \\
        --sisfall sisfall-adxl345-subset.tar.xz --hapt hapt-accel.tar.xz [--recordings N] [--json]
    python tests/bench/m4_certificate.py --bundle B --write-data FOLDER --sisfall ... --hapt ...

`wearkit emulate --target cortex-m4` runs the bare-metal image behind the register model of the
sensor, `wearkit live --verify` compares every window over the pseudo-terminal, and the certificate
is compared with what this script computes from the same counts by itself: the windows, their
digest, and clipping, the only fault that is there. The archive of SisFall is at 200 Hz; its sensor
at 50 Hz is every fourth sample, from each of the four PHASES on, which are four sets of other
windows.

Then the same with an engine that rounds otherwise (m4_changed.py says how): the session must end
with exit code 1 at the first window of which the oracle says that it differs. Exits 1 when
anything of this does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import m4_changed
import numpy as np
from m4_changed import CHANGES, Change, changed_bundle, rounding_changed
from numpy.typing import NDArray

from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.counts import COUNT_MAX, COUNT_MIN, counts_to_int8
from wearkit.integer.reference import Reference
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.recording import Recording
from wearkit.spec import WindowSpec
from wearkit.windows.sensor_counts import sensor_counts

Counts = NDArray[np.int16]
Logits = dict[str, NDArray[np.int8]]
SISFALL_HZ, PHASES = 200, (0, 1, 2, 3)
CHANGED_WINDOWS = 400  # the changed engines need no more to differ
_WEARKIT = (sys.executable, "-c", "from wearkit.cli import main; main()")
_UNCHECKED = (sys.executable, m4_changed.__file__)
_LIMIT_S = 7200
CERTIFICATE = "equivalence.json"


@dataclass(frozen=True, slots=True)
class Verified:
    """A session of `wearkit live --verify`. said: its last words on standard error."""

    code: int
    said: str
    certificate: dict[str, Any]
    page: str
    seconds: float


def decimated(recording: Recording, factor: int, phase: int) -> Recording:
    """Every `factor`-th sample from `phase` on: the same sensor at a lower rate, uninterpolated."""
    part = slice(phase, None, factor)
    track = recording.labels
    return replace(
        recording,
        acc_g=recording.acc_g[part],
        time_s=recording.time_s[part],
        rate_hz=recording.rate_hz / factor,
        labels=None if track is None else replace(track, codes=track.codes[part]),
    )


def recordings(hapt: Path | None, sisfall: Path | None, spec: WindowSpec) -> Iterator[Counts]:
    """(T, 3) counts of each gap-free stretch at the model's rate."""
    if sisfall is not None:
        for phase in PHASES:
            for recording in open_dataset(sisfall):
                every = round(SISFALL_HZ / spec.rate_hz)
                yield from sensor_counts(decimated(recording, every, phase), spec)
    if hapt is not None:
        for recording in open_dataset(hapt):
            yield from sensor_counts(recording, spec)


def write_recordings(stretches: Sequence[Counts], rate_hz: float, folder: Path) -> None:
    """One CSV file each, which --data reads in this order."""
    folder.mkdir()
    for number, counts in enumerate(stretches):
        rows = "".join(
            f"{i / rate_hz:.3f},{x},{y},{z}\n" for i, (x, y, z) in enumerate(counts.tolist())
        )
        path = folder / f"{number:05d}.csv"
        path.write_text("# units=counts\ntime,x,y,z\n" + rows, encoding="ascii")


def windows_of(stretches: Sequence[Counts], spec: WindowSpec) -> Counts:
    """(N, length, 3): the device's own, whose sample 0 is the second that the sensor takes."""
    samples = np.concatenate(stretches)[1:]
    starts = range(0, len(samples) - spec.length + 1, spec.hop)
    return np.stack([samples[start : start + spec.length] for start in starts])


def digest(windows: Counts, logits: Logits, hop: int) -> str:
    """As docs/verify.md defines it, from the counts alone."""
    found = hashlib.sha256()
    for number, window in enumerate(windows):
        found.update(struct.pack("<II", number * hop, zlib.crc32(window.astype("<i2").tobytes())))
        found.update(b"".join(rows[number].tobytes() for rows in logits.values()))
    return found.hexdigest()


def verify(
    device: Path, host: Path, data: Path, windows: int, work: Path, emulator: Sequence[str]
) -> Verified:
    """The firmware of bundle `device` behind `data`, verified against bundle `host`.

    windows: so many, then stop. emulator: options of `wearkit emulate`.
    """
    began_s = time.monotonic()
    path = work / CERTIFICATE
    program = _WEARKIT if device == host else _UNCHECKED
    with subprocess.Popen(
        [*program, "emulate", "--data", data, "--bundle", device, "--speed", "0", *emulator],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as emulate:
        assert emulate.stdout is not None
        port = emulate.stdout.readline().strip()
        options = ("--port", port, "--bundle", str(host), "--windows", str(windows))
        keep = ("--certificate", str(path), "--reconnect", "0")
        live = subprocess.run(
            (*_WEARKIT, "live", "--verify", "--json", *options, *keep),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        emulate.terminate()
    return Verified(
        code=live.returncode,
        said=live.stderr.strip().splitlines()[-1],
        certificate=json.loads(path.read_text()),
        page=path.with_suffix(".md").read_text(),
        seconds=time.monotonic() - began_s,
    )


def check(certificate: Path, bundle: Path, data: Path) -> tuple[int, str]:
    """What `wearkit certificate check` makes of it: exit code and last words."""
    options = ("--bundle", str(bundle), "--data", str(data))
    checked = subprocess.run(
        (*_WEARKIT, "certificate", "check", str(certificate), *options),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    return checked.returncode, checked.stderr.strip().splitlines()[-1]


def compared(found: Verified, windows: Counts, logits: Logits, bundle: Bundle) -> dict[str, Any]:
    """The certificate beside what it must say."""
    certificate = found.certificate
    hop = bundle.model.window.hop
    at_rail = (windows <= COUNT_MIN) | (windows >= COUNT_MAX)
    clipped = int(at_rail.any(axis=(1, 2)).sum())
    expected = {
        "code": 0,
        "result": "equivalent",
        "model_id": bundle.model_id,
        "windows_compared": len(windows),
        "windows_differing": 0,
        "logits_compared": sum(rows.size for rows in logits.values()),
        "digest_sha256": digest(windows, logits, hop),
        "faults": {"CLIPPED": clipped} if clipped else {},
    }
    said = {name: certificate.get(name) for name in expected} | {"code": found.code}
    wrong = [f"{name} is {said[name]}, not {wanted}" for name, wanted in expected.items()
             if said[name] != wanted]  # fmt: skip
    wrong += [row["what"] for row in certificate["sums"] if row["whole"] != row["parts"]]
    return {
        **said,
        "classes": certificate["classes"],
        "device_hours": round(len(windows) * hop / bundle.model.window.rate_hz / 3600, 2),
        "seconds": round(found.seconds, 1),
        "wrong": wrong,
    }


def changed(
    change: Change,
    bundle: Bundle,
    windows: Counts,
    data: Path,
    work: Path,
    options: Sequence[str],
    *,
    old_answers: bool = True,
) -> dict[str, Any]:
    """A device whose engine rounds otherwise, with new known answers and, to see whether its own
    test at boot notices, with the old ones."""
    inputs = counts_to_int8(windows)
    right = Reference(bundle.graph).run(inputs)
    with rounding_changed(change):
        other = Reference(bundle.graph).run(inputs)
    differs = np.any([(right[task] != other[task]).any(axis=1) for task in right], axis=0)
    first = int(np.argmax(differs)) if differs.any() else None
    found: dict[str, Any] = {
        "change": change.name,
        "windows": len(windows),
        "windows_that_differ": int(differs.sum()),
        "first_that_differs": first,
    }
    assert first is not None, f"{change.name} changes none of {len(windows)} windows"
    for answers in ("old", "new") if old_answers else ("new",):
        folder = work / f"{change.name}-{answers}"
        changed_bundle(bundle, folder, change, new_answers=answers == "new")
        session = verify(folder, bundle.path, data, len(windows), work, options)
        counts = session.certificate
        found[f"{answers}_answers"] = {
            "code": session.code,
            "windows_equal": counts["windows_compared"] - counts["windows_differing"],
            "said": session.said,
        }
    caught, hop = found["new_answers"], bundle.model.window.hop
    both = [str(list(map(int, side[task][first]))) for side in (right, other) for task in right]
    found["wrong"] = [
        what
        for what, holds in {
            "exit code": caught["code"] == 1,
            "exit code with the old answers": not old_answers or found["old_answers"]["code"] != 0,
            "window": f"Window at sample {first * hop}:" in caught["said"],
            "windows before it": caught["windows_equal"] == first,
            "logits of both sides": all(row in caught["said"] for row in both),
        }.items()
        if not holds
    ]
    return found


def main() -> int:
    options = _options()
    bundle = open_bundle(options.bundle)
    spec = bundle.model.window
    emulator = ["--target", "cortex-m4", "--emulator", options.emulator]
    emulator += ["--streaming"] if options.streaming else []
    stretches = list(islice(recordings(options.hapt, options.sisfall, spec), options.recordings))
    if options.write_data is not None:
        write_recordings(stretches, spec.rate_hz, options.write_data)
        return 0
    windows = windows_of(stretches, spec)
    logits = Reference(bundle.graph).run(counts_to_int8(windows))
    result: dict[str, Any] = {"recordings": len(stretches), "samples": sum(map(len, stretches))}
    with tempfile.TemporaryDirectory(prefix="wearkit-") as name:
        work = Path(name)
        data, count = work / "data", len(windows)
        write_recordings(stretches, spec.rate_hz, data)
        found = verify(options.bundle, options.bundle, data, count, work, emulator)
        result["same_engine"] = compared(found, windows, logits, bundle)
        code, said = check(work / CERTIFICATE, options.bundle, data)
        result["same_engine"]["checked"] = said
        if code != 0 or f"{count} of {count} windows were computed again" not in said:
            result["same_engine"]["wrong"].append(f"certificate check says: {said}")
        if options.out is not None and not result["same_engine"]["wrong"]:
            _keep(found, options.out)
        result["changed_engine"] = [
            changed(change, bundle, windows[:CHANGED_WINDOWS], data, work, emulator)
            for change in CHANGES
        ]
    rows = [result["same_engine"], *result["changed_engine"]]
    result["ok"] = not any(row["wrong"] for row in rows)
    print(json.dumps(result, indent=1) if options.json else _table(result))
    return 0 if result["ok"] else 1


def _keep(found: Verified, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.certificate, indent=2) + "\n"
    (folder / CERTIFICATE).write_text(text, encoding="utf-8")
    (folder / "equivalence.md").write_text(found.page, encoding="utf-8")


def _table(result: dict[str, Any]) -> str:
    same = result["same_engine"]
    lines = [
        f"{result['recordings']} recordings, {result['samples']} samples",
        f"same engine: exit {same['code']}, {same['windows_compared']} windows, "
        f"{same['windows_differing']} differ, {same['logits_compared']} logits, "
        f"{same['device_hours']} h of the device in {same['seconds']} s, faults {same['faults']}",
        f"certificate check: {same['checked']}",
    ]
    for row in result["changed_engine"]:
        lines.append(
            f"{row['change']}: {row['windows_that_differ']} of {row['windows']} windows differ by "
            f"the oracle, first window {row['first_that_differs']}"
        )
        for answers in ("old", "new"):
            said = row[f"{answers}_answers"]
            lines.append(
                f"  {answers} known answers: exit {said['code']} after {said['windows_equal']} "
                f"equal windows: {said['said']}"
            )
    lines += [
        f"WRONG: {what}" for row in [same, *result["changed_engine"]] for what in row["wrong"]
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--hapt", type=Path)
    parser.add_argument("--sisfall", type=Path)
    parser.add_argument("--recordings", type=int, help="only the first so many")
    parser.add_argument("--streaming", action="store_true", help="ask the model sample by sample")
    parser.add_argument("--emulator", default="unicorn", help="or qemu")
    parser.add_argument("--out", type=Path, help="keep the certificate in this folder")
    parser.add_argument("--write-data", type=Path, help="only write the recordings there, as CSV")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
