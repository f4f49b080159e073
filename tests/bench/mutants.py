"""Mutation testing: which changes of the code would no test notice?

    pip install cosmic-ray==8.7.0      # outside CI; or: make mutants
    python tests/bench/mutants.py --module metrics csv_text --survivors
    python tests/bench/mutants.py --revision v0.2.0 --json before.json

Of every module a sample of its mutants, drawn with a fixed seed: one operator, number, comparison,
condition, loop, decorator or exception changed at one place by cosmic-ray's operators, and the
tests named in _MODULES run on it. It is killed when they fail or take five times as long. Two kinds
are not drawn, as no test can see them: changes inside annotations, which are never evaluated, and
`==` for `is` or the like. Prints a table: module, mutants in all, drawn, killed, score.

The sources are a copy of a revision, or of the working tree. Each mutant's tests run in a process
forked from one that has imported the third-party packages and nothing of wearkit.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[2]
_COPIED = ("pyproject.toml", "toolkit", "export", "tests", "examples", "docs", "firmware")
# The tests of each module; what they import of other modules stays as it is.
_TEXT = (
    "tests/live/test_text_line.py tests/live/test_text_decoder.py tests/live/test_text_stream.py"
)
_SPLIT = "tests/toolkit/test_split*.py tests/toolkit/test_paper_split.py"
_COPIES = "tests/toolkit/test_copies.py"
_CHECK = "tests/live/test_certificate_*.py"
_CONDITIONS = f"tests/live/test_conditions.py tests/live/test_verifier*.py {_CHECK}"
_PROOF = f"{_CONDITIONS} tests/live/test_verify.py"
_MODULES = {
    "line": ("link/text/line.py", f"tests/live/test_header_layout.py {_TEXT}"),
    "header": ("link/text/header.py", f"tests/live/test_header_layout.py {_TEXT}"),
    "layout": ("link/text/layout.py", f"tests/live/test_header_layout.py {_TEXT}"),
    "unit_finder": (
        "link/text/unit_finder.py",
        "tests/live/test_units.py tests/live/test_text_unit.py",
    ),
    "csv_text": ("recordings/formats/csv_text.py", "tests/toolkit/test_csv*.py"),
    "csv_header": ("recordings/formats/csv_header.py", "tests/toolkit/test_csv*.py"),
    "decode": (
        "capture/decode.py",
        "tests/cli/test_convert*.py tests/live/test_recording*.py tests/live/test_session_log.py",
    ),
    "metrics": (
        "evaluation/metrics.py",
        "tests/toolkit/test_metrics.py tests/toolkit/test_report.py",
    ),
    "split": ("windows/split.py", f"{_SPLIT} tests/toolkit/test_cross_set.py {_COPIES}"),
    "copies": ("windows/copies.py", _COPIES),
    "verifier": ("verification/verifier.py", _PROOF),
    "certificate": ("verification/certificate/certificate.py", _PROOF),
    "conditions": ("verification/certificate/conditions.py", _CONDITIONS),
    "check": ("verification/certificate/check.py", _CHECK),
}
_PRELOADED = ("numpy", "click", "rich.table", "serial", "safetensors")
_OUTPUT = "pytest-output.txt"
_TIMES_SLOWER, _GRACE_S = 5.0, 10.0
_PYTEST = ("-x", "-q", "-n0", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib")


@dataclass(frozen=True, slots=True)
class Mutant:
    """operator: of cosmic-ray. occurrence: which of the places where it applies."""

    operator: str
    occurrence: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Score:
    module: str
    mutants: int
    drawn: int
    killed: int
    survivors: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.killed / self.drawn if self.drawn else 1.0


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant that is worth a run."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    tree, silent, kept = get_ast(source), _annotations(source), []
    for name in sorted(operator_names()):
        kind = get_operator(name)
        if kind.arguments() or _is_identity(name):
            continue
        operator = kind()
        places = (
            begin for node in ast_nodes(tree) for begin, _ in operator.mutation_positions(node)
        )
        for occurrence, place in enumerate(places):
            if not any(begin <= place < end for begin, end in silent):
                kept.append(Mutant(name, occurrence, *place))
    return kept


def _is_identity(operator: str) -> bool:
    """Whether it puts `is` for `==` or the reverse."""
    pair = re.fullmatch(r"core/ReplaceComparisonOperator_([A-Za-z]+)_([A-Za-z]+)", operator)
    return pair is not None and pair[1].startswith("Is") != pair[2].startswith("Is")


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where they begin and end, as (line, column)."""
    places: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            places.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            places.append(node.returns)
    return [
        ((place.lineno, place.col_offset), (place.end_lineno or 0, place.end_col_offset or 0))
        for place in places
        if place is not None
    ]


def mutated(source: str, mutant: Mutant) -> str:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    code = mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence)
    assert code is not None and code != source, mutant
    return str(code)


