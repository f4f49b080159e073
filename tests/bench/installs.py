"""The wheel, one extra at a time: what README.md promises of each, in an environment of its own.

    python tests/bench/installs.py [--only EXTRAS ...] [--oldest] [--work FOLDER]

Builds the wheel, makes an environment for each row of EXTRAS with it and that extra alone, runs
each command that README.md names for the extra, and some that must say what is missing. Prints a
table of exit codes and last lines; exits with 1 when a code is not the expected one, a command ends
in a traceback, or a core install is larger than CORE_LIMIT_MB. PyTorch is installed once, and
environments that need it find it there. --oldest: the lowest versions that pyproject.toml allows.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CORE_LIMIT_MB = 150
_MISSING = 7  # wearkit.errors.MissingToolError
_COMMAND_LIMIT_S = 600
_PORT_LIMIT_S = 60.0
_LAST_LINE_WIDTH = 70


@dataclass(frozen=True, slots=True)
class Check:
    """A command line, and what is expected of it.

    command: after the program; FIRMWARE in it is what `wearkit firmware --source-dir` prints.
    sensor: another command of wearkit that is a port for it, begun first. says: part of what it
    prints.
    """

    command: str
    exit_code: int = 0
    says: str = ""
    sensor: str = ""
    program: str = "wearkit"


@dataclass(frozen=True, slots=True)
class Answer:
    exit_code: int
    output: str

    @property
    def last_line(self) -> str:
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1][:_LAST_LINE_WIDTH] if lines else ""

    def as_expected(self, check: Check) -> bool:
        quiet = "Traceback" not in self.output
        return quiet and self.exit_code == check.exit_code and check.says in self.output


_SIMULATE = "simulate --seconds 20 --speed 0 --link port --wait 60"
_EMULATE = "emulate --bundle bundle --speed 0 --seconds 20 --link port --wait 60"
_ANSWERING = _EMULATE.replace("--speed 0 --seconds 20", "--speed 10 --seconds 600")
_LIVE = "live --port port --bundle bundle --windows 3"
_VERIFY = "verify --port port --bundle bundle --data posture-sim --recording 0 --windows 5"
_CHECK = "certificate check equivalence.json --bundle bundle --data posture-sim --recording 0"
_CMAKE = "-B cmake -DWK_FROM=subdirectory -DWK_BUNDLE=sources"
_EXPORT = "export --int8 --checkpoint run --out"


def _asks(command: str, extra: str) -> Check:
    return Check(command, _MISSING, f"wearkit[{extra}]")


EXTRAS: dict[str, tuple[Check, ...]] = {
    "train": (
        Check("train --arch mtl-net-micro --epochs 1 --out run", says="Saved in run"),
        Check("evaluate --checkpoint run", says="Report: "),
    ),
    "export": (
        Check(f"{_EXPORT} bundle", says="model id"),
        Check(f"{_EXPORT} with-ort --ort", says="model id"),
        Check("export --int8 --tflite bundle/model.int8.tflite --out imported", says="imported"),
    ),
    "": (
        Check("--help", says="train"),
        Check(f"data info {REPOSITORY / 'examples' / 'data' / 'hapt_user01.csv'}"),
        Check(f"{_LIVE} --record session.wkrec --force", sensor=_SIMULATE, says="3 windows"),
        Check("convert session.wkrec session.csv --force"),
        Check("evaluate --bundle bundle --data posture-sim", says="Report: "),
        Check("firmware --source-dir", says="_firmware"),
        Check("firmware --bundle bundle --port sources --out sources"),
        Check("firmware --bundle bundle --port arduino --out arduino", says="wearkit.zip"),
        Check(f"{_LIVE} --verify", sensor=_EMULATE, says="3 windows"),
        Check(_VERIFY, sensor=_ANSWERING, says="5 windows"),
        Check(_CHECK, says="5 of 5 windows were computed again"),
        Check(f"{_CMAKE} -S FIRMWARE/ports/cmake/example", program="cmake"),
        Check("--build cmake", says="known_answers", program="cmake"),
        Check("-Ibundle/c FIRMWARE/examples/c/check_golden.c -fsyntax-only", program="cc"),
        _asks("train", "train"),
        _asks("export --int8 --checkpoint run", "export"),
        _asks("evaluate --checkpoint run", "train"),
        _asks("evaluate --checkpoint run --data posture-sim --forest", "forest"),
        _asks(f"{_LIVE} --runtime litert", "live"),
        _asks(f"{_LIVE} --runtime onnx", "live"),
        _asks(f"{_LIVE} --runtime tflm", "micro"),
        _asks("certificate keygen key.pem", "sign"),
        _asks("profile bundle", "profile"),
        _asks("firmware --bundle bundle --port rp2040 --out rp2040", "profile"),
        _asks(f"{_EMULATE} --target cortex-m4", "profile"),
    ),
    "live": (
        Check(f"{_LIVE} --runtime litert", sensor=_SIMULATE, says="3 windows"),
        Check(f"{_LIVE} --runtime onnx", sensor=_SIMULATE, says="3 windows"),
    ),
    "micro": (Check(f"{_LIVE} --runtime tflm", sensor=_SIMULATE, says="3 windows"),),
    "profile": (
        Check("profile bundle --target cortex-m4"),
        Check("firmware --bundle bundle --port rp2040 --out rp2040", says=".uf2"),
        Check(f"{_LIVE} --verify", sensor=_EMULATE, says="3 windows"),
        Check(f"{_LIVE} --verify", sensor=f"{_EMULATE} --target cortex-m4", says="3 windows"),
        Check(_VERIFY, sensor=_ANSWERING, says="5 windows"),
    ),
    "forest": (Check("evaluate --checkpoint run --data posture-sim --forest", says="forest"),),
    "sign": (
        Check("certificate keygen key.pem"),
        Check(f"{_VERIFY} --sign-key key.pem", sensor=_ANSWERING, says="5 windows"),
        Check("certificate check equivalence.json --public-key key.pem.pub", says="signed with"),
    ),
    "train,export": (
        Check("train --arch mtl-net-micro --epochs 1 --out run-2", says="Saved in run-2"),
        Check("export --int8 --checkpoint run-2 --out bundle-2", says="model id"),
        Check("evaluate --checkpoint run-2 --bundle bundle-2", says="int8"),
    ),
    "export,tensorflow": (Check(f"{_EXPORT} with-tensorflow", says="TensorFlow, XNNPACK"),),
    "legacy": (Check(f"{_LIVE} --runtime litert", sensor=_SIMULATE, says="3 windows"),),
}
"""Extra ("" is the core) -> commands. In this order: first the run and the bundle of the others."""
_WITH_TORCH = ("train", "forest", "train,export")
_UNCONSTRAINED = ("legacy",)  # numpy 1, which constraints.txt does not have


class Environments:
    """Makes environments below a folder, all with one wheel."""

    def __init__(self, work: Path, oldest: bool) -> None:
        self.work = work
        self._constraints = _lowest(work) if oldest else REPOSITORY / "constraints.txt"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON},
            "HOME": str(work),
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip")),
        }
        self._run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", str(REPOSITORY)])
        (self._wheel,) = work.glob("wearkit-*.whl")

    def make(self, extra: str) -> Path:
        """The environment's folder, after an installation of the wheel with the extra."""
        folder = self.work / f"venv-{extra.replace(',', '-') or 'core'}"
        self._run([sys.executable, "-m", "venv", "--clear", str(folder)])
        if extra in _WITH_TORCH:
            (_packages(folder) / "torch.pth").write_text(f"{_packages(self._torch())}\n")
        target = f"{self._wheel}[{extra}]" if extra else str(self._wheel)
        self._install(folder, target, constrained=extra not in _UNCONSTRAINED)
        return folder

    def ask(self, folder: Path, check: Check) -> Answer:
        """Run the check's command, with its sensor, in the work folder."""
        wearkit = str(folder / "bin" / "wearkit")
        program = wearkit if check.program == "wearkit" else check.program
        command = check.command
        if "FIRMWARE" in command:
            where = self.ask(folder, Check("firmware --source-dir")).output
            command = command.replace("FIRMWARE", where.strip())
        with self._sensor([wearkit, *check.sensor.split()] if check.sensor else []):
            done = subprocess.run(
                [program, *command.split()],
                cwd=self.work,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_COMMAND_LIMIT_S,
                check=False,
            )
        return Answer(done.returncode, done.stdout)

    def _torch(self) -> Path:
        folder = self.work / "venv-of-torch"
        if not folder.exists():
            self._run([sys.executable, "-m", "venv", str(folder)])
            self._install(folder, "torch")
        return folder

    def _install(self, folder: Path, target: str, *, constrained: bool = True) -> None:
        options = ["--constraint", str(self._constraints)] if constrained else []
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        self._run([*pip, *options, target])

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(
            command, cwd=self.work, env=self._environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")

    @contextmanager
    def _sensor(self, command: Sequence[str]) -> Iterator[None]:
        """A port at `port` in the work folder, unless there is no command."""
        if not command:
            yield
            return
        log = self.work / "sensor.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=self.work, env=self._environment, stdout=output, stderr=output
            )
        try:
            until_s = time.monotonic() + _PORT_LIMIT_S
            while not (self.work / "port").exists() and time.monotonic() < until_s:
                if process.poll() is not None:
                    sys.exit(f"{' '.join(command)} ended early:\n{log.read_text()[-3000:]}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait()


_NOT_PASSED_ON = ("PYTHONPATH", "CI", "WEARKIT_CACHE", "WEARKIT_DATA", "VIRTUAL_ENV")


def _packages(folder: Path) -> Path:
    (found,) = (folder / "lib").glob("python3*/site-packages")
    return found


def _megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _lowest(work: Path) -> Path:
    """A constraints file with the lower bounds of pyproject.toml: exactly those of the core; of
    an extra, whose bound may name no release, the last release that begins with it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [f"{name}=={bound}" for name, bound in _bounds(project["dependencies"])]
    for extra in EXTRAS:
        lines += [f"{name}=={bound}.*" for name, bound in _bounds(extras.get(extra, ()))]
    path = work / "lowest.txt"
    path.write_text("\n".join(sorted(set(lines))) + "\n")
    return path


def _bounds(requirements: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, lowest version); daily builds have none that would last."""
    for line in requirements:
        match = re.match(r"([\w-]+)>=([\d.]+)(?![\d.]*dev)", line)
        if match is not None:
            yield match[1], match[2]


def _walk(environments: Environments, extras: Sequence[str]) -> Iterator[str]:
    """Prints the table -> what is not as expected."""
    print("| extra | MB | command | exit | last line |\n|---|---|---|---|---|")
    for extra in extras:
        folder = environments.make(extra)
        size_mb = _megabytes(folder)
        if not extra and size_mb > CORE_LIMIT_MB:
            yield f"A core install takes {size_mb:.0f} MB, over {CORE_LIMIT_MB}."
        for check in EXTRAS[extra]:
            answer = environments.ask(folder, check)
            sensor = f" (port: {check.sensor.partition(' --link')[0]})" if check.sensor else ""
            typed = (
                check.command if check.program == "wearkit" else f"{check.program} {check.command}"
            )
            cells = [extra or "core", f"{size_mb:.0f}", f"`{typed}`{sensor}"]
            cells += [str(answer.exit_code), answer.last_line]
            print("| " + " | ".join(cells) + " |", flush=True)
            if not answer.as_expected(check):
                yield f"[{extra}] {check}:\n{answer.output[-3000:]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="EXTRAS", help="'core' is none")
    parser.add_argument("--oldest", action="store_true")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    extras = [name.replace("core", "") for name in options.only or EXTRAS]
    if sys.version_info >= (3, 12) and not options.only:
        extras.remove("legacy")  # tflite-runtime stopped at Python 3.11
    with tempfile.TemporaryDirectory(prefix="wearkit-installs-") as temporary:
        work: Path = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        wrong = list(_walk(Environments(work, options.oldest), extras))
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    print(f"{len(wrong)} not as expected" if wrong else "All as expected.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
