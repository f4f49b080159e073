"""SessionRecording: what a session writes down, chosen by the name of the file."""

from __future__ import annotations

from pathlib import Path

from wearkit.capture.csv_writer import Recorder
from wearkit.capture.decode import session_record
from wearkit.capture.file import Kind, SessionLog
from wearkit.errors import StorageError
from wearkit.link.sample import StreamOptions


class SessionRecording:
    """The samples as CSV, or the whole session; or neither."""

    def __init__(self, samples: Recorder | None = None, log: SessionLog | None = None) -> None:
        self.samples, self.log = samples, log

    @property
    def error(self) -> StorageError | None:
        """Why it stopped early, if it did."""
        errors = [writer.error for writer in (self.samples, self.log) if writer is not None]
        return next((error for error in errors if error is not None), None)

    def close(self) -> None:
        for writer in (self.samples, self.log):
            if writer is not None:
                writer.close()


def open_recording(
    path: Path | None, options: StreamOptions, port: str, model_id: str, hop: int, *, force: bool
) -> SessionRecording:
    """.csv takes the samples alone, as does a device such as /dev/stdout; every other name takes
    the whole session, for `wearkit convert`. None: nothing is written.

    Raises StorageError when the file exists (without `force`) or cannot be written.
    """
    if path is None:
        return SessionRecording()
    if path.suffix == ".csv" or path.is_char_device():
        return SessionRecording(samples=Recorder(path, force=force))
    log = SessionLog(path, force=force)
    log.note(Kind.SESSION, session_record(options, port, model_id, hop))
    return SessionRecording(log=log)
