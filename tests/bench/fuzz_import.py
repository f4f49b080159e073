"""Break .tflite files, import them and run what was accepted: no crash, no hang, bounded memory,
and a reason for every rejection.

    python tests/bench/fuzz_import.py --n 1000000 [--seed S] [--json]

Most files are broken where a reader looks: the places of every offset, length, field and index
that a clean import reads are recorded first, and numbers that these dislike are written there,
into the structure of the file or into the values that operators hold. The rest get random bytes,
cuts and copies. The counters say how many got past the header to an operator (its handler was
called); that is what makes the rest of the figures worth something.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from breaking import aim, cut_short, flip, move
from fuzzing import Places, fault_of, plain_words

from wearkit.errors import ModelFileError
from wearkit.integer.reference import Reference
from wearkit_export.import_tflite import flatbuffer as reader
from wearkit_export.import_tflite import import_tflite
from wearkit_export.import_tflite.operators import OPERATORS

ZOO = Path(__file__).resolve().parents[1] / "export" / "import_tflite" / "zoo"
HANG_S = 20
MEMORY_BYTES = 2 << 30


@dataclass(slots=True)
class Found:
    """What happened. reached: files of which an operator was read; reasons: by first words."""

    files: int = 0
    reached: int = 0
    imported: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "files": self.files,
            "reached_operators": self.reached,
            "imported": self.imported,
            "rejected": sum(self.reasons.values()),
            "different_reasons": len(self.reasons),
            "failures": self.failures,
            "peak_memory_bytes": peak * 1024,
        }


@dataclass(frozen=True, slots=True)
class Seed:
    """A whole file, and (place, bytes) of every number that importing it reads: offsets, lengths
    and field lists are structure, indices and all the rest are values."""

    name: str
    data: bytes
    structure: Places
    values: Places


def seeds(folder: Path = ZOO) -> list[Seed]:
    """The files of the zoo that can be imported."""
    names = sorted(path for path in folder.glob("*.tflite") if "refused" not in path.name)
    return [_seed(path.stem, path.read_bytes()) for path in names]


def broken(seed: Seed, generator: np.random.Generator) -> bytes:
    """One file made from a seed."""
    data = bytearray(seed.data)
    kind = generator.random()
    if kind < 0.25:
        aim(data, seed.structure, generator)
    elif kind < 0.65:
        for _ in range(int(generator.integers(1, 4))):
            aim(data, seed.values, generator)
    elif kind < 0.85:
        flip(data, generator)
    elif kind < 0.92:
        cut_short(data, generator)
    else:
        move(data, generator)
    return bytes(data)


def run(
    count: int, seed: int, files: Sequence[Seed], each: Callable[[], object] = lambda: None
) -> Found:
    """Import `count` broken files; `each` is called before every one."""
    generator = np.random.default_rng(seed)
    found = Found()
    with _counting(found):
        for number in range(count):
            chosen = files[number % len(files)]
            data = broken(chosen, generator)
            each()
            _import(data, found, f"file {number} from {chosen.name}, seed {seed}")
    return found


def _import(data: bytes, found: Found, name: str) -> None:
    found.files += 1
    before = found.reached
    try:
        graph = import_tflite(data).graph
        shape = graph.tensor(graph.input).shape
        Reference(graph).run(np.full((1, *shape), 77, np.int8))
        found.imported += 1
    except ModelFileError as error:
        reason = str(error)
        fault = fault_of(reason)
        if fault:
            found.failures.append(f"{name}: {fault}")
        found.reasons[plain_words(reason)] += 1
    except Exception as error:  # noqa: BLE001  anything else is what this script is looking for
        found.failures.append(f"{name}: {type(error).__name__}: {error}")
    found.reached = before + (found.reached > before)


@contextmanager
def _counting(found: Found) -> Iterator[None]:
    """Count when a handler of an operator is called."""
    handlers: dict[str, Any] = OPERATORS  # type: ignore[assignment]
    plain = dict(handlers)

    def counted(handler: Any) -> Any:
        def call(graph: Any, operator: Any) -> None:
            found.reached += 1
            handler(graph, operator)

        return call

    try:
        handlers.update({name: counted(handler) for name, handler in plain.items()})
        yield
    finally:
        handlers.update(plain)


class _Spy:
    """Stands for a struct.Struct of the reader and remembers where it read."""

    def __init__(self, layout: struct.Struct, places: set[tuple[int, int]]) -> None:
        self._layout, self._places, self.size = layout, places, layout.size

    def unpack_from(self, data: bytes, place: int) -> tuple[Any, ...]:
        self._places.add((place, self.size))
        return self._layout.unpack_from(data, place)


class _NumpySpy:
    """Stands for numpy in the reader: vectors of numbers are places too."""

    def __init__(self, places: set[tuple[int, int]]) -> None:
        self._places = places

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def frombuffer(self, data: bytes, dtype: np.dtype[Any], count: int, place: int) -> Any:
        for number in range(count):
            self._places.add((place + number * dtype.itemsize, dtype.itemsize))
        return np.frombuffer(data, dtype, count, place)


def _seed(name: str, data: bytes) -> Seed:
    structure: set[tuple[int, int]] = set()
    values: set[tuple[int, int]] = set()
    names: dict[str, Any] = vars(reader)
    plain = {name: names[name] for name in ("_U16", "_I32", "_U32", "_SCALARS", "np")}
    try:
        for layout in ("_U16", "_I32", "_U32"):
            names[layout] = _Spy(plain[layout], structure)
        names["_SCALARS"] = {
            kind: _Spy(layout, values) for kind, layout in plain["_SCALARS"].items()
        }
        names["np"] = _NumpySpy(values)
        import_tflite(data, rounding="litert-ref")
    finally:
        names.update(plain)
    return Seed(name, data, sorted(structure), sorted(values))


def _hang(*_: object) -> None:
    raise TimeoutError(f"no answer within {HANG_S} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, _hang)
    found = run(options.n, options.seed, seeds(), each=lambda: signal.alarm(HANG_S))
    described = found.to_json()
    if options.json:
        print(json.dumps(described))
    else:
        for name, value in described.items():
            print(f"{name}: {value}")
        for reason, count in found.reasons.most_common(40):
            print(f"{count:9d}  {reason}")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
