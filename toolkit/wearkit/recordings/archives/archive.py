"""Files of a recording, wherever they lie: a folder, one file, or an archive read in place."""

from __future__ import annotations

import tarfile
from pathlib import Path

from wearkit.errors import DataError
from wearkit.recordings.archives.source import FileSource, FolderSource, Source
from wearkit.recordings.archives.tar_source import TarSource, is_packed, is_tar
from wearkit.recordings.archives.untrusted import readable
from wearkit.recordings.archives.zip_source import ZipSource

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def open_source(path: Path) -> Source:
    """The source at `path`, told apart by what the file holds. Raises DataError."""
    if path.is_dir():
        return FolderSource(path)
    if not path.exists():
        raise DataError(f"There is no file or folder {path}; check the path.")
    if not path.is_file():
        raise DataError(f"{path} is not a regular file or folder; give the recording itself.")
    with readable(path), path.open("rb") as stream:
        head = stream.read(tarfile.BLOCKSIZE)
    if not head:
        raise DataError(f"{path} is empty; give a file that holds recordings.")
    if head.startswith(_ZIP):
        return ZipSource(path)
    if is_packed(head) or is_tar(head):
        return TarSource(path)
    return FileSource(path)
