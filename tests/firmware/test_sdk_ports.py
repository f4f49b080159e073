"""Zephyr and ESP-IDF without their SDKs: what their build systems would be told, whether their
configuration files are well formed, and the boards' code run on stubs with the SDKs' signatures."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.firmware.device_port import Counts, assert_predictions, hear, of_windows

from wearkit.bundle.bundle import Bundle
from wearkit_export.device.build import PROGRAM_FOLDERS, firmware_sources, model_sources
from wearkit_export.emulate.device import Emulated
from wearkit_export.targets.toolchain import WARNINGS

NOTHING = Emulated(0, 0, 0, 0, 0, 0, 0.0, reader_left=False, drained=True)
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
YAML = "pip install pyyaml"


@dataclass(frozen=True, slots=True)
class Sdk:
    """folder: of the port; component: whose CMake file names the sources; glue: the SDK's side of
    a board; main, flags: of its example; uid: what the stub's hardware gives."""

    name: str
    component: str
    glue: str
    main: str
    flags: tuple[str, ...]
    calls: tuple[str, ...]
    uid: bytes


ZEPHYR = Sdk(
    "zephyr",
    "CMakeLists.txt",
    "wk_zephyr.c",
    "sample/src/main.c",
    ("-Dmain=zephyr_main", "-Wno-missing-prototypes"),
    (
        "zephyr_include_directories",
        "zephyr_compile_definitions",
        "zephyr_library_named",
        "zephyr_library_sources",
        "zephyr_library_include_directories",
    ),
    b"zephyr-0",
)
ESP_IDF = Sdk(
    "esp-idf",
    "wearkit/CMakeLists.txt",
    "wearkit/wk_esp.c",
    "example/main/main.c",
    (),
    ("idf_component_register", "target_compile_definitions"),
    b"espidf\0\0",
)
SDKS = [pytest.param(sdk, id=sdk.name) for sdk in (ZEPHYR, ESP_IDF)]


