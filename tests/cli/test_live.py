from collections.abc import Callable
from pathlib import Path

import pytest

import wearkit.cli.live
import wearkit.cli.simulate
import wearkit.cli.terminal.port_options
from wearkit.bundle.runtimes import RUNTIMES
from wearkit.cli import run
from wearkit.link.ports.serial_port import BAUD
from wearkit.units import Unit


def test_what_help_offers_is_what_the_library_has() -> None:
    # Spelled out in the command so that --help imports nothing.
    assert wearkit.cli.live.RUNTIMES == RUNTIMES
    assert set(wearkit.cli.live.UNITS) == {"auto", *Unit}
    assert set(wearkit.cli.simulate.UNITS) == set(Unit)
    assert wearkit.cli.terminal.port_options.BAUD == BAUD


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--bundle", "absent"], 6, "absent"),
        ([], 6, "wearkit export --int8"),
        (["--units", "furlong"], 2, "furlong"),
        (["--runtime", "abacus"], 2, "abacus"),
        (["--windows", "0"], 2, "--windows"),
        (["--baud", "fast"], 2, "--baud"),
        (["--reconnect", "nan"], 2, "--reconnect"),
    ],
)
def test_bad_options_are_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["live", "--port", "/dev/wearkit-no-such-port", *options]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


def test_bad_fields_are_refused_before_the_port_is_opened(
    micro_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["live", "--port", "/dev/null", "--bundle", str(micro_bundle), "--fields", "x,y"]
    assert run(arguments) == 5
    assert "x, y and z" in capsys.readouterr().err


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_is_opened_before_the_port(
    micro_bundle: Path,
    capsys: pytest.CaptureFixture[str],
    needs_module: Callable[[str, str], None],
    runtime: str,
) -> None:
    if runtime == "tflm":
        needs_module("tflite_micro", "pip install 'wearkit[micro]' (Linux, x86-64)")
    arguments = ["live", "--port", "/dev/wearkit-none", "--bundle", str(micro_bundle)]
    assert run([*arguments, "--runtime", runtime]) == 3
    assert "There is no port" in capsys.readouterr().err


def test_the_newest_bundle_is_the_default(
    micro_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "mine").symlink_to(micro_bundle)
    monkeypatch.chdir(tmp_path)
    assert run(["live", "--port", "/dev/wearkit-none"]) == 3
    assert "There is no port" in capsys.readouterr().err
