"""The Arduino library with a model in it: its layout as the specification asks, and its full
sketch, on a computer behind a stub of Arduino's core and on a simulated Mega 2560."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.device_port import Counts, assert_predictions, hear, of_windows

from wearkit.bundle.bundle import Bundle
from wearkit_export.device.arduino import arduino_library
from wearkit_export.emulate.device import Emulated
from wearkit_export.targets.toolchain import WARNINGS

# Library specification 2.2: fields without which the IDE or the Library Manager refuses a library.
# `url` is one more, which the library cannot have before the project has an address.
REQUIRED = "name version author maintainer sentence paragraph category architectures".split()
CATEGORIES = (
    "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing",
    "Data Storage", "Data Processing", "Other",
)  # fmt: skip
NOTHING = Emulated(0, 0, 0, 0, 0, 0, 0.0, reader_left=False, drained=True)
MEGA = {"MCU": "atmega2560", "VARIANT": "mega", "BOARD": "AVR_MEGA2560", "SKETCH": "adxl345_model"}
MEGA_FLASH_BYTES, MEGA_RAM_BYTES = 253_952, 8192


@pytest.fixture(scope="module")
def fast_bundle(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return of_windows(bundle, tmp_path_factory.mktemp("fast") / "bundle", rate_hz=100.0)


@pytest.fixture(scope="module")
def library(fast_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked library, of a model of 100 Hz."""
    work, folder = tmp_path_factory.mktemp("arduino-work"), tmp_path_factory.mktemp("arduino")
    with zipfile.ZipFile(io.BytesIO(arduino_library(fast_bundle, work))) as archive:
        archive.extractall(folder)
    return folder / "wearkit"


def _fields(library: Path) -> dict[str, str]:
    lines = (library / "library.properties").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split("=", 1) for line in lines if line)
    assert len(fields) == len([line for line in lines if line])  # none twice
    return fields


def test_library_properties_are_as_specified(library: Path) -> None:
    fields = _fields(library)

    assert not [name for name in REQUIRED if not fields.get(name)]
    assert fields["name"] == library.name
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"])
    assert not fields["name"].lower().startswith("arduino")
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["category"] in CATEGORIES
    assert not fields["paragraph"].startswith(fields["sentence"])  # the IDE prints both
    assert all((library / "src" / name).is_file() for name in fields["includes"].split(","))


def test_layout_is_as_specified(library: Path) -> None:
    top = {path.name for path in library.iterdir()}

    assert top == {"README.md", "examples", "keywords.txt", "library.properties", "src"}
    sketches = sorted(path.name for path in (library / "examples").iterdir())
    assert sketches == ["adxl345_model", "adxl345_text"]
    for name in sketches:
        assert (library / "examples" / name / f"{name}.ino").is_file()
    # No links, no odd names, nothing hidden: the Library Manager refuses them.
    for path in library.rglob("*"):
        assert not path.is_symlink() and not path.name.startswith(".")
        assert re.fullmatch(r"[\w.-]+", path.name)
    assert not list(library.rglob("*.exe")) and not (library / ".development").exists()


def test_keywords_are_those_of_the_headers(library: Path) -> None:
    lines = (library / "keywords.txt").read_text().splitlines()
    entries = [line.split("\t") for line in lines if line and not line.startswith("#")]
    headers = "".join(path.read_text() for path in (library / "src").rglob("*.h"))

    assert len(entries) > 10
    for entry in entries:  # one true tab each, or the IDE ignores the line in silence
        assert len(entry) == 2 and " " not in entry[0]
        assert entry[1] in ("KEYWORD1", "KEYWORD2", "LITERAL1")
        assert re.search(rf"\b{entry[0]}\b", headers)
    called = set(re.findall(r"\b(wearkit_\w+)\(", (library / "src" / "wearkit.h").read_text()))
    assert called <= {entry[0] for entry in entries}


