"""Ports as others build them: lists of sources are complete, and CMake projects can use them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wearkit import __version__
from wearkit.bundle.bundle import open_bundle
from wearkit_export.device.build import PROGRAM_FOLDERS, model_sources

WAYS = ("subdirectory", "fetch", "package")


def run(*command: str | Path, at: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=at, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def firmware(repository: Path) -> Path:
    return repository / "firmware"


@pytest.fixture(scope="module")
def cmake(needs_program: Callable[[str, str], str]) -> str:
    needs_program("gcc", "apt-get install gcc")
    return needs_program("cmake", "apt-get install cmake")


@pytest.fixture(scope="module")
def model(micro_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `wearkit firmware --port sources` writes."""
    return model_sources(open_bundle(micro_bundle), tmp_path_factory.mktemp("ports"))


def test_the_one_list_of_sources_is_complete(firmware: Path) -> None:
    listed = re.findall(r"\$\{WK_FIRMWARE_DIR\}/(\S+\.c)", (firmware / "sources.cmake").read_text())
    there = [
        path.relative_to(firmware).as_posix()
        for folder in PROGRAM_FOLDERS
        for path in sorted((firmware / folder).glob("*.c"))
    ]
    assert len(there) > 15
    assert sorted(listed) == sorted(there)


def test_every_port_has_the_version_of_the_package(firmware: Path) -> None:
    """HELLO said 0.1.0 of firmware that came with 0.2.0."""
    app = (firmware / "include/wk/wk_app.h").read_text()
    assert f"#define WK_FIRMWARE_VERSION {{{__version__.replace('.', ', ')}}}" in app
    for name, line in [
        ("CMakeLists.txt", f"VERSION {__version__} "),
        ("ports/arduino/library.properties", f"version={__version__}\n"),
        ("ports/esp-idf/wearkit/idf_component.yml", f'version: "{__version__}"\n'),
    ]:
        assert line in (firmware / name).read_text(), name


def test_no_port_has_a_list_of_its_own(firmware: Path) -> None:
    """Any file that names a source of the firmware would be a second list, and go stale."""
    names = {path.name for folder in PROGRAM_FOLDERS for path in (firmware / folder).glob("*.c")}
    builds = [
        path
        for pattern in ("CMakeLists.txt", "*.cmake", "*.mk", "Makefile")
        for path in firmware.rglob(pattern)
        if path.name != "sources.cmake" and "node_modules" not in path.parts
    ]
    assert len(builds) >= 4
    for path in builds:
        named = set(re.findall(r"\b(wk_\w+\.c)\b", path.read_text())) & names
        # The Makefile's fuzzer links only the decoder, on purpose.
        allowed = (
            {"wk_message.c", "wk_command.c", "wk_crc32.c"} if path.name == "Makefile" else set()
        )
        assert named <= allowed, f"{path}: {named}"


