"""Two models in one program: a prefix gives each model's C names of its own, and nothing else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.device_port import Counts

from wearkit.bundle.bundle import Bundle, open_bundle
from wearkit.cli import run
from wearkit.counts import counts_to_int8
from wearkit.errors import DataError
from wearkit.integer.reference import Reference
from wearkit.model.checkpoint import Checkpoint
from wearkit_export.c.prefix import check_prefix
from wearkit_export.device.sources import c_files, firmware_files
from wearkit_export.targets.toolchain import WARNINGS


@pytest.fixture(scope="module")
def other(
    tmp_path_factory: pytest.TempPathFactory,
    untrained_checkpoint: Callable[..., Checkpoint],
    made_counts: Callable[..., Counts],
    quick_export: Callable[[pytest.MonkeyPatch], None],
) -> Bundle:
    """Another model, that rounds otherwise: its kernels are not those of the first."""
    from wearkit_export.bundle.write import write_bundle

    path = tmp_path_factory.mktemp("other") / "bundle"
    with pytest.MonkeyPatch.context() as patch:
        quick_export(patch)
        checkpoint = untrained_checkpoint("mtl-net-micro", seed=9)
        write_bundle(checkpoint, made_counts(64, seed=4), path, rounding="xnnpack")
    return open_bundle(path)


def write(files: dict[str, str], folder: Path) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


MAIN = """
#include <stdio.h>
#include "gait_model.h"
#include "gait_model_stream.h"
#include "rest_of_day_model.h"

static union { unsigned char bytes[GAIT_ARENA_BYTES + REST_OF_DAY_ARENA_BYTES]; int word; } arena;

