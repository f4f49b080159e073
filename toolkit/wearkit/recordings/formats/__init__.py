"""Recordings of any known format, as one type. Untrusted: nothing here runs or unpacks a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wearkit.errors import DataError
from wearkit.recordings.archives.archive import open_source
from wearkit.recordings.archives.source import Source
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats import (
    csv_text,
    cwa,
    dsads,
    hapt,
    mhealth,
    sisfall,
    sleep,
    uci_har,
    wisdm,
)
from wearkit.units import Unit

POSTURE_SIM = "posture-sim"

__all__ = ["FORMATS", "POSTURE_SIM", "Dataset", "Format", "open_dataset"]


@dataclass(frozen=True, slots=True)
class Format:
    """One way recordings are laid out. summary: how a user recognises it."""

    name: str
    summary: str
    recognise: Callable[[Source], bool]
    open: Callable[[Source, Unit | None], Dataset]


def _by_name_only(source: Source) -> bool:
    """For a variant of a format: it is read when asked for, never recognised."""
    return False


# Tried in this order; the first that recognises the files reads them. A new reader is a line.
FORMATS = (
    Format("hapt", "HAPT RawData (acc_expEE_userUU.txt)", hapt.recognise, hapt.open_hapt),
    Format(
        "wisdm-2019",
        "WISDM 2019 (data_SSSS_accel_phone.txt, data_SSSS_accel_watch.txt)",
        wisdm.recognise_2019,
        wisdm.open_2019,
    ),
    Format("wisdm-v1", "WISDM_ar_v1.1_raw.txt", wisdm.recognise_v1, wisdm.open_v1),
    Format("dsads", "DSADS (aAA/pP/sSS.txt)", dsads.recognise, dsads.open_dsads),
    Format("mhealth", "MHEALTH (mHealth_subjectN.log)", mhealth.recognise, mhealth.open_mhealth),
    Format(
        "mhealth-null",
        "MHEALTH with its null class, by name only",
        _by_name_only,
        mhealth.open_mhealth_null,
    ),
    Format("sisfall", "SisFall (D01_SA01_R01.txt)", sisfall.recognise, sisfall.open_sisfall),
    Format("uci-har", "UCI HAR (Inertial Signals)", uci_har.recognise, uci_har.open_uci_har),
    Format("cwa", "Axivity .cwa", cwa.recognise, cwa.open_cwa),
    Format("sleep", "sleep set (NAME_POSTURE_PLACEMENT.txt)", sleep.recognise, sleep.open_sleep),
    Format("csv", "CSV files with a header time,x,y,z", csv_text.recognise, csv_text.open_csv),
)


def open_dataset(
    source: str | Path, *, format: str | None = None, units: str | None = None
) -> Dataset:
    """The recordings at `source`: a folder, a file, an archive (.zip, .tar, .tar.gz, .tar.bz2,
    .tar.xz), or "posture-sim".

    format: a name of FORMATS; None finds it. units: for recordings that do not say (g, mg,
    m/s2, counts). Recordings are read when the data set is iterated, each time anew.

    Raises DataError, here or while iterating, for anything that cannot be read or believed.
    """
    unit = _unit(units)
    if str(source) == POSTURE_SIM:
        return _posture_sim(format)
    files = open_source(Path(source))
    return _format(files, format).open(files, unit)


def _unit(units: str | None) -> Unit | None:
    try:
        return None if units is None else Unit(units)
    except ValueError:
        raise DataError(f"Units are one of {', '.join(Unit)}, not {units!r}.") from None


def _format(files: Source, name: str | None) -> Format:
    for format in FORMATS:
        if format.name == name or (name is None and format.recognise(files)):
            return format
    known = "; ".join(f"{format.name}: {format.summary}" for format in FORMATS)
    if name is not None:
        raise DataError(f"There is no format {name!r}; known are {known}.")
    raise DataError(f"{files.path} holds no recording in a known format ({known}).")


def _posture_sim(format: str | None) -> Dataset:
    from wearkit.recordings.posture_sim import recordings

    if format not in (None, POSTURE_SIM):
        raise DataError(f"{POSTURE_SIM} is made here and has no format: leave --format away.")
    return Dataset(POSTURE_SIM, POSTURE_SIM, True, recordings)