@pytest.fixture(scope="module")
def installed(cmake: str, firmware: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build, prefix = (tmp_path_factory.mktemp(name) for name in ("cmake-build", "cmake-prefix"))
    run(cmake, "-S", firmware, "-B", build, f"-DCMAKE_INSTALL_PREFIX={prefix}")
    run(cmake, "--build", build, "-j", "2")
    run(cmake, "--install", build)
    return prefix


@pytest.mark.parametrize("way", WAYS)
def test_a_project_finds_the_firmware_and_gets_its_known_answers(
    cmake: str, firmware: Path, model: Path, installed: Path, tmp_path: Path, way: str
) -> None:
    example = tmp_path / "example"  # far from the repository where it is found as a package
    source = firmware / "ports" / "cmake" / "example"
    if way == "package":
        shutil.copytree(source, example)
        source = example
    found = [f"-DWK_FROM={way}", f"-DWK_BUNDLE={model}", f"-DCMAKE_PREFIX_PATH={installed}"]
    run(cmake, "-S", source, "-B", tmp_path / "build", "-DWK_WARNINGS=ON", *found)
    run(cmake, "--build", tmp_path / "build", "-j", "2")

    said = run(tmp_path / "build" / "known_answers")
    identity = (model / "wk_model.h").read_text()
    assert re.fullmatch(r"model ([0-9a-f]{8}): 4 golden windows, all as expected\n", said)
    assert said.split()[1][:8] in identity


def test_wrong_answers_are_seen(cmake: str, firmware: Path, model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    shutil.copytree(model, broken)
    device = broken / "wk_device_model.c"
    text = device.read_text()
    start = text.index("golden_logits")
    value = re.compile(r"-?\d+,").search(text, text.index("{", start))
    assert value is not None
    changed = f"{int(value[0][:-1]) ^ 1},"
    device.write_text(text[: value.start()] + changed + text[value.end() :])
    source = firmware / "ports" / "cmake" / "example"
    run(cmake, "-S", source, "-B", tmp_path / "build", f"-DWK_BUNDLE={broken}")
    run(cmake, "--build", tmp_path / "build", "-j", "2")

    done = subprocess.run([tmp_path / "build" / "known_answers"], capture_output=True, check=False)
    assert done.returncode == 1 and b"NOT as expected" in done.stdout


def test_a_bundle_without_the_firmware_is_a_library_too(
    cmake: str, firmware: Path, repository: Path, model: Path, tmp_path: Path
) -> None:
    """wearkit_add_bundle with a bundle's own c/ folder, in which there is no wk_device_model.c."""
    bundle = tmp_path / "bundle"
    shutil.copytree(model, bundle / "c")
    (bundle / "c" / "wk_device_model.c").unlink()
    (tmp_path / "main.c").write_text('#include "wk_model.h"\nint main(void) { return 0; }\n')
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(own LANGUAGES C)\n"
        f"add_subdirectory({firmware} wearkit EXCLUDE_FROM_ALL)\n"
        "wearkit_add_bundle(model bundle)\nadd_executable(own main.c)\n"
        "target_link_libraries(own PRIVATE model)\n"
    )
    run(cmake, "-S", tmp_path, "-B", tmp_path / "build")
    run(cmake, "--build", tmp_path / "build")
    run(tmp_path / "build" / "own")


def test_a_folder_without_a_model_is_refused(cmake: str, firmware: Path, tmp_path: Path) -> None:
    source = firmware / "ports" / "cmake" / "example"
    done = subprocess.run(
        [cmake, "-S", source, "-B", tmp_path / "build", f"-DWK_BUNDLE={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "There is no wk_model.h" in done.stderr


@pytest.mark.parametrize("cpu", ["cortex-m4", "cortex-m0plus"])
def test_the_library_is_built_for_a_microcontroller(
    cmake: str,
    firmware: Path,
    model: Path,
    tmp_path: Path,
    needs_program: Callable[[str, str], str],
    cpu: str,
) -> None:
    needs_program("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    port = firmware / "ports" / "cmake"
    run(
        *(cmake, "-S", port / "example", "-B", tmp_path, "-DWK_WARNINGS=ON"),
        *(f"-DWK_BUNDLE={model}", f"-DWK_CPU={cpu}", "-DCMAKE_BUILD_TYPE=MinSizeRel"),
        f"-DCMAKE_TOOLCHAIN_FILE={port / 'arm-none-eabi.cmake'}",
    )
    run(cmake, "--build", tmp_path, "-j", "2")

    attributes = run("arm-none-eabi-readelf", "-A", tmp_path / "known_answers")
    assert {"cortex-m4": "v7E-M", "cortex-m0plus": "v6S-M"}[cpu] in attributes
    # M4's kernels in assembly are there only where the core has them.
    symbols = run("arm-none-eabi-nm", tmp_path / "known_answers")
    assert ("T wk_wide_taps_max2" in symbols) == (cpu == "cortex-m4")


def test_sizes_of_structures_follow_the_options(
    cmake: str, firmware: Path, model: Path, tmp_path: Path
) -> None:
    source = firmware / "ports" / "cmake" / "example"
    options = [f"-DWK_BUNDLE={model}", "-DWK_RING_MAX=128", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
    run(cmake, "-S", source, "-B", tmp_path, *options)
    commands = (tmp_path / "compile_commands.json").read_text()
    assert commands.count("-DWK_RING_MAX=128") >= 20  # the firmware's files and their users'
    assert "WK_WINDOW_MAX" not in commands