int main(void)
{
    static gait_model_stream_t stream;
    int8_t in[GAIT_INPUT_LEN], logits[GAIT_OUTPUT_LEN + REST_OF_DAY_OUTPUT_LEN];
    int at;

    while (fread(in, 1, sizeof in, stdin) == sizeof in) {
        if (gait_model_run(arena.bytes, sizeof arena, in, logits) != GAIT_OK ||
            rest_of_day_model_run(arena.bytes, sizeof arena, in, logits + GAIT_OUTPUT_LEN) !=
                REST_OF_DAY_OK) {
            return 1;
        }
        fwrite(logits, 1, sizeof logits, stdout);
        gait_model_stream_begin(&stream);
        for (at = 0; at < GAIT_INPUT_LEN; at += 3 * GAIT_STREAM_STEP) {
            gait_model_stream_push(&stream, in + at);
        }
        if (gait_model_stream_run(&stream, logits) != GAIT_OK) {
            return 1;
        }
        fwrite(logits, 1, GAIT_OUTPUT_LEN, stdout);
    }
    return 0;
}
"""


def test_two_models_link_into_one_program_and_both_are_right(
    bundle: Bundle,
    other: Bundle,
    made_counts: Callable[..., Counts],
    tmp_path: Path,
    needs_program: Callable[[str, str], str],
) -> None:
    gcc = needs_program("gcc", "apt-get install gcc")
    gait = write(c_files(bundle, tmp_path / "a", "gait"), tmp_path / "gait")
    rest = write(c_files(other, tmp_path / "b", "rest_of_day"), tmp_path / "rest")
    (tmp_path / "main.c").write_text(MAIN)
    done = subprocess.run(
        [gcc, "-O1", *WARNINGS, f"-I{gait}", f"-I{rest}", *gait.glob("*.c"), *rest.glob("*.c"),
         tmp_path / "main.c", "-o", tmp_path / "both"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[:2000]
    inputs = counts_to_int8(made_counts(40, seed=6))
    ran = subprocess.run([tmp_path / "both"], input=inputs.tobytes(), capture_output=True)
    assert ran.returncode == 0
    logits = np.frombuffer(ran.stdout, np.int8).reshape(40, -1)
    first, second = (
        np.concatenate([run[task.name] for task in one.model.tasks], axis=1)
        for one, run in ((one, Reference(one.graph).run(inputs)) for one in (bundle, other))
    )
    np.testing.assert_array_equal(logits, np.concatenate([first, second, first], axis=1))


def test_without_a_prefix_they_do_not_link(
    bundle: Bundle, other: Bundle, tmp_path: Path, needs_program: Callable[[str, str], str]
) -> None:
    gcc = needs_program("gcc", "apt-get install gcc")
    folders = [
        write(c_files(one, tmp_path / name, None), tmp_path / f"c-{name}")
        for name, one in (("a", bundle), ("b", other))
    ]
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    sources = [path for folder in folders for path in folder.glob("*.c")]
    done = subprocess.run(
        [gcc, f"-I{folders[0]}", *sources, tmp_path / "main.c", "-o", tmp_path / "both"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "multiple definition of `wk_model_run'" in done.stderr


def test_every_name_is_its_own_and_the_firmware_keeps_its(bundle: Bundle, tmp_path: Path) -> None:
    plain = firmware_files(bundle, tmp_path / "plain")
    named = firmware_files(bundle, tmp_path / "named", "gait")

    assert len(named) == len(plain)
    assert all(name.startswith(("gait_", "gait/gait_")) for name in named)
    for name, text in named.items():
        if name in ("gait_device_model.c", "gait_device_model.h"):
            continue
        left = set(re.findall(r"\b(?:wk|WK)_\w+|wk/", text))
        assert left <= {"WK_FORCE_PLAIN"}, name
    binding = named["gait_device_model.c"]
    assert "const wk_classifier_t gait_device_model = {" in binding
    assert '#include "wk/wk_classifier.h"' in named["gait_device_model.h"]
    assert "extern const wk_classifier_t gait_device_model;" in named["gait_device_model.h"]
    assert "gait_model_run(arena.bytes" in binding and "wk_model" not in binding
    for one in re.findall(r'#include "([^"<]+)"', binding):
        assert one in named or one.startswith("wk/")


def test_two_models_are_linked_with_the_firmware_by_cmake(
    bundle: Bundle,
    other: Bundle,
    repository: Path,
    tmp_path: Path,
    needs_program: Callable[[str, str], str],
) -> None:
    cmake = needs_program("cmake", "apt-get install cmake")
    write(firmware_files(bundle, tmp_path / "a", "gait"), tmp_path / "gait")
    write(firmware_files(other, tmp_path / "b"), tmp_path / "plain")
    (tmp_path / "main.c").write_text(
        '#include "gait_device_model.h"\n#include "wk_device_model.h"\n'
        "int main(void)\n{\n    return !(wk_classifier_known_answers(&gait_device_model) &&\n"
        "             wk_classifier_known_answers(&wk_device_model));\n}\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(both LANGUAGES C)\n"
        f"add_subdirectory({repository / 'firmware'} wearkit EXCLUDE_FROM_ALL)\n"
        "wearkit_add_bundle(one gait)\nwearkit_add_bundle(two plain)\n"
        "add_executable(both main.c)\ntarget_link_libraries(both PRIVATE one two)\n"
    )
    for command in (["-S", tmp_path, "-B", tmp_path / "build"], ["--build", tmp_path / "build"]):
        words = [cmake, *map(str, command)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert subprocess.run([tmp_path / "build" / "both"]).returncode == 0


@pytest.mark.parametrize(
    "prefix",
    ["", "wk", "wk_app", "wkharness", "Gait", "1st", "_gait", "gait_", "a__b", "ga it", "ga-it",
     "gäit", "a" * 33, "gait\n", "wearkit/../x", "x;y"],
)  # fmt: skip
def test_what_cannot_begin_a_name_is_refused(
    bundle: Bundle, tmp_path: Path, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="cannot begin names in C"):
        check_prefix(prefix)
    out = tmp_path / "out"
    command = ["firmware", "--bundle", str(bundle.path), "--port", "c", "--out", str(out)]
    assert run([*command, "--prefix", prefix]) == 5
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert not out.exists()


def test_the_command_writes_the_c_alone(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["firmware", "--bundle", str(bundle.path), "--port", "c"]
    assert run([*command, "--out", str(tmp_path / "plain")]) == 0
    for path in (tmp_path / "plain").rglob("*.[ch]"):  # byte for byte the bundle's own
        name = path.relative_to(tmp_path / "plain")
        if name.name == "wk_model_labels.h":
            continue  # of the command alone
        assert path.read_bytes() == (bundle.path / "c" / name).read_bytes()
    assert run([*command, "--prefix", "gait", "--out", str(tmp_path / "gait")]) == 0
    assert (tmp_path / "gait" / "gait" / "gait_layer.h").is_file()
    assert (
        f'#define GAIT_MODEL_ID "{bundle.model_id}"'
        in (tmp_path / "gait" / "gait_model.h").read_text()
    )
    capsys.readouterr()


@pytest.mark.parametrize("port", ["arduino", "rp2040"])
def test_a_prefix_is_for_c_files(
    bundle: Bundle, tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["firmware", "--bundle", str(bundle.path), "--port", port, "--prefix", "gait"]
    assert run([*command, "--out", str(tmp_path / "out")]) == 2
    assert "--prefix is for --port sources and c." in capsys.readouterr().err
