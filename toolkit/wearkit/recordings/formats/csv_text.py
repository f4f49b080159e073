"""Our own CSV: `time,x,y,z[,label,placement,subject]`, time in seconds or as ISO date-times.

    # units=g task=activity
    time,x,y,z,label,placement,subject
    0.00,0.012,-0.004,0.998,standing,waist,anna

The header line is required; the optional columns come in any order after the four numbers.
Comments (`#`) before it may say `units=` (g, mg, m/s2, counts), `task=` (what the labels are,
default activity) and `sensor=simulated`. An empty label is none; a missing placement is
"unknown"; a missing subject is the name of the file, so give the column when one person has
several files. Within one subject and placement a row whose time goes back begins a new
recording, and a row that cannot be read is left out, which leaves a gap in time. A last line
without an end counts when nothing of it is new: half a label would be a label of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import PurePosixPath
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wearkit.errors import DataError
from wearkit.recordings.archives.source import FileSource, Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats.csv_header import (
    DEFAULT_TASK,
    NUMBERS,
    CsvHeader,
    HeaderReader,
    unquoted,
)
from wearkit.recordings.formats.date_times import in_seconds, is_date_time
from wearkit.recordings.formats.runs import Key, RecordingRuns, RowBlock
from wearkit.recordings.formats.text_rows import GARBLED, UNFINISHED, Lines, is_number, parse_rows
from wearkit.recordings.recording import UNLABELLED, Recording
from wearkit.spec import is_text
from wearkit.units import Unit

UNKNOWN_PLACEMENT = "unknown"
OUT_OF_RANGE = "over 1000 g"
MAX_G = 1000.0
MAX_TAGS = 4096  # different (label, placement, subject) in one file
MAX_LABELS = 1000


def recognise(source: Source) -> bool:
    """A folder or archive with a .csv in it, or any single file (its header decides)."""
    return isinstance(source, FileSource) or any(map(_is_csv, source.names))


def open_csv(source: Source, units: Unit | None) -> Dataset:
    """Reads every header, and the labels of every row, once; samples are read when iterated.

    Raises DataError when a file has no usable header or no unit, or when files disagree on what
    their labels are.
    """
    wanted = _every if isinstance(source, FileSource) else _is_csv
    task, labels, simulated = _survey(source, wanted, units)

    def recordings() -> Iterator[Recording]:
        for name, stream in source.read(wanted):
            yield from _read(_opened(source, name, stream, units), task, labels)

    return Dataset(str(source.path), "csv", simulated, recordings)


@dataclass(frozen=True, slots=True)
class _File:
    """A file whose header has been read. blocks: the lines after it."""

    name: str
    subject: str
    header: CsvHeader
    lines: Lines
    blocks: Iterator[list[str]]
    oddities: list[str] = field(default_factory=list)

    def note_time(self, line: str) -> None:
        """Keep what is odd about the first row's time, for the sentence if no row can be used."""
        text = unquoted(line.partition(",")[0])
        if not (is_number(text) or is_date_time(text)):
            self.oddities.append(
                f"its time column begins with {text[:40]!r}, which is neither a number of seconds "
                "nor a date-time like 2024-05-06 07:08:09.010"
            )


@dataclass(frozen=True, slots=True)
class _Tag:
    """What the text fields of a row say."""

    label: str
    key: Key


@dataclass(slots=True)
class _Tags:
    """The different text tails of a file's rows, each read once. None: not to be used."""

    file: _File
    index: dict[str, int] = field(default_factory=dict)
    tags: list[_Tag | None] = field(default_factory=list)

    def codes(self, tails: list[str]) -> NDArray[np.int64]:
        """(n,) index into `tags` of each tail."""
        for tail in sorted(set(tails) - self.index.keys()):
            if len(self.tags) >= MAX_TAGS:
                raise DataError(
                    f"{self.file.name} has over {MAX_TAGS} different labels, placements and "
                    "subjects: its columns may be in another order than its header says."
                )
            self.index[tail] = len(self.tags)
            self.tags.append(self._tag(tail))
        return np.fromiter((self.index[tail] for tail in tails), np.int64, count=len(tails))

    def know(self, lines: list[str]) -> bool:
        """Whether the texts of every line with enough columns came before."""
        commas = self.file.header.width - 1
        whole = [line for line in lines if line.count(",") == commas]
        return self.index.keys() >= set(_tails(whole, self.file.header))

    def _tag(self, tail: str) -> _Tag | None:
        texts = self.file.header.texts
        fields = [unquoted(text) for text in tail.split(",")] if texts else []
        if not all(not text or is_text(text) for text in fields):
            return None
        text_of = dict(zip(texts, fields, strict=True))
        subject = text_of.get("subject") or self.file.subject
        return _Tag(
            text_of.get("label", ""), (subject, text_of.get("placement") or UNKNOWN_PLACEMENT)
        )


