"""BUNDLE/c of a run of ours: what it promises, and that an export stops when C breaks a promise."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wearkit.bundle.bundle import open_bundle
from wearkit.errors import MissingToolError, ModelFileError, VerificationError
from wearkit.integer.graph import ROUNDINGS, Rounding
from wearkit.training.run import Run, open_run
from wearkit_export.bundle import c_folder
from wearkit_export.c import folder
from wearkit_export.targets import toolchain
from wearkit_export.targets.native import run_native

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-pedantic")
CHECK = "examples/c/check_golden.c"


@pytest.fixture(scope="module")
def micro_run(untrained_run: Callable[[str], Path]) -> Run:
    return open_run(untrained_run("mtl-net-micro"))


def export(run: Run, out: Path, **options: Any) -> dict[str, Any]:
    from wearkit_export.bundle.write import write_bundle

    write_bundle(run.checkpoint, run.calibration, out, run=run, **options)
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def c_row(report: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = report["equality"][-1]
    assert row["runtime"] == "C on this computer"
    return row


def build(folder: Path, main: Path, program: Path, compiler: str = "cc") -> Path:
    sources = map(str, sorted(folder.glob("*.c")))
    command = [compiler, *STRICT, f"-I{folder}", *sources, str(main), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_any_compiler_builds_it_beside_any_main(
    compiler: str,
    micro_bundle: Path,
    repository: Path,
    tmp_path: Path,
    needs_program: Callable[[str, str], str],
) -> None:
    needs_program(compiler, f"apt-get install {compiler}")
    program = build(micro_bundle / "c", repository / CHECK, tmp_path / "check", compiler)

    done = subprocess.run([program], capture_output=True, text=True, check=False)

    bundle = open_bundle(micro_bundle)
    windows = len(bundle.golden().counts)
    assert done.stdout == (
        f"model {bundle.model_id[:16]} in C: {windows} golden windows, "
        f"0 of {15 * windows} logits differ\n"
    )
    assert done.returncode == 0


def test_the_golden_header_sees_a_wrong_bit(
    micro_bundle: Path,
    repository: Path,
    tmp_path: Path,
    needs_program: Callable[[str, str], str],
) -> None:
    needs_program("cc", "apt-get install gcc")
    folder = tmp_path / "c"
    (folder / "wk").mkdir(parents=True)
    for path in (micro_bundle / "c").rglob("*.[ch]"):
        (folder / path.relative_to(micro_bundle / "c")).write_bytes(path.read_bytes())
    model = folder / "wk_model.c"
    source = model.read_text()
    at = source.index("WK_TILED_BIAS(") + len("WK_TILED_BIAS(")
    end = source.index(",", at)
    model.write_text(f"{source[:at]}{int(source[at:end]) + 20000}{source[end:]}")

    done = subprocess.run(
        [build(folder, repository / CHECK, tmp_path / "check")], capture_output=True, text=True
    )

    assert done.returncode == 1
    assert " 0 of " not in done.stdout


@pytest.mark.usefixtures("real_compiler")
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_family_is_run_here_before_it_is_put_in_place(
    rounding: Rounding, micro_run: Run, tmp_path: Path
) -> None:
    report = export(micro_run, tmp_path / "b-int8", rounding=rounding)

    row = c_row(report)
    assert (row["family"], row["must_match"], row["differing"]) == (rounding, True, 0)
    assert row["windows"] == sum(report["compared_windows"].values())
    header = (tmp_path / "b-int8" / "c" / "wk_model.h").read_text()
    arena = sorted(int(size) for size in re.findall(r"WK_ARENA_BYTES (\d+)", header))
    assert arena == sorted(report["c"]["arena_bytes"].values())
    assert report["c"]["golden_windows"] == report["compared_windows"]["golden"]
    card = (tmp_path / "b-int8" / "MODEL_CARD.md").read_text()
    assert f"working memory of {report['c']['arena_bytes']['dsp']} bytes with DSP" in card
    assert "| C on this computer |" in card


def test_without_a_compiler_the_report_says_so(micro_run: Run, tmp_path: Path) -> None:
    row = c_row(export(micro_run, tmp_path / "b-int8"))
    assert "No C compiler" in row["not_run"]
    assert (tmp_path / "b-int8" / "c" / "wk_model.c").is_file()
    assert "No C compiler" in (tmp_path / "b-int8" / "MODEL_CARD.md").read_text()


@pytest.mark.usefixtures("real_compiler")
def test_a_compiler_that_builds_nothing_counts_as_none(
    micro_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a Mac whose developer tools were never installed."""
    stub = tmp_path / "bin" / "cc"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\necho no developer tools were found >&2\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(stub.parent), prepend=":")
    row = c_row(export(micro_run, tmp_path / "b-int8"))
    assert "cannot build any C program here" in row["not_run"]


@pytest.mark.usefixtures("real_compiler")
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("wk_model.c", "refuses the C"),
        ("logits", r"C on this computer .* .* in 1 of \d+ int8"),
    ],
)
def test_c_that_is_wrong_stops_the_export(
    place: str, reason: str, micro_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path, inputs: Any, **options: Any) -> Any:
        if place != "logits":
            (folder / place).write_text("int main(void) { return 0 }\n")
        found = run_native(folder, inputs, **options)
        found.logits[3, 7] ^= 1
        return found

    monkeypatch.setattr(c_folder, "run_native", broken)
    with pytest.raises(VerificationError, match=reason):
        export(micro_run, tmp_path / "b-int8")
    assert list(tmp_path.iterdir()) == []


def test_a_family_without_exact_integers_is_refused(
    micro_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ModelFileError("mean1 cannot be averaged like xnnpack in integers: choose another.")

    monkeypatch.setattr(folder, "emit_c", refuse)
    with pytest.raises(ModelFileError, match="cannot be averaged like xnnpack"):
        export(micro_run, tmp_path / "b-int8", rounding="xnnpack")
    assert list(tmp_path.iterdir()) == []


def test_large_inputs_leave_few_golden_windows(
    micro_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device must be able to hold them."""
    bundle = open_bundle(micro_bundle)
    golden = bundle.golden()
    monkeypatch.setattr(folder, "_GOLDEN_INPUT_BYTES_MAX", 1000)
    written = c_folder.write_c(bundle.graph, tmp_path, golden.inputs, golden.logits)
    assert 1 <= written.golden_windows <= 3
    text = (tmp_path / "c" / "wk_golden_model.h").read_text()
    assert f"#define WK_GOLDEN_WINDOWS {written.golden_windows}\n" in text
    (values,) = re.findall(r"wk_golden_logits\[\d+\] WK_FLASH = \{\n(.*?)\n\}", text, re.DOTALL)
    first = [int(value) for value in values.replace("\n", " ").strip(" ,").split(",")][:15]
    wanted = [golden.logits[head.task][0] for head in bundle.graph.heads]
    assert first == np.concatenate(wanted).tolist()


def test_find_program_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=r"wearkit\[profile\]"):
        toolchain.find_program()
