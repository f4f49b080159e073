"""Labels, tasks and people are texts from outside: one printable line, or refused when read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from wearkit.cli import run
from wearkit.cli.tables.score_tables import score_table, subject_table
from wearkit.errors import DataError, ModelFileError, printable
from wearkit.evaluation.figures import confusion_svg
from wearkit.evaluation.metrics import score_task
from wearkit.recordings.combined import combined
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats import open_dataset
from wearkit.recordings.label_map import open_label_map
from wearkit.recordings.recording import LabelTrack, Recording
from wearkit.spec import TaskSpec, is_task_name, is_text
from wearkit.training.task_score import TaskScore

ROWS = "".join(f"{i / 50:.2f},0.1,0.2,0.97\n" for i in range(120))
UNSHOWABLE = (
    *("a\x1b[2Jb", "a\nb", "a\x07b", "a\u202eb", "a\u200bb", "a\x7fb", "a\x9bb", "a\u2028b"),
    *("", "   ", "\ufffd", "x" * 65),
)
SHOWN = (
    "walking",
    "gehen (schnell)",
    "Läufe",
    "走る",
    "$\\frac$",
    "[/b]",
    "<script>",
    "a|b",
    "x" * 64,
)
NO_TASKS = ("", "aktivität", "a b", "1st", "t" * 33, "a/b", "..", "a$", "class-1", "\x1b")


@pytest.mark.parametrize("text", UNSHOWABLE, ids=ascii)
def test_a_text_that_cannot_be_shown_is_no_label_and_no_person(text: str) -> None:
    assert not is_text(text)
    with pytest.raises(DataError, match="printable"):
        TaskSpec("activity", ("walking", text))
    with pytest.raises(ModelFileError, match="printable"):
        TaskSpec.from_json({"name": "activity", "labels": ["walking", text]})
    with pytest.raises(DataError, match="printable"):
        LabelTrack("activity", ("walking", text), np.zeros(2, np.int16))
    for name in ("subject", "placement"):
        with pytest.raises(DataError, match=f"the {name} .* printable"):
            recording(**{name: text})


@pytest.mark.parametrize("text", SHOWN, ids=ascii)
def test_any_other_text_is_kept_letter_by_letter(text: str) -> None:
    assert TaskSpec("activity", ("other", text)).labels[1] == text
    assert recording(subject=text).subject == text


@pytest.mark.parametrize("name", NO_TASKS, ids=ascii)
def test_a_task_is_a_name_that_c_can_carry(tmp_path: Path, name: str) -> None:
    assert not is_task_name(name)
    with pytest.raises(DataError, match="ASCII letters"):
        TaskSpec(name, ("a", "b"))
    toml = tmp_path / "map.toml"
    toml.write_text(f'task = {json_text(name)}\n[csv]\na = "a"\nb = "b"\n')
    with pytest.raises(DataError, match="ASCII letters"):
        open_label_map(str(toml))
    if name.strip() and name.split() == [name]:
        path = tmp_path / "a.csv"
        path.write_text(f"# units=g task={name}\ntime,x,y,z,label\n")
        with pytest.raises(DataError, match="ASCII letters"):
            open_dataset(path)


def json_text(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"'


def recording(**texts: str) -> Recording:
    return Recording(
        acc_g=np.zeros((2, 3), np.float32),
        time_s=np.array([0.0, 0.02]),
        rate_hz=50.0,
        subject=texts.get("subject", "a"),
        placement=texts.get("placement", "b"),
        source="c",
        labels=LabelTrack("activity", ("x", "y"), np.zeros(2, np.int16)),
    )


@pytest.mark.parametrize("stem", ["a\x1b]0;OWNED\x07\x1b[2Jb", "a\nb", "x" * 70], ids=ascii)
def test_a_file_in_an_archive_cannot_name_a_person_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stem: str
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{stem}.csv", f"# units=g\ntime,x,y,z\n{ROWS}")
    assert run(["data", "info", str(path)]) == DataError.exit_code
    shown = capsys.readouterr()
    assert "printable" in shown.err and "subject column" in shown.err and shown.out == ""
    assert shown.err.rstrip("\n").isprintable()


def test_with_a_subject_column_the_name_of_the_file_is_free(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    rows = "".join(f"{row},anna\n" for row in ROWS.splitlines())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x" * 70 + ".csv", f"# units=g\ntime,x,y,z,subject\n{rows}")
    assert [item.subject for item in open_dataset(path)] == ["anna"]


def test_a_set_with_a_name_too_long_for_its_people_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 70)
    toml = tmp_path / "map.toml"
    toml.write_text('[csv]\na = "a"\nb = "b"\n')
    dataset = Dataset(str(path), "csv", False, lambda: iter(()))
    with pytest.raises(DataError, match="rename its file or folder"):
        combined([dataset], open_label_map(str(toml)))


def test_what_cannot_be_printed_is_written_out() -> None:
    assert printable("a\x1b[2J\nb") == "a\\x1b[2J\\nb"
    assert printable("Läufe [red]") == "Läufe [red]"


def scores(labels: tuple[str, ...], subject: str = "ann", windows: int = 400) -> TaskScore:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, len(labels), windows)
    said = generator.integers(0, len(labels), windows)
    return score_task(labels, truth, said, np.zeros(windows, np.int32), (subject,))


def test_tables_show_markup_as_it_is_and_one_person_without_spread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.console import Console

    models = {"fp32": {"activity": scores(("a", "b"), "[red]bob[/b]")}}
    console = Console(width=200)
    console.print(score_table("[/b]", models))
    console.print(subject_table("activity", models))
    shown = capsys.readouterr().out
    assert "[red]bob[/b]" in shown and "(one person)" in shown and "±" not in shown


@pytest.mark.parametrize("key", ["per_subject", "per_class"])
def test_scores_on_disk_with_such_a_name_are_damaged(key: str) -> None:
    value = scores(("a", "b")).to_json()
    (name, *_) = value[key]
    value[key]["\x1b[2J"] = value[key].pop(name)
    with pytest.raises(ValueError, match="cannot be shown"):
        TaskScore.from_json(value)


def test_a_page_of_a_thousand_labels_stays_small() -> None:
    svg = confusion_svg(scores(tuple(f"<b>{i:>4}" for i in range(1000)), windows=5000), "x")
    assert len(svg) < 2_000_000 and "<b>" not in svg
    assert "1000 labels without counts" in svg
    few = confusion_svg(scores(("a", "b")), "x")
    assert few.count("<title>") == 5 and "without counts" not in few


@pytest.mark.parametrize(
    ("count", "counts", "named"), [(3, True, 3), (41, False, 41), (300, False, 60)]
)
def test_pictures_of_many_labels_are_capped(count: int, counts: bool, named: int) -> None:
    pytest.importorskip("matplotlib")
    from wearkit.evaluation.plots import confusion

    labels = tuple(f"$\\frac${i}" for i in range(count))
    figure = confusion("t" * 32, scores(labels), "a $\\frac$ title")
    (axes, _) = figure.axes
    assert max(figure.get_size_inches()) < 23
    assert bool(axes.texts) == counts
    assert len(axes.get_xticklabels()) == named
    assert ("counts left out" in axes.get_title()) == (not counts)
    figure.draw_without_rendering()  # mathematics that cannot be parsed would end here


def test_only_our_own_pictures_are_replaced(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from wearkit.evaluation.plots import draw_run

    draw_run(tmp_path, (), 0, {"old": scores(("a", "b"))}, "x")
    mine = tmp_path / "confusion-mine.png"
    mine.write_bytes(b"\x89PNG of somebody else")
    draw_run(tmp_path, (), 0, {"new": scores(("a", "b"))}, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "confusion-mine.png",
        "confusion-new.png",
    ]