def _opened(source: Source, name: str, stream: IO[bytes], units: Unit | None) -> _File:
    full = str(source.path) if isinstance(source, FileSource) else f"{source.path}: {name}"
    reader = HeaderReader(full, units)
    lines = Lines(stream)
    blocks = iter(lines)
    for block in blocks:
        for index, line in enumerate(block):
            header = reader.push(line)
            if header is not None:
                rest = chain([block[index + 1 :]], blocks)
                return _File(full, PurePosixPath(name).stem, header, lines, rest)
    raise reader.missing()


def _survey(
    source: Source, wanted: Callable[[str], bool], units: Unit | None
) -> tuple[str, tuple[str, ...], bool]:
    """The label task, its labels in alphabetical order, and whether any file is simulated."""
    labels: set[str] = set()
    tasks: dict[str, str] = {}
    simulated = False
    for name, stream in source.read(wanted):
        file = _opened(source, name, stream, units)
        simulated |= file.header.simulated
        if "label" in file.header.texts:
            tasks.setdefault(file.header.task, file.name)
            labels |= _labels(file)
    if len(tasks) > 1:
        (task, first), (other_task, second) = list(tasks.items())[:2]
        raise DataError(
            f"{first} labels {task!r} and {second} labels {other_task!r}: read them apart."
        )
    if len(labels) > MAX_LABELS:
        raise DataError(
            f"{source.path} has over {MAX_LABELS} different labels: its label column may hold "
            "numbers or notes."
        )
    return next(iter(tasks), DEFAULT_TASK), tuple(sorted(labels)), simulated


def _labels(file: _File) -> set[str]:
    tags = _Tags(file)
    commas = file.header.width - 1
    for block in file.blocks:
        whole = [line for line in block if line[0] != "#" and line.count(",") == commas]
        if not file.lines.unfinished:
            tags.codes(list(set(_tails(whole, file.header))))
    return {tag.label for tag in tags.tags if tag is not None and tag.label}


def _read(file: _File, task: str, labels: tuple[str, ...]) -> Iterator[Recording]:
    """The file's recordings. What the file lost rides on the last of them."""
    dropped = file.lines.dropped
    runs = RecordingRuns(file.name, task, labels, file.header.simulated, dropped)
    last: Recording | None = None
    for recording in chain(_filled(file, runs), runs.close()):
        if last is not None:
            yield last
        last = recording
    if last is None:
        counted = [f"{n} x {reason}" for reason, n in sorted(dropped.items())]
        why = ", ".join([*counted, *file.oddities]) or "nothing after its header"
        raise DataError(f"{file.name} holds no usable row ({why}).")
    yield replace(last, dropped=dict(sorted(dropped.items())))


def _filled(file: _File, runs: RecordingRuns) -> Iterator[Recording]:
    """Feeds the runs; yields the recordings that are complete before the file ends."""
    tags = _Tags(file)
    code_of = {"": UNLABELLED} | {label: code for code, label in enumerate(runs.names)}
    first = True
    for block in file.blocks:
        lines = [line for line in block if line[0] != "#"]
        if lines and first:
            file.note_time(lines[0])
            first = False
        if lines and any(is_date_time(line.partition(",")[0]) for line in (lines[0], lines[-1])):
            lines = in_seconds(lines)
        if file.lines.unfinished and not tags.know(lines):
            runs.dropped[UNFINISHED] += 1
            break
        rows = parse_rows(lines, width=file.header.width, numbers=len(NUMBERS), delimiter=",")
        runs.dropped.update(rows.dropped)
        tag = tags.codes(_tails([lines[index] for index in rows.kept.tolist()], file.header))
        values = rows.values
        values[:, 1:] /= file.header.unit.per_g
        far = (np.abs(values[:, 1:]) > MAX_G).any(axis=1)
        unread = np.array([known is None for known in tags.tags], dtype=np.bool_)[tag]
        for reason, bad in ((GARBLED, unread), (OUT_OF_RANGE, far & ~unread)):
            if bad.any():
                runs.dropped[reason] += int(np.count_nonzero(bad))
        usable = ~(unread | far)
        codes = np.array(
            [code_of[known.label] if known else UNLABELLED for known in tags.tags], np.int16
        )
        whole = RowBlock(values[:, 0], values[:, 1:].astype(np.float32), codes[tag])
        for key, own in _by_key(tags.tags, tag):
            yield from runs.push(key, whole.part(usable & own))


def _by_key(
    tags: list[_Tag | None], tag: NDArray[np.int64]
) -> Iterator[tuple[Key, NDArray[np.bool_]]]:
    """Each subject and placement in order of first appearance, with the rows that are its own."""
    present, first = np.unique(tag, return_index=True)
    of_key: dict[Key, list[int]] = {}
    for code in present[np.argsort(first)].tolist():
        known = tags[code]
        if known is not None:
            of_key.setdefault(known.key, []).append(code)
    for key, codes in of_key.items():
        yield key, np.isin(tag, codes)


def _tails(lines: list[str], header: CsvHeader) -> list[str]:
    """What follows the four numbers of each line; empty in a file without text columns."""
    if not header.texts:
        return [""] * len(lines)
    numbers = len(NUMBERS)
    return [line.split(",", numbers)[numbers] for line in lines]


def _every(name: str) -> bool:
    return True


def _is_csv(name: str) -> bool:
    return name.lower().endswith(".csv")