def test_every_source_of_the_firmware_is_in_it(library: Path, repository: Path) -> None:
    from wearkit_export.device.build import PROGRAM_FOLDERS

    firmware = repository / "firmware"
    wanted = [path for name in PROGRAM_FOLDERS for path in (firmware / name).glob("*.c")]
    assert len(wanted) > 15
    for path in wanted:
        assert (library / "src" / path.name).read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def board(
    library: Path,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
    needs_program: Callable[[str, str], str],
) -> Path:
    """The full sketch as a program: the library as it is, on a stub of Arduino's core."""
    gcc, gxx = (needs_program(name, f"apt-get install {name}") for name in ("gcc", "g++"))
    work = tmp_path_factory.mktemp("arduino-host")
    sdk = repository / "tests" / "firmware" / "sdk"
    stub = sdk / "arduino"
    host = repository / "firmware" / "ports" / "host"
    include = [f"-I{folder}" for folder in (library / "src", stub, sdk, host)]
    strict = ["-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion", "-Wno-sign-conversion"]
    sanitize = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sketch = library / "examples" / "adxl345_model" / "adxl345_model.ino"
    c_files = [*(library / "src").glob("*.c"), *host.glob("*.c"), sdk / "board.c"]
    cpp_files = [library / "src" / "wearkit.cpp", stub / "board.cpp"]
    objects = []
    for path in c_files:
        objects.append(work / f"{path.name}.o")
        _run(gcc, *WARNINGS, *sanitize, *include, "-c", path, "-o", objects[-1])
    # As the Arduino builder does: gnu++11, and Arduino.h in front of a sketch.
    cxx = (gxx, "-std=gnu++11", *strict, *sanitize, *include)
    for path in cpp_files:
        objects.append(work / f"{path.name}.o")
        _run(*cxx, "-c", path, "-o", objects[-1])
    objects.append(work / "sketch.o")
    _run(*cxx, "-include", "Arduino.h", "-x", "c++", "-c", sketch, "-o", objects[-1])
    _run(*cxx, *objects, "-o", work / "board")
    return work / "board"


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_full_sketch_computes_what_the_reference_computes(
    board: Path, fast_bundle: Bundle, made_counts: Callable[..., Counts]
) -> None:
    fed = made_counts(7, seed=9).reshape(-1, 3)
    done = subprocess.run([board], input=fed.astype("<i2").tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    heard = hear(NOTHING, done.stdout)
    (run,) = heard.runs()

    np.testing.assert_array_equal(run, fed[1 : len(run) + 1])
    assert len(run) > len(fed) - 25 and len(heard.predictions) >= 9
    assert_predictions(heard, fast_bundle, run)
    assert heard.errors == []
    assert heard.seqs == list(range(len(heard.seqs)))
    assert all(hello[12:20] == b"arduino\0" for hello in heard.hellos)
    assert {hello[4] for hello in heard.hellos} == {0x0A}


@pytest.fixture(scope="module")
def mega(firmware_build: Callable[..., Path], needs_program: Callable[[str, str], str]) -> Path:
    needs_program("avr-gcc", "apt-get install gcc-avr avr-libc arduino-core-avr")
    return firmware_build("avr", **MEGA) / "avr" / "adxl345_model.elf"


def test_the_full_sketch_sends_samples_from_a_mega(
    mega: Path, firmware_build: Callable[..., Path], needs_program: Callable[[str, str], str]
) -> None:
    needs_program("simavr", "apt-get install simavr libsimavr-dev")
    simulator = firmware_build("sim") / "host" / "sim_board"
    fed = np.random.default_rng(51).integers(-512, 512, (300, 3)).astype(np.int16)
    done = subprocess.run(
        [simulator, mega, "4000", "mcu=atmega2560"],
        input="".join(f"{x} {y} {z}\n" for x, y, z in fed).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    counters = json.loads(done.stderr)
    whole = done.stdout[: done.stdout.rindex(b"\0") + 1]  # the end may cut a frame
    heard = hear(NOTHING, whole)
    (run,) = heard.runs()

    np.testing.assert_array_equal(run, fed[1 : len(run) + 1])
    assert len(run) >= 180
    assert heard.predictions == [] and heard.errors == []
    assert (counters["lost"], counters["short_reads"], counters["live_writes"]) == (0, 0, 0)
    size = subprocess.run(["avr-size", mega], capture_output=True, text=True, check=True).stdout
    text, data, bss = (int(value) for value in size.splitlines()[1].split()[:3])
    assert text + data < MEGA_FLASH_BYTES
    assert 100 < counters["stack_bytes"] < MEGA_RAM_BYTES - data - bss


def test_the_full_sketch_refuses_an_uno(
    library: Path, repository: Path, needs_program: Callable[[str, str], str]
) -> None:
    gxx = needs_program("avr-g++", "apt-get install gcc-avr avr-libc arduino-core-avr")
    sketch = library / "examples" / "adxl345_model" / "adxl345_model.ino"
    core = Path("/usr/share/arduino/hardware/arduino/avr")
    done = subprocess.run(
        [
            *(gxx, "-mmcu=atmega328p", "-std=gnu++11", "-fsyntax-only", "-x", "c++"),
            *("-DF_CPU=16000000L", f"-I{core}/cores/arduino", f"-I{core}/variants/standard"),
            *(f"-I{library}/src", "-include", "Arduino.h", str(sketch)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "too little RAM" in done.stderr


def test_without_a_model_the_full_sketch_says_what_to_do(
    library: Path, repository: Path, tmp_path: Path, needs_program: Callable[[str, str], str]
) -> None:
    gxx = needs_program("g++", "apt-get install g++")
    sketch = library / "examples" / "adxl345_model" / "adxl345_model.ino"
    firmware = repository / "firmware"
    folders = (repository / "tests/firmware/sdk/arduino", firmware / "ports/arduino/src")
    include = [f"-I{folder}" for folder in (*folders, firmware / "include")]
    done = subprocess.run(
        [gxx, *include, "-include", "Arduino.h", "-x", "c++", "-fsyntax-only", str(sketch)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "wearkit firmware --port arduino" in done.stderr