class Tree:
    """A copy of the sources in which one module at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keep_bytecode = False
        for name in _PRELOADED:
            with contextlib.suppress(ImportError):
                __import__(name)

    def score(self, name: str, limit: int, seed: int) -> Score:
        module, patterns = _MODULES[name]
        path = self._folder / "toolkit" / "wearkit" / module
        source = path.read_text(encoding="utf-8")
        tests = [
            str(test.relative_to(self._folder))
            for pattern in patterns.split()
            for test in sorted(self._folder.glob(pattern))
        ]
        # Bytecode is kept of everything but the module: Python would take an old one for a mutant
        # of the same size and second.
        self._keep_bytecode = True
        self._passes(tests, 600.0)
        self._keep_bytecode = False
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()
        begun_s = time.monotonic()
        if not self._passes(tests, 600.0):
            output = (self._folder / _OUTPUT).read_text(errors="replace")
            raise SystemExit(f"{output}\nThe tests of {name} fail without any mutant.")
        limit_s = _TIMES_SLOWER * (time.monotonic() - begun_s) + _GRACE_S
        every = mutants_of(source)
        drawn = random.Random(seed).sample(every, min(limit, len(every)))
        survivors = []
        try:
            for mutant in sorted(drawn, key=lambda each: (each.line, each.column, each.operator)):
                changed = mutated(source, mutant)
                path.write_text(changed, encoding="utf-8")
                if self._passes(tests, limit_s):
                    survivors.append(_described(mutant, source, changed))
        finally:
            path.write_text(source, encoding="utf-8")
        killed = len(drawn) - len(survivors)
        return Score(name, len(every), len(drawn), killed, tuple(survivors))

    def _passes(self, tests: Sequence[str], limit_s: float) -> bool:
        child = os.fork()
        if not child:
            self._exit_with(tests)
        end_s = time.monotonic() + limit_s
        try:
            while time.monotonic() < end_s:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status) == 0
                time.sleep(0.02)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False

    def _exit_with(self, tests: Sequence[str]) -> None:
        """In the child, which must not return: what the parent cleans up is the parent's."""
        code = 1
        try:
            os.setsid()
            code = self._run(tests)
        except BaseException:  # noqa: BLE001 (it ends here, whatever it is)
            traceback.print_exc()
        finally:
            os._exit(code)

    def _run(self, tests: Sequence[str]) -> int:
        roots = [str(self._folder / root) for root in ("toolkit", "export")]
        os.environ["PYTHONPATH"] = os.pathsep.join(roots)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "" if self._keep_bytecode else "1"
        sys.dont_write_bytecode = not self._keep_bytecode
        sys.path[:0] = roots
        os.chdir(self._folder)
        with (self._folder / _OUTPUT).open("wb") as sink:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
        return int(pytest.main([*_PYTEST, *tests]))


def _described(mutant: Mutant, before: str, after: str) -> str:
    """The line that differs, before and after."""
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    old, new = next(((a, b) for a, b in lines if a != b), ("", ""))
    return f"{mutant.line}: {old.strip()}  ->  {new.strip()}  ({mutant.operator[5:]})"


@contextlib.contextmanager
def _copy(revision: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        git = ("git", "-C", str(_REPOSITORY))
        if revision is None:
            pack = subprocess.run(
                ("tar", "-C", str(_REPOSITORY), "-c", "--exclude=__pycache__", *_COPIED),
                check=True,
                stdout=subprocess.PIPE,
            )
        else:
            pack = subprocess.run(
                (*git, "archive", revision, *_COPIED), check=True, stdout=subprocess.PIPE
            )
        subprocess.run(("tar", "-x", "-C", name), input=pack.stdout, check=True)
        yield Path(name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--module", nargs="+", choices=_MODULES, default=list(_MODULES))
    parser.add_argument("--revision", help="of git; without it the working tree")
    parser.add_argument("--limit", type=int, default=60, help="mutants drawn of a module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--survivors", action="store_true", help="print each")
    parser.add_argument("--json", type=Path, help="write the scores there")
    arguments = parser.parse_args()
    scores = []
    print("| module | mutants | drawn | killed | score |\n|---|---|---|---|---|", flush=True)
    with _copy(arguments.revision) as folder:
        tree = Tree(folder)
        for name in arguments.module:
            score = tree.score(name, arguments.limit, arguments.seed)
            scores.append(score)
            print(
                f"| {name} | {score.mutants} | {score.drawn} | {score.killed} "
                f"| {100 * score.share:.0f} % |",
                flush=True,
            )
            if arguments.survivors:
                print(*(f"    {line}" for line in score.survivors), sep="\n", flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps([asdict(each) for each in scores], indent=1))
    print(f"\nPython {platform.python_version()}, {platform.machine()}, seed {arguments.seed}.")


if __name__ == "__main__":
    main()
