"""TextStream: bytes of a text link -> samples in counts, in place, none lost while deciding."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from wearkit.errors import DataError
from wearkit.link.axes import SAME_AXES, AxisMap
from wearkit.link.faults import Fault
from wearkit.link.header import UnitChoice
from wearkit.link.ledger import Ledger
from wearkit.link.options import StreamOptions
from wearkit.link.sample import (
    Placed,
    PlacedSample,
    Reason,
    Refused,
    Sample,
    SampleRun,
    Stretch,
    runs_of,
)
from wearkit.link.text.counter import WrappingClock
from wearkit.link.text.damage import MissedSamples
from wearkit.link.text.decoder import Line, TextDecoder
from wearkit.link.text.header import TextHeader, is_header, parse_header
from wearkit.link.text.layout import (
    LAYOUT_LINES,
    MAX_LAYOUT_LINES,
    Layout,
    RawSample,
    find_layout,
    mixed_shapes,
)
from wearkit.link.text.line import Row
from wearkit.link.text.plain import PlainLines, PlainSamples, plain_lines
from wearkit.link.text.refusals import Refusals
from wearkit.link.text.sequence import ArrivalSequencer, IndexSequencer, Sequencer
from wearkit.link.text.unit_finder import UnitFinder, to_counts
from wearkit.units import Unit

_DEVICE_ERROR = "#error "
_DEVICE_RESTART = "#restart "
_MAX_WAITING_REFUSED = 200  # lines that could not be read while the columns are not known
# What the loaders of common boards print when they begin again.
_BOOT_BANNER = re.compile(
    rb"ets [A-Z][a-z]{2} |rst:0x|ESP-ROM:|\*\*\* Booting |Rebooting\.\.\.|MicroPython v\d|"
    rb"Adafruit CircuitPython \d"
)
_MAX_UNLIKE = 20
# What boot messages look like; a damaged sample is damaged whenever it comes.
_NOISE = (Reason.TOO_LONG, Reason.NOT_ASCII, Reason.NOT_NUMBERS, Reason.COLUMNS)

_Waiting = tuple[RawSample, Line, int]
"""A sample, its line, and how many were missed before it."""


class TextStream:
    """Lines that come before columns and unit are known wait, and are then used like the others.
    A line that was refused keeps its place where it was a sample.

    Memory: at most MAX_LAYOUT_LINES lines, then at most MAX_MOVING_S seconds of samples.
    device_error: what the device's last `#error` comment said, as our sketch sends it.
    sample_messages: whole lines of numbers that fit the columns, once those are known.
    """

    def __init__(self, options: StreamOptions) -> None:
        self._options = options
        self.decoder = TextDecoder(skip_head=options.skip_head)
        self.ledger = Ledger()
        self.header: TextHeader | None = None
        self.choice: UnitChoice | None = None
        self.sample_messages = 0
        self.device_error = ""
        self.device_errors = 0
        self._boot = self._placed_boot = 0
        self._opened_s: float | None = None
        self._odd_header = ""
        self._layout: Layout | None = None
        self._sequencer: Sequencer = ArrivalSequencer()
        self._finder: UnitFinder | None = UnitFinder(options.rate_hz)
        self._clock = WrappingClock(Fraction(1))
        self._missed = MissedSamples()
        self._missed_counts = 0
        self._refusals = Refusals()
        self._rows: list[Line] = []
        self._refused_rows = 0
        self._raw: list[_Waiting] = []
        self._plain: PlainLines | None = None
        self._unlike = 0  # lines in a row that were not read by `_plain`
        self._kept: list[Stretch] = []  # what a refused chunk held before the fault
        if options.unit is not None:
            self.choice = UnitChoice(options.unit, "said by --units")
        if options.fields is not None:
            axes = options.axes or SAME_AXES
            self._use(Layout(options.fields, axes=axes, takes_any_kind=True))

    @property
    def refused(self) -> str:
        """A refused line and what is wrong in it, as a sentence part; empty without any."""
        return self._refusals.sentence

    @property
    def axes(self) -> AxisMap:
        """The axes in use: --axes overrules a header."""
        return SAME_AXES if self._layout is None else self._layout.axes

    @property
    def pending_bytes(self) -> int:
        """Held and not booked yet: an unterminated piece, and lines that wait."""
        return self.decoder.tail_bytes + sum(self._waiting_sizes_bytes())

    @property
    def pending_messages(self) -> int:
        """Lines that wait for columns, for a unit or for a line that confirms their index."""
        return len(self._waiting_sizes_bytes())

    def _waiting_sizes_bytes(self) -> list[int]:
        waiting = [sample.size_bytes for sample in self._sequencer.waiting]
        return self._undecided_sizes_bytes() + waiting

    def _undecided_sizes_bytes(self) -> list[int]:
        rows = [line.size_bytes for line in self._rows if isinstance(line.content, Row)]
        return rows + [line.size_bytes for _, line, _ in self._raw]

    def resume(self) -> None:
        """The port was opened again: a piece of a line before it is over, and what comes need not
        follow what came."""
        for line in self.decoder.resume(skip_head=self._options.skip_head):
            self.ledger.ignore(line.size_bytes, is_whole=False)
        self._opened_s = None
        self._missed.tail()
        self._sequencer.resume()

    def feed(self, chunk: bytes, arrival_s: float = 0.0) -> list[PlacedSample]:
        """The samples this chunk completes, in order.

        Raises DataError when columns or unit cannot be found, or the device contradicts itself
        or the user.
        """
        if self._opened_s is None:
            self._opened_s = arrival_s
        lines = self.decoder.feed(chunk, arrival_s)
        for position, line in enumerate(lines):
            try:
                self._take(line)
            except DataError:
                for unread in lines[position + 1 :]:
                    self.ledger.reject(Reason.UNDECIDED, unread.size_bytes)
                raise
        return self._place_all() if self.choice is not None else []

    def feed_runs(self, chunk: bytes, arrival_s: float = 0.0) -> list[Stretch]:
        """As `feed`, with samples in a row put together. Lines that do nothing new are read many
        at once; nothing may come of it but speed."""
        if self._opened_s is None:
            self._opened_s = arrival_s
        stretches: list[Stretch] = []
        rest, were_unlike = chunk, False
        while rest:
            run, size = self._plain_run(rest, arrival_s)
            if run is not None:
                stretches.append(run)
                rest, were_unlike = rest[size:], False
                if not rest:
                    break
            # The line that is unlike those before, by itself; where another follows, all the rest.
            end = 0 if were_unlike else rest.find(self.decoder.line_end) + 1
            piece, rest, were_unlike = (rest[:end], rest[end:], True) if end else (rest, b"", True)
            try:
                stretches += runs_of(self.feed(piece, arrival_s))
            except DataError:
                self._kept = stretches
                self.skip(rest)
                raise
        return stretches

    def _plain_run(self, chunk: bytes, arrival_s: float) -> tuple[SampleRun | None, int]:
        """The samples at the front of a chunk that only go on as those before, and how many bytes
        of the chunk they took; None and 0 where the first line has to be looked at by itself."""
        if self.decoder.line_end not in chunk or (plain := self._plain_lines()) is None:
            return None, 0
        lines = self.decoder.front(chunk, plain.pattern)
        if not lines:
            self._unlike += 1
            self._plain = None
            return None, 0
        self._unlike = 0
        samples = plain.read(lines)
        number = len(samples.xyz)
        if self._finder is not None:
            number = min(number, self._finder.room(arrival_s))
        stamps_us = None
        if samples.stamps_us is not None:
            stamps_us = self._clock.ahead_us(samples.stamps_us[:number])
            number = len(stamps_us)
        if number:
            number = self._sequencer.following(samples.indices, stamps_us, number)
        if not number:
            return None, 0
        if number < len(samples.xyz):
            lines = _first_lines(lines, number)
            samples = samples.first(number)
            stamps_us = None if stamps_us is None else stamps_us[:number]
        return self._take_plain(plain, lines, samples, stamps_us, arrival_s)

    def _take_plain(
        self,
        plain: PlainLines,
        lines: bytes,
        samples: PlainSamples,
        stamps_us: list[int] | None,
        arrival_s: float,
    ) -> tuple[SampleRun, int]:
        """Book lines of which every one is the next sample. stamps_us: continued."""
        number = len(samples.xyz)
        if self._finder is not None:
            self._finder.extend(samples.xyz, arrival_s)
        counts, within, rows = plain.counts(samples.xyz)
        if stamps_us is not None:
            self._clock.accept_us(stamps_us)
        self._sequencer.extend(samples.indices, stamps_us, rows)
        self._missed.good(lines[lines.rfind(b"\n", 0, -1) + 1 : -1])
        self.sample_messages += number
        self.ledger.accept_many(number, len(lines))
        first = None if samples.indices is None else samples.indices[0]
        run = SampleRun(counts, first, stamps_us, arrival_s, within)
        return run, self.decoder.take(lines, number)

    def _plain_lines(self) -> PlainLines | None:
        """How the next lines may be read at once; None while anything about them is open, and
        mostly where those before could not be read so either."""
        if self.choice is None or self._layout is None or self._raw or self._missed_counts:
            return None
        is_settled = self._missed.is_clear and self._boot == self._placed_boot
        if not is_settled or self._options.only is not None:
            return None
        if self.header is not None and self.header.needs_crc:
            return None
        if self._unlike > _MAX_UNLIKE and self._unlike % _MAX_UNLIKE:
            self._unlike += 1
            return None
        if self._plain is None:
            self._plain = plain_lines(self._missed.last_good, self._layout, self.choice.unit)
            self._unlike += self._plain is None
        return self._plain

    def skip(self, chunk: bytes) -> None:
        """Only book bytes that came together with what was refused."""
        for line in self.decoder.feed(chunk):
            self.ledger.reject(Reason.UNDECIDED, line.size_bytes)

    def finish(self) -> list[PlacedSample]:
        """Close the accounts: what still waits for a decision is counted as undecided. The lines
        of a refused chunk that came before what was refused are placed."""
        placed: list[PlacedSample] = []
        for stretch in self._kept:
            placed += stretch.steps() if isinstance(stretch, SampleRun) else [stretch]
        self._kept = []
        if self.choice is not None:
            placed += self._place_all()
        for line in self.decoder.finish():
            self.ledger.ignore(line.size_bytes, is_whole=False)
        for size_bytes in self._undecided_sizes_bytes():
            self.ledger.reject(Reason.UNDECIDED, size_bytes)
        self._rows, self._raw = [], []
        return placed + self._booked(self._sequencer.finish())

    def _take(self, line: Line) -> None:
        match line.content:
            case Row() as row:
                self._take_row(row, line)
            case Reason() as reason if reason in _NOISE and self._is_settling(line):
                self.ledger.ignore_noise(line.size_bytes)
                self._keep_place(line)
            case Reason() as reason:
                self._refuse(reason, line)
            case str() as text:
                self._take_comment(text, line)
            case None:
                self.ledger.ignore(line.size_bytes)
                if not line.raw.strip(b" \t\r"):
                    self._missed.tail()  # of a sample that was whole but for its line end

    def _refuse(self, reason: Reason, line: Line) -> None:
        self.ledger.reject(reason, line.size_bytes)
        self._refusals.note(line.raw, reason)
        self._refusals.check_hex(self.sample_messages)
        self._keep_place(line)

    def _keep_place(self, line: Line) -> None:
        """Count a refused line as a sample that was missed, if it is one; or as a restart."""
        if _BOOT_BANNER.search(line.raw):
            self._boot += 1
            return
        if self._layout is None:
            if self._rows and self._refused_rows < _MAX_WAITING_REFUSED:
                self._refused_rows += 1
                self._rows.append(line)  # which sample it looks like is known by those around it
            return
        is_sample = line.content is Reason.CRC
        self._missed.refused(line.raw.strip(), is_sample=is_sample)

    def _is_settling(self, line: Line) -> bool:
        assert self._opened_s is not None
        return line.arrival_s - self._opened_s < self._options.settle_s

    def _take_row(self, row: Row, line: Line) -> None:
        if self.header is not None and self.header.needs_crc and not row.has_crc:
            self._refuse(Reason.CRC_MISSING, line)
            return
        only = self._options.only
        if only is not None and (row.kind or "").lower() != only.lower():
            self.ledger.ignore(line.size_bytes)
            self._refusals.other_kinds.add(row.kind or "none")
            return
        if self._boot:
            line = replace(line, boot=self._boot)
        if self._layout is not None:
            self._read(self._layout, row, line)
            return
        self.sample_messages += 1
        self._rows.append(line)
        if len(self._rows) - self._refused_rows >= LAYOUT_LINES:
            rows = [line.content for line in self._rows if isinstance(line.content, Row)]
            layout = find_layout(rows)
            if layout is not None:
                self._use(replace(layout, axes=self._chosen_axes()))
            elif len(rows) >= MAX_LAYOUT_LINES:
                raise mixed_shapes(rows)

    def _take_comment(self, text: str, line: Line) -> None:
        if is_header(text) and self.header is not None:
            self._take_another_header(text, line)
            return
        self.ledger.ignore(line.size_bytes)
        if is_header(text):
            self._take_header(parse_header(text))
        elif text.startswith(_DEVICE_ERROR):
            self.device_error = text.removeprefix(_DEVICE_ERROR).strip()
            self.device_errors += 1
        elif text.startswith(_DEVICE_RESTART):
            self._boot += 1

    def _take_another_header(self, text: str, line: Line) -> None:
        """Normally the same again. One that differs may be garbled; twice the same is meant."""
        try:
            is_same = parse_header(text) == self.header
        except DataError:
            is_same = False
        if is_same:
            self.ledger.ignore(line.size_bytes)
            return
        self.ledger.reject(Reason.HEADER, line.size_bytes)
        if text == self._odd_header:
            raise DataError(f"The device changed its header to {text[:120]!r}: start live again.")
        self._odd_header = text

    def _take_header(self, header: TextHeader) -> None:
        self._check_against_choices(header)
        self.header = header
        if self.choice is None and header.unit is not None:
            self.choice = UnitChoice(header.unit, "said by the device's header")
        if self._layout is None and header.fields is not None:
            self._use(Layout(header.fields, axes=self._chosen_axes()))

    def _chosen_axes(self) -> AxisMap:
        from_header = self.header.axes if self.header is not None else SAME_AXES
        return self._options.axes or from_header

    def _check_against_choices(self, header: TextHeader) -> None:
        if self.choice is not None and header.unit not in (None, self.choice.unit):
            raise DataError(
                f"The device's header says its values are {header.unit}, which contradicts "
                f"{self.choice.unit} ({self.choice.evidence}).",
                fault=Fault.UNITS,
            )
        if self._layout is None:
            return
        same_fields = header.fields in (None, self._layout.fields)
        same_axes = (self._options.axes or header.axes) == self._layout.axes
        if not (same_fields and same_axes):
            raise DataError(
                "The device's header contradicts the columns in use "
                f"({','.join(self._layout.fields)}): start live again."
            )

    def _use(self, layout: Layout) -> None:
        self._plain, self._unlike = None, 0
        self._layout = layout
        self._sequencer = IndexSequencer() if "index" in layout.fields else ArrivalSequencer()
        self._clock = WrappingClock(layout.tick_us)
        self.sample_messages -= len(self._rows) - self._refused_rows
        while self._rows:
            line = self._rows.pop(0)
            if isinstance(line.content, Row):
                self._read(layout, line.content, line)
            else:
                self._keep_place(line)
        self._refused_rows = 0

    def _read(self, layout: Layout, row: Row, line: Line) -> None:
        if self._missed.awaits_tail:
            self.ledger.reject(Reason.BROKEN, line.size_bytes)
            self._missed.tail()
            return
        sample = layout.read(row)
        if isinstance(sample, Reason):
            if row.kind == layout.kind:
                self._refuse(sample, line)
            else:  # a whole line of another kind is no sample
                self.ledger.reject(sample, line.size_bytes)
            return
        if layout.takes_any_kind:
            self._layout = replace(layout, kind=row.kind, takes_any_kind=False)
        self._take_unit(row)
        self.sample_messages += 1
        missed = self._missed.good(line.raw)
        self._raw.append((sample, line, missed))
        self._watch_unit(sample, line.arrival_s)

    def _take_unit(self, row: Row) -> None:
        """A unit printed beside the numbers, unless another was said."""
        if row.unit is None or (self.choice is not None and self.choice.unit is row.unit):
            return
        if self.choice is not None:
            raise DataError(
                f"The device prints {row.unit} behind its numbers, which contradicts "
                f"{self.choice.unit} ({self.choice.evidence}).",
                fault=Fault.UNITS,
            )
        self.choice = UnitChoice(row.unit, "printed beside the numbers")

    def _watch_unit(self, sample: RawSample, arrival_s: float) -> None:
        """Find the unit; or, where it was said, check it once against gravity at rest."""
        if self._finder is None:
            return
        choice = self._finder.push(sample.xyz, arrival_s)
        if choice is not None:
            self._finder = None
            if self.choice is not None and choice.unit is not self.choice.unit:
                raise DataError(
                    f"The values look like {choice.unit} ({choice.evidence}), but "
                    f"{self.choice.unit} was {self.choice.evidence}.",
                    fault=Fault.UNITS,
                )
            if self.choice is None and choice.is_doubtful:
                raise DataError(
                    f"The values may be mg or cm/s2 ({choice.evidence}): say --units mg if they "
                    "are mg; cm/s2 cannot be read.",
                    fault=Fault.UNITS,
                )
            self.choice = self.choice or choice
        elif self.choice is None and (refusal := self._finder.dead or self._finder.given_up):
            raise refusal

    def _place_all(self) -> list[PlacedSample]:
        assert self.choice is not None
        if not self._raw:
            return []
        waiting, self._raw = self._raw, []
        if self.choice.unit is Unit.COUNTS:
            waiting = self._whole_only(waiting)
        counts = to_counts([raw.xyz for raw, _, _ in waiting], self.choice.unit).tolist()
        placed: list[Placed] = []
        for (raw, line, missed), (x, y, z) in zip(waiting, counts, strict=True):
            if line.boot != self._placed_boot:
                self._placed_boot = line.boot
                placed += self._sequencer.restart()
            t_us = None if raw.t_us is None else self._clock.continued_us(raw.t_us)
            sample = Sample(raw.index, t_us, (x, y, z), line.size_bytes, line.arrival_s)
            placed += self._sequencer.push(sample, missed)
        return self._booked(placed)

    def _whole_only(self, waiting: list[_Waiting]) -> list[_Waiting]:
        """Without those that are no counts, which are missed before the sample that follows."""
        whole: list[_Waiting] = []
        missed = self._missed_counts
        for raw, line, missed_before in waiting:
            missed += missed_before
            if all(isinstance(value, int) for value in raw.xyz):
                whole.append((raw, line, missed))
                missed = 0
            else:
                self.ledger.reject(Reason.NOT_INTEGER, line.size_bytes)
                missed += 1
        self._missed_counts = missed
        return whole

    def _booked(self, placed: list[Placed]) -> list[PlacedSample]:
        steps: list[PlacedSample] = []
        for item in placed:
            if isinstance(item, Refused):
                self.ledger.reject(item.reason, item.sample.size_bytes)
            else:
                self.ledger.accept(item.sample.size_bytes)
                steps.append(item)
        return steps


def _first_lines(lines: bytes, number: int) -> bytes:
    end = 0
    for _ in range(number):
        end = lines.index(b"\n", end) + 1
    return lines[:end]
