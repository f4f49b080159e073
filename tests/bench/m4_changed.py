"""An engine that rounds otherwise: a bundle's C changed in a copy, and an oracle for what it says.

The oracle is the integer reference with the same change, made to its own constants; the C shares
no line with it. A bundle copied with `new_answers` holds known answers made by the changed engine,
as they would be of somebody who did not notice: its firmware passes its own test at boot.

wearkit refuses to build from such a folder. `python m4_changed.py emulate ...` is the `wearkit`
command without that refusal: how else would a wrong engine get onto a device.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from wearkit.bundle.bundle import C_FOLDER, GOLDEN, MANIFEST, Bundle
from wearkit.files.limited import file_sha256
from wearkit.files.npz import write_npz
from wearkit.integer import requantize
from wearkit.integer.reference import Reference


@dataclass(frozen=True, slots=True)
class Change:
    """edits: (file of the bundle, text, text instead). constant: of wearkit.integer.requantize,
    and its value in the changed engine."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    constant: tuple[str, int]


CHANGES = (
    Change(
        "halves round up",
        (
            ("c/wk/wk_engine_config.h", "WK_CONV_ROUNDING WK_ROUND_AWAY",
             "WK_CONV_ROUNDING WK_ROUND_UP"),
            ("c/wk/wk_engine_config.h", "WK_DENSE_ROUNDING WK_ROUND_AWAY",
             "WK_DENSE_ROUNDING WK_ROUND_UP"),
        ),
        ("_TIES_AWAY", 0),
    ),
    Change(
        "no rounding nudge",
        (
            ("c/wk/wk_requantize.h", "smmulr", "smmul"),
            ("c/wk_conv1d_max2_dsp.c", "smmulr", "smmul"),
            ("c/wk/wk_requantize.h", "multiplier + ((int64_t)1 << 30)) >> 31", "multiplier) >> 31"),
        ),
        ("_HIGH_MUL_NUDGE", 0),
    ),
)  # fmt: skip


@contextmanager
def rounding_changed(change: Change) -> Iterator[None]:
    """The reference rounds as the changed engine does; not for other threads."""
    name, value = change.constant
    before = getattr(requantize, name)
    setattr(requantize, name, value)
    try:
        yield
    finally:
        setattr(requantize, name, before)


def changed_bundle(bundle: Bundle, folder: Path, change: Change, *, new_answers: bool) -> None:
    """A copy of the bundle in `folder`, of the same model id, with that engine."""
    shutil.copytree(bundle.path, folder)
    for name, text, instead in change.edits:
        path = folder / name
        before = path.read_text(encoding="ascii")
        assert text in before, f"{name} has no {text!r}"
        path.write_text(before.replace(text, instead), encoding="ascii")
    if new_answers:
        golden = bundle.golden()
        with rounding_changed(change):
            logits = Reference(bundle.graph).run(golden.inputs)
        arrays = {f"logits_{task}_int8": rows for task, rows in logits.items()}
        write_npz(
            folder / GOLDEN,
            {"counts_int16": golden.counts, "inputs_int8": golden.inputs, **arrays},
        )
    _vouch(folder, {name for name, _, _ in change.edits} | {GOLDEN})


def _vouch(folder: Path, names: set[str]) -> None:
    """Let the manifest list these files as they are now."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for name in names:
        changed = folder / name
        entry = {"bytes": changed.stat().st_size, "sha256": file_sha256(changed)}
        manifest["files"][name] = entry
    path.write_text(json.dumps(manifest), encoding="utf-8")


def main() -> None:
    """The command line of wearkit; C and known answers are taken as they lie in the bundle."""
    from wearkit import cli

    def as_it_lies(bundle: Bundle, out: Path) -> Path:
        shutil.copytree(bundle.path / C_FOLDER, out)
        return out

    with (
        mock.patch("wearkit_export.device.build.print_checked", as_it_lies),
        mock.patch.object(Bundle, "_check_logits"),
    ):
        cli.main()


if __name__ == "__main__":
    main()
