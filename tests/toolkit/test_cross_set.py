"""Label maps, combined data sets, leave-one-dataset-out, and twin copies of training people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from wearkit.errors import DataError
from wearkit.recordings.combined import combined, person_of
from wearkit.recordings.dataset import Dataset
from wearkit.recordings.formats import dsads, hapt, uci_har, wisdm
from wearkit.recordings.label_map import BUILT_IN, LabelMap, open_label_map
from wearkit.recordings.recording import UNLABELLED, LabelTrack, Recording
from wearkit.recordings.sensor_twin import ADXL345, SensorTwin
from wearkit.spec import WindowSpec
from wearkit.windows import evaluation_protocol
from wearkit.windows.augment import with_twin_copies
from wearkit.windows.leave_one_set_out import LEFT_OUT, ONE_SIDED
from wearkit.windows.paper_split import cut_stream, paper_split
from wearkit.windows.split import leak

SPEC = WindowSpec()
# The samples say who and what, and hold no gravity.
cut_and_split = partial(evaluation_protocol.cut_and_split, gravity_check=False)
LABELS = {
    "hapt": ("walking", "walking_upstairs", "walking_downstairs", "sitting", "laying"),
    "wisdm-2019": ("sitting", "stairs", "walking", "typing"),
}
MAP = LabelMap(
    "test.toml",
    "activity",
    {
        "hapt": {
            "walking": "walking",
            "walking_upstairs": "stairs",
            "walking_downstairs": "stairs",
            "sitting": "sitting",
            "laying": "lying",
        },
        "wisdm-2019": {"walking": "walking", "stairs": "stairs", "sitting": "sitting"},
    },
)


def made(
    format: str,
    people: int,
    placements: tuple[str, ...] = ("waist",),
    name: str = "",
    labels: tuple[str, ...] | None = None,
) -> Dataset:
    """Every person at every placement: 200 samples of each label in one recording, 10 unlabelled
    ones before, and a gap between. Person and label can be read off the samples."""
    names = LABELS[format] if labels is None else labels

    def recordings() -> Iterator[Recording]:
        for person in range(people):
            for placement in placements:
                for code in range(len(names)):
                    codes = np.full(210, code, np.int16)
                    codes[:10] = UNLABELLED
                    # Nobody's samples are another's, or they would be one person.
                    seed = [person, code, *format.encode(), *placement.encode()]
                    generator = np.random.default_rng(seed)
                    yield Recording(
                        acc_g=generator.normal(code / 8, 0.1, (210, 3)).astype(np.float32),
                        time_s=np.arange(210) / 50,
                        rate_hz=50.0,
                        subject=f"s{person}",
                        placement=placement,
                        source=f"{format} {person}",
                        labels=LabelTrack("activity", names, codes),
                    )

    return Dataset(name or f"/data/{format}.zip", format, False, recordings)


def test_own_labels_become_shared_ones_and_the_rest_is_counted() -> None:
    dataset = combined([made("hapt", 6), made("wisdm-2019", 6)], MAP)
    windows, split = cut_and_split(dataset, SPEC, "subject", fold=0)
    (task,) = windows.tasks
    assert (task.name, task.labels) == ("activity", ("walking", "stairs", "sitting", "lying"))
    # 210 samples: windows at 0 and 60. HAPT: 5 labels, two of them stairs; WISDM: 3 of 4.
    each = {"walking": 2 * 12, "stairs": 2 * 18, "sitting": 2 * 12, "lying": 2 * 6}
    found = np.bincount(windows.targets["activity"])
    assert dict(zip(task.labels, found.tolist(), strict=True)) == each
    assert windows.rejected[LEFT_OUT] == 2 * 6
    assert windows.subjects[0] == "hapt:s0" and len(windows.subjects) == 12
    assert windows.origin.sets == ("hapt", "wisdm-2019")
    assert split.leak_share == 0 and split.shared_subjects == ()


def test_a_shared_label_is_the_own_one_of_the_same_samples() -> None:
    alone = [*made("wisdm-2019", 1)]
    mapped = [*combined([made("wisdm-2019", 1)], MAP)]
    for before, after in zip(alone, mapped, strict=True):
        assert np.array_equal(before.acc_g, after.acc_g)
        for own, shared in zip(before.labels.codes, after.labels.codes, strict=True):
            if own == UNLABELLED:
                assert shared == UNLABELLED
            else:
                expected = MAP.sets["wisdm-2019"].get(before.labels.names[own], "(not mapped)")
                assert after.labels.names[shared] == expected


@pytest.mark.parametrize("fold", [0, 1])
def test_one_data_set_is_tested_and_the_other_trains_and_validates(fold: int) -> None:
    dataset = combined([made("hapt", 4), made("wisdm-2019", 7)], MAP)
    windows, split = cut_and_split(dataset, SPEC, "dataset", fold=fold)
    tested, other = (("hapt", "wisdm-2019"), ("wisdm-2019", "hapt"))[fold]
    assert {name.partition(":")[0] for name in split.test_subjects} == {tested}
    seen = {name.partition(":")[0] for name in split.train_subjects + split.val_subjects}
    assert seen == {other}
    assert len(split.test_subjects) == (4, 7)[fold]
    assert split.val_subjects and not set(split.val_subjects) & set(split.train_subjects)
    assert (split.name, split.fold, split.folds) == ("dataset", fold, 2)
    assert split.leak_share == 0 and split.shared_subjects == ()
    # lying is HAPT's alone: neither trained nor tested, and counted.
    assert windows.tasks[0].labels == ("walking", "stairs", "sitting")
    assert windows.rejected[ONE_SIDED] == 2 * 4 and windows.rejected[LEFT_OUT] == 2 * 7
    assert len(split.train) + len(split.val) + len(split.test) == len(windows)
    assert windows.origin.tested_set == tested
    assert windows.notes[-1].startswith(f"Tested on people of {tested}; trained and validated")
    assert windows.origin.to_json()["label_map"]["sets"]["hapt"]["laying"] == "lying"


def test_equal_subject_names_in_two_data_sets_are_two_people() -> None:
    dataset = combined([made("hapt", 5), made("wisdm-2019", 5)], MAP)
    windows, split = cut_and_split(dataset, SPEC, "dataset", fold=1)
    assert {name.partition(":")[2] for name in split.train_subjects} < {
        name.partition(":")[2] for name in split.test_subjects
    }
    assert leak(windows, np.concatenate([split.train, split.val]), split.test).subject_share == 0


def test_placements_stay_a_task_only_where_the_data_sets_have_the_same() -> None:
    both = ("arm", "waist")
    same = combined([made("hapt", 5, both), made("wisdm-2019", 5, both)], MAP)
    windows, _ = cut_and_split(same, SPEC, "dataset")
    assert [task.name for task in windows.tasks] == ["activity", "placement"]
    differ = combined([made("hapt", 5), made("wisdm-2019", 5, ("phone", "watch"))], MAP)
    windows, _ = cut_and_split(differ, SPEC, "dataset")
    assert [task.name for task in windows.tasks] == ["activity"]
    assert any("placement" in note for note in windows.notes)


@pytest.mark.parametrize(
    ("datasets", "says"),
    [
        ([made("hapt", 2), made("hapt", 2)], "called hapt"),
        ([made("hapt", 2), made("hapt", 2, name="/x/b.zip")], "called hapt"),
        ([made("csv", 2, name="/x/walks", labels=("a",))], r"no table \[walks\]"),
        (
            [made("hapt", 2), replace(made("hapt", 2), format="uci-har")],
            "the same people",
        ),
    ],
)
def test_data_sets_that_cannot_be_combined(datasets: list[Dataset], says: str) -> None:
    with pytest.raises(DataError, match=says):
        combined(datasets, MAP)


def test_people_of_hapt_are_known_under_either_name() -> None:
    assert person_of("uci-har:user01") == person_of("hapt:user01") == "hapt:user01"
    assert person_of("wisdm-2019:1600") == "wisdm-2019:1600" and person_of("user01") == "user01"


def test_recordings_of_one_s_own_go_by_the_name_of_their_folder() -> None:
    own = LabelMap("m", "activity", {**MAP.sets, "my-walks": {"go": "walking", "sit": "sitting"}})
    walks = made("csv", 4, name="/x/my-walks", labels=("go", "sit", "sleep"))
    dataset = combined([walks, made("hapt", 4)], own)
    windows, split = cut_and_split(dataset, SPEC, "dataset", fold=0)
    assert split.test_subjects[0] == "my-walks:s0"
    assert windows.tasks[0].labels == ("walking", "sitting")


def test_labels_that_a_data_set_does_not_have_are_named_with_those_it_has() -> None:
    wrong = LabelMap("m", "activity", {"hapt": {"walkin": "walking", "sitting": "sitting"}})
    with pytest.raises(DataError, match=r"'walkin'.*walking, walking_upstairs"):
        list(combined([made("hapt", 1)], wrong))


@pytest.mark.parametrize(
    ("split", "fold", "says"),
    [("dataset", 2, "data sets 0 to 1"), ("official", 0, "official"), ("paper", 0, "label map")],
)
def test_splits_that_combined_recordings_do_not_have(split: str, fold: int, says: str) -> None:
    dataset = combined([made("hapt", 4), made("wisdm-2019", 4)], MAP)
    with pytest.raises(DataError, match=says):
        cut_and_split(dataset, SPEC, split, fold=fold)


def test_a_data_set_left_out_needs_another() -> None:
    with pytest.raises(DataError, match="two or more"):
        cut_and_split(made("hapt", 4), SPEC, "dataset")


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_maps_name_labels_that_the_readers_give(name: str) -> None:
    known = {
        "hapt": hapt.LABELS,
        "uci-har": uci_har.ACTIVITIES,
        "dsads": dsads.ACTIVITIES,
        "wisdm-2019": tuple(wisdm.ACTIVITIES_2019.values()),
        "wisdm-v1": tuple(wisdm.ACTIVITIES_V1.values()),
    }
    found = open_label_map(name)
    assert set(found.sets) <= set(known) and len(found.sets) > 2
    for key, table in found.sets.items():
        assert set(table) <= set(known[key])
        assert set(table.values()) == set(found.labels)


@pytest.mark.parametrize(
    "text",
    [
        "", "task = 3", 'task = "two words"\n[hapt]\na = "b"\nc = "d"', "[hapt]", "hapt = 3",
        "[hapt]\nwalking = 3", '[hapt]\nwalking = ""', '[hapt]\nwalking = "a"',
        '[hapt]\nwalking = "a:b"\nsitting = "c"', '[hapt]\n"a" = "(not mapped)"\nb = "c"',
        '[hapt]\na = "b"\na = "c"', "[hapt", '[hapt]\na = ["b"]\nc = "d"', "a = " + "[" * 5000,
        '[hapt]\na = "b"\nc = "d"\n# ' + "x" * 70000, "\x00", '[hapt.labels]\na = "b"',
    ],
)  # fmt: skip
def test_a_map_that_is_none_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        open_label_map(str(path))
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 400 + len(str(path))


def test_a_map_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(b"\xff\xfe")
    for name in (str(tmp_path / "none.toml"), str(tmp_path), str(tmp_path / "map")):
        with pytest.raises(DataError):
            open_label_map(name)


@pytest.mark.parametrize("split_name", ["subject", "loso", "dataset"])
def test_twin_copies_are_of_training_people_alone(split_name: str) -> None:
    dataset = combined([made("hapt", 7), made("wisdm-2019", 7)], MAP)
    windows, split = cut_and_split(dataset, SPEC, split_name)
    more, grown = with_twin_copies(windows, split, dataset, ADXL345, 3)
    assert grown.train_subjects == split.train_subjects
    for part in ("val", "test"):
        before, after = getattr(split, part), getattr(grown, part)
        assert np.array_equal(before, after)
        assert np.array_equal(windows.counts[before], more.counts[after])
    new = np.arange(len(windows), len(more))
    assert np.array_equal(grown.train, np.concatenate([split.train, new]))
    assert len(new) == pytest.approx(3 * len(split.train), rel=0.2)
    assert {more.subjects[code] for code in more.subject[new]} == set(split.train_subjects)
    assert grown.leak_share == 0 and grown.shared_subjects == ()
    assert not set(more.run[new].tolist()) & set(windows.run.tolist())
    assert np.array_equal(more.counts[: len(windows)], windows.counts)
    assert more.tasks == windows.tasks
    assert more.origin.twin == ADXL345 and more.origin.twin_copies == 3
    assert more.origin.sets == windows.origin.sets
    assert any("sensor twin" in note for note in more.notes)


def test_copies_keep_the_label_and_the_person_of_what_they_copy() -> None:
    """A twin without errors: each copy is the window it is of, label and person included."""
    dataset = combined([made("hapt", 5)], MAP)
    windows, split = cut_and_split(dataset, SPEC, "subject")
    more, grown = with_twin_copies(windows, split, dataset, SensorTwin(), 1)
    new = grown.train[len(split.train) :]
    assert np.array_equal(more.counts[new], windows.counts[split.train])
    assert np.array_equal(more.subject[new], windows.subject[split.train])
    assert np.array_equal(more.targets["activity"][new], windows.targets["activity"][split.train])


def test_the_meter_sees_a_copy_of_a_test_person() -> None:
    """What with_twin_copies never does: the copies of a wrong split, told to the meter."""
    dataset = combined([made("hapt", 5)], MAP)
    windows, split = cut_and_split(dataset, SPEC, "subject")
    wrong = replace(split, train=split.test, train_subjects=split.test_subjects, test=split.train)
    more, grown = with_twin_copies(windows, wrong, dataset, SensorTwin(), 1)
    copies = np.arange(len(windows), len(more))
    found = leak(more, copies, split.test)
    assert found.shared_subjects == split.test_subjects and found.subject_share == 1
    assert leak(more, grown.train, split.train).subject_share == 0


def test_a_split_of_windows_gets_no_copies() -> None:
    dataset = made("hapt", 5)
    windows = cut_stream(dataset, SPEC)
    with pytest.raises(DataError, match="would leak"):
        with_twin_copies(windows, paper_split(windows), dataset, ADXL345, 1)