@pytest.fixture(scope="module")
def model(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_sources(bundle, tmp_path_factory.mktemp("sdk-model"))


@pytest.fixture(scope="module")
def ports(repository: Path) -> Path:
    return repository / "firmware" / "ports"


Calls = Callable[..., list[list[str]]]


@pytest.fixture
def recorded(ports: Path, repository: Path, needs_program: Callable[[str, str], str]) -> Calls:
    """recorded(sdk, NAME=value...): the SDK functions that the CMake file called, in order."""
    cmake = needs_program("cmake", "apt-get install cmake")

    def run(sdk: Sdk, **variables: str | Path) -> list[list[str]]:
        settings = [f"-D{name}={value}" for name, value in variables.items()]
        done = subprocess.run(
            [
                *(cmake, f"-DFILE={ports / sdk.name / sdk.component}", *settings),
                *(f"-DCALLS={';'.join(sdk.calls)}", "-DCOMPONENT_LIB=lib", "-P"),
                str(repository / "tests/firmware/sdk/record.cmake"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        return [line.removeprefix("CALL ").split(";") for line in lines if line]

    return run


def _program(repository: Path) -> set[Path]:
    firmware = repository / "firmware"
    found = {path for name in PROGRAM_FOLDERS for path in (firmware / name).glob("*.c")}
    assert len(found) > 15
    return found


def _paths(names: list[str]) -> list[Path]:
    paths = [Path(name).resolve() for name in names]
    assert all(path.exists() for path in paths)
    return paths


def test_zephyr_builds_every_source_once(
    recorded: Calls, repository: Path, ports: Path, model: Path
) -> None:
    calls = recorded(
        ZEPHYR,
        CONFIG_WEARKIT="y",
        CONFIG_WEARKIT_RING_MAX="128",
        CONFIG_WEARKIT_MODEL_DIR=model.name,
        APPLICATION_SOURCE_DIR=model.parent,
    )
    names = [call[0] for call in calls]
    assert names == [
        "zephyr_include_directories",
        "zephyr_compile_definitions",
        *("zephyr_library_named", "zephyr_library_sources"),
        *(
            "zephyr_library_named",
            "zephyr_library_include_directories",
            "zephyr_library_sources",
        ),
    ]
    program, of_model = _paths(calls[3][1:]), _paths(calls[6][1:])
    assert set(program) == _program(repository) | {ports / "zephyr" / "wk_zephyr.c"}
    assert len(program) == len(set(program))
    assert set(of_model) == set(model.glob("*.c")) and model / "wk_device_model.c" in of_model
    assert _paths(calls[0][1:]) == [repository / "firmware/include", ports / "zephyr/include"]
    # A library's own folders come before those of all Zephyr: the model's configuration wins.
    assert _paths(calls[5][1:]) == [model]
    assert calls[1][1:] == ["WK_RING_MAX=128"]


def test_zephyr_builds_nothing_when_it_is_not_asked(recorded: Calls) -> None:
    assert recorded(ZEPHYR) == []


def test_esp_idf_builds_every_source_once(
    recorded: Calls, repository: Path, ports: Path, model: Path
) -> None:
    register, definitions = recorded(
        ESP_IDF,
        CONFIG_WEARKIT_MODEL_DIR=model.name,
        CONFIG_WEARKIT_RING_MAX="128",
        PROJECT=model.parent,
    )
    arguments = _arguments(register)
    sources, include = _paths(arguments["SRCS"]), _paths(arguments["INCLUDE_DIRS"])
    component = ports / "esp-idf" / "wearkit"

    assert set(sources) == {
        *_program(repository), *model.glob("*.c"), component / "wk_esp.c"
    }  # fmt: skip
    assert len(sources) == len(set(sources))
    # The model's first, so that its wk/wk_engine_config.h is the one its kernels find.
    assert include == [model, component / "include", repository / "firmware/include"]
    assert set(arguments["REQUIRES"]) == {"esp_driver_i2c", "esp_driver_uart"}
    assert definitions == ["target_compile_definitions", "lib", "PUBLIC", "WK_RING_MAX=128"]


def test_esp_idf_can_read_the_requirements_without_a_configuration(
    recorded: Calls, repository: Path
) -> None:
    (register,) = recorded(ESP_IDF)
    assert set(_paths(_arguments(register)["SRCS"])) >= _program(repository)


def _arguments(call: list[str]) -> dict[str, list[str]]:
    assert call[0] == "idf_component_register"
    keys = ("SRCS", "INCLUDE_DIRS", "REQUIRES", "PRIV_REQUIRES")
    found: dict[str, list[str]] = {}
    for word in call[1:]:
        if word in keys:
            found[word] = []
            current = found[word]
        elif word:
            current.append(word)
    assert sorted(found) == sorted(keys)
    return found


def test_the_module_description_is_what_zephyr_asks_for(
    ports: Path, needs_module: Callable[[str, str], None]
) -> None:
    needs_module("yaml", YAML)
    import yaml

    module: dict[str, Any] = yaml.safe_load((ports / "zephyr/zephyr/module.yml").read_text())
    assert set(module) == {"name", "build"}
    assert set(module["build"]) == {"cmake", "kconfig"}
    # Relative to the module, the folder above zephyr/module.yml.
    assert (ports / "zephyr" / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (ports / "zephyr" / module["build"]["kconfig"]).is_file()


def test_the_manifest_is_what_the_component_manager_asks_for(
    ports: Path, needs_module: Callable[[str, str], None]
) -> None:
    needs_module("yaml", YAML)
    import yaml

    path = ports / "esp-idf/wearkit/idf_component.yml"
    manifest: dict[str, Any] = yaml.safe_load(path.read_text())
    assert set(manifest) <= {"version", "description", "license", "dependencies", "targets"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert set(manifest["dependencies"]) == {"idf"}


def _kconfig(path: Path, outer: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The symbols of a Kconfig file inside an SDK's, of which `outer` is what it refers to.

    kconfiglib's own complaints are errors."""
    import kconfiglib

    monkeypatch.setenv("KCONFIG_STRICT", "y")
    (folder / "Kconfig").write_text(f'{outer}\nsource "{path}"\n')
    config = kconfiglib.Kconfig(str(folder / "Kconfig"), warn_to_stderr=False)
    assert config.warnings == []
    return config


def test_kconfig_of_zephyr_with_the_samples_settings(
    ports: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    needs_module: Callable[[str, str], None],
) -> None:
    needs_module("kconfiglib", "pip install kconfiglib")
    names = [
        "I2C", "SERIAL", "UART_INTERRUPT_DRIVEN", "RING_BUFFER", "HWINFO", "ENTROPY_GENERATOR",
        "CONSOLE", "UART_CONSOLE", "PRINTK", "SENSOR",
    ]  # fmt: skip
    outer = "".join(f'config {name}\n\tbool "{name}"\n' for name in names)
    outer += 'config MAIN_STACK_SIZE\n\tint "stack"\n'
    config = _kconfig(ports / "zephyr/Kconfig", outer, tmp_path, monkeypatch)
    config.load_config(str(ports / "zephyr/sample/prj.conf"))

    assert config.warnings == []  # no unknown symbol, none whose dependencies are not met
    values = {name: symbol.str_value for name, symbol in config.syms.items()}
    assert (values["WEARKIT"], values["RING_BUFFER"], values["HWINFO"]) == ("y", "y", "y")
    assert (values["WEARKIT_MODEL_DIR"], values["WEARKIT_RING_MAX"]) == ("model", "64")
    config.syms["I2C"].set_value("n")
    assert config.syms["WEARKIT"].str_value == "n"


def test_kconfig_of_esp_idf(
    ports: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    needs_module: Callable[[str, str], None],
) -> None:
    needs_module("kconfiglib", "pip install kconfiglib")
    config = _kconfig(ports / "esp-idf/wearkit/Kconfig", "", tmp_path, monkeypatch)
    values = {name: symbol.str_value for name, symbol in config.syms.items() if symbol.nodes}

    assert values == {
        "WEARKIT_MODEL_DIR": "model",
        "WEARKIT_RING_MAX": "64",
        "WEARKIT_SDA_GPIO": "21",
        "WEARKIT_SCL_GPIO": "22",
    }
    # What the example's C asks for is there.
    main = (ports / "esp-idf/example/main/main.c").read_text()
    asked = set(re.findall(r"CONFIG_(WEARKIT_\w+)", main))
    assert asked == {"WEARKIT_SDA_GPIO", "WEARKIT_SCL_GPIO"}


@pytest.mark.parametrize(
    ("sdk", "rate_hz", "bw_rate"),
    [(ZEPHYR, 25.0, 0x08), (ESP_IDF, 50.0, 0x09)],
    ids=["zephyr", "esp-idf"],
)
def test_the_board_computes_what_the_reference_computes(
    sdk: Sdk,
    rate_hz: float,
    bw_rate: int,
    ports: Path,
    repository: Path,
    bundle: Bundle,
    tmp_path: Path,
    made_counts: Callable[..., Counts],
    needs_program: Callable[[str, str], str],
) -> None:
    """The example, the glue, the firmware and the model as one program, on the SDK's stub."""
    gcc = needs_program("gcc", "apt-get install gcc")
    bundle = of_windows(bundle, tmp_path / "bundle", rate_hz=rate_hz)
    model = model_sources(bundle, tmp_path)
    stubs, port = repository / "tests/firmware/sdk", ports / sdk.name
    (tmp_path / "sdkconfig.h").write_text(
        "#define CONFIG_WEARKIT_SDA_GPIO 21\n#define CONFIG_WEARKIT_SCL_GPIO 22\n"
    )
    folders = [
        *(model, (port / sdk.glue).parent / "include", repository / "firmware/include"),
        *(stubs / sdk.name, stubs, ports / "host", tmp_path),
    ]
    include = [f"-I{folder}" for folder in folders]
    strict = [gcc, *WARNINGS, "-Wstrict-prototypes", *SANITIZE, *include]
    _run(*strict, *sdk.flags, "-c", port / sdk.main, "-o", tmp_path / "main.o")
    rest = [*model.glob("*.c"), *firmware_sources(*PROGRAM_FOLDERS, "ports/host")]
    rest += [port / sdk.glue, stubs / "board.c", stubs / sdk.name / "stub.c"]
    _run(*strict, "-D_DEFAULT_SOURCE", *rest, tmp_path / "main.o", "-o", tmp_path / "board")

    fed = made_counts(7, seed=12).reshape(-1, 3)
    done = subprocess.run(
        [tmp_path / "board"],
        input=fed.astype("<i2").tobytes(),
        capture_output=True,
        check=False,
        # The example never returns: what it keeps is no leak.
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
    )
    assert done.returncode == 0, done.stderr.decode()
    heard = hear(NOTHING, done.stdout)
    (run,) = heard.runs()

    np.testing.assert_array_equal(run, fed[1 : len(run) + 1])
    assert len(run) > len(fed) - 20 and len(heard.predictions) >= 9
    assert_predictions(heard, bundle, run)
    assert heard.errors == []
    assert heard.seqs == list(range(len(heard.seqs)))
    assert len(heard.stats) >= 2  # tx_dropped: what the board says it could not send
    assert {struct.unpack_from("<4I", stats)[3] for stats in heard.stats} == {0}
    assert heard.pongs == [(0x5EED).to_bytes(4, "little")]
    assert {hello[12:20] for hello in heard.hellos} == {sdk.uid}
    assert {hello[4] for hello in heard.hellos} == {bw_rate}
    assert {hello[8:12] for hello in heard.hellos} == {(0x01020304 + 1).to_bytes(4, "little")}


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("sdk", SDKS)
def test_what_was_not_checked_is_said(sdk: Sdk, ports: Path) -> None:
    text = (ports / sdk.name / "README.md").read_text()
    assert "## Checked" in text and "## Not checked" in text
