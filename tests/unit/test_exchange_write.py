"""What EIFER exports: other people's parsers read it, and it comes back as it went."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
import track_files as files

from eifer.eifer_addon import exchange
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.spaces import ARKIT_NAMES, get_space

MUSCLES = ("zygomaticus.left", "corrugator.right")


def some_activity() -> Activity:
    values = files.random(50, 2).astype(np.float32)
    return Activity(
        values, 100.0, MUSCLES, np.array([1.0, 2.0]), np.array([30.0, 40.0]), ("Zyg li", "Corr re"),
        filters=("band-pass 20–450 Hz", "envelope 6 Hz"), delay_ms=38.0, start_s=0.25,
        events=((0.1, "smile", 0.2),), source={"file": "a.edf", "simulated": True},
    )  # fmt: skip


@pytest.mark.parametrize("space", ["arkit52", "flame2020:e50j3l2"])
def test_a_track_comes_back_bit_for_bit_from_csv(space: str, tmp_path: Path) -> None:
    wide = get_space(space)
    values = np.random.default_rng(1).normal(size=(20, len(wide))).astype(np.float32) * 1e-3
    track = files.some_track(space=wide, coefficients=values)
    (path,) = exchange.write(track, tmp_path / "take.csv")
    back = exchange.read_track(path)
    for name in ("coefficients", "timestamps", "confidence", "head_pose", "identity"):
        np.testing.assert_array_equal(getattr(back, name), getattr(track, name))
    assert back.space == track.space
    assert dict(back.provenance).items() >= dict(track.provenance).items()


def test_a_track_csv_is_plain_to_another_parser(tmp_path: Path) -> None:
    track = files.some_track()
    (path,) = exchange.write(track, tmp_path / "take.csv")
    lines = path.read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert "# simulated: true" in comments
    assert any("in metres" in line for line in comments)
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    got = np.array([float(row["jawOpen"]) for row in rows], np.float32)
    np.testing.assert_array_equal(got, track.column("jawOpen"))


def test_npz_is_the_file_that_save_writes(tmp_path: Path) -> None:
    track = files.some_track()
    (path,) = exchange.write(track, tmp_path / "take.npz")
    np.testing.assert_array_equal(exchange.read_track(path).coefficients, track.coefficients)
    (path,) = exchange.write(some_activity(), tmp_path / "activity.npz")
    assert Activity.load(path).muscles == MUSCLES


def test_an_activity_csv_has_units_filters_and_the_simulated_mark(tmp_path: Path) -> None:
    activity = some_activity()
    (path,) = exchange.write(activity, tmp_path / "activity.csv")
    notes = dict(
        line[2:].split(": ", 1) for line in path.read_text().splitlines() if line.startswith("#")
    )
    assert notes["simulated"] == "true"
    assert json.loads(notes["filters"]) == list(activity.filters)
    assert json.loads(notes["scale"]) == [30.0, 40.0]
    table = np.genfromtxt(path, delimiter=",", names=True, deletechars="", skip_header=len(notes))
    np.testing.assert_array_equal(table["time_s"], activity.timestamps)
    np.testing.assert_array_equal(
        table["zygomaticus.left"].astype(np.float32), activity.values[:, 0]
    )


def test_live_link_face_is_written_as_the_app_does(tmp_path: Path) -> None:
    times = np.arange(20) / 30 + 0.5
    track = files.some_track(timestamps=times, identity=None)
    path, beside = exchange.write(track, tmp_path / "take.csv", format="livelink", rate_hz=30)
    header, *rows = path.read_text().splitlines()
    assert header == files.LIVELINK_HEADER
    assert rows[0].startswith("00:00:00:15.000,61,")
    assert rows[3] == "00:00:00:18.000,0"
    assert all(len(row.split(",")) == 63 for k, row in enumerate(rows) if k != 3)
    assert json.loads(beside.read_text())["simulated"] is True
    back = exchange.read_track(path, rate_hz=30)
    good = track.confidence > 0
    np.testing.assert_allclose(back.coefficients[good], track.coefficients[good], atol=6e-9)
    np.testing.assert_allclose(back.timestamps, times - times[0], atol=0.5e-3 / 30 + 1e-12)
    assert back.head_pose is not None
    assert track.head_pose is not None
    np.testing.assert_allclose(back.head_pose[good, :3], track.head_pose[good, :3], atol=1e-6)
    assert back.provenance["simulated"] is True


def test_live_link_face_gets_the_eyes_angles_of_real_captures(tmp_path: Path) -> None:
    values = np.zeros((2, 52), np.float32)
    values[1, [ARKIT_NAMES.index(n) for n in ("eyeLookOutLeft", "eyeLookInRight")]] = 0.5
    values[1, [ARKIT_NAMES.index(n) for n in ("eyeLookDownLeft", "eyeLookDownRight")]] = 0.2
    track = files.some_track(
        timestamps=np.arange(20) / 30, coefficients=np.tile(values, (10, 1)),
        confidence=np.ones(20, np.float32),
    )  # fmt: skip
    path, _ = exchange.write(track, tmp_path / "take.csv", format="livelink", rate_hz=30)
    with path.open() as stream:
        row = list(csv.DictReader(stream))[1]
    # To the subject's left is negative in the captures, down positive; 0.61 rad at 1.
    for side in ("Left", "Right"):
        assert float(row[f"{side}EyeYaw"]) == pytest.approx(-0.305, abs=1e-3)
        assert float(row[f"{side}EyePitch"]) == pytest.approx(0.122, abs=1e-3)


def test_live_link_face_takes_arkit_only_and_needs_whole_rates(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"cannot count 29\.97"):
        exchange.write(files.some_track(), tmp_path / "a.csv", format="livelink", rate_hz=29.97)
    with pytest.raises(EiferError, match="not muscle activity"):
        exchange.write(some_activity(), tmp_path / "a.csv", format="livelink")
    close = files.some_track(timestamps=np.arange(20) * 1e-6)
    with pytest.raises(EiferError, match="does not fit a timecode"):
        exchange.write(close, tmp_path / "a.csv", format="livelink")
    assert not list(tmp_path.iterdir())


def test_a_bids_derivative_says_how_the_signal_was_made(tmp_path: Path) -> None:
    folder = tmp_path / "derivatives"
    activity = some_activity()
    table, sidecar, dataset, readme = exchange.write(activity, folder, subject="01", task="smile")
    assert table == folder / "sub-01" / "emg" / "sub-01_task-smile_recording-activity_physio.tsv.gz"
    about = json.loads(sidecar.read_text())
    with gzip.open(table, "rt") as stream:
        rows = np.loadtxt(stream, delimiter="\t")
    assert about["Columns"] == ["time", *MUSCLES]
    assert rows.shape == (50, len(about["Columns"]))
    assert about["SamplingFrequency"] == 100
    assert about["StartTime"] == pytest.approx(0.25)
    assert about["SoftwareFilters"]["2"]["Description"] == "envelope 6 Hz"
    assert about["FilterDelay"] == {"Value": 38.0, "Units": "ms"}
    assert about["Simulated"] is True
    assert json.loads(dataset.read_text())["DatasetType"] == "derivative"
    assert "EIFER" in readme.read_text()
    np.testing.assert_array_equal(rows[:, 1:].astype(np.float32), activity.values)
    made = exchange.write(files.some_track(), folder, subject="01", task="smile", session="2")
    assert [path.name for path in made] == [
        "sub-01_ses-2_task-smile_recording-expression_physio.tsv.gz",
        "sub-01_ses-2_task-smile_recording-expression_physio.json",
    ]
    about = json.loads(made[1].read_text())
    assert set(about["Columns"]) <= set(about)
    assert about["head_ty"]["Units"] == "m"
    assert set(ARKIT_NAMES) < set(about["Columns"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.csv", {}),
        ("a.npz", {}),
        ("a.csv", {"format": "livelink"}),
        ("a", {"subject": "1", "task": "a"}),
    ],
)
def test_nothing_is_replaced_unasked(name: str, options: dict[str, str], tmp_path: Path) -> None:
    track = files.some_track()
    made = exchange.write(track, tmp_path / name, **options)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(EiferError, match="exists already"):
        exchange.write(track, tmp_path / name, **options)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    again = exchange.write(track, tmp_path / name, overwrite=True, **options)
    assert again == made[: len(again)]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("a.xyz", {}, "'a.xyz' names no format"),
        ("a.csv", {"format": "fbx"}, "'fbx' names no format"),
        ("a.csv", {"rate_hz": 3}, "'rate_hz' is no choice of the format 'csv'"),
        ("a", {"subject": "01"}, "label of the task"),
        ("a", {"subject": "no/../way", "task": "b"}, "no BIDS label"),
        ("a.json", {"format": "livelink"}, "no name for a CSV"),
        ("no/such/a.csv", {}, "folder does not exist"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(
    name: str, options: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(EiferError, match=sentence):
        exchange.write(files.some_track(), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_the_same_derivative_is_the_same_file(tmp_path: Path) -> None:
    first = exchange.write(some_activity(), tmp_path / "a", subject="1", task="x")
    second = exchange.write(some_activity(), tmp_path / "b", subject="1", task="x")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_a_derivative_obeys_the_rules_for_continuous_recordings(tmp_path: Path) -> None:
    # BIDS 1.11, rules.files.raw.task.timeseries and rules.sidecars.continuous.
    folder = tmp_path / "derivatives"
    exchange.write(some_activity(), folder, subject="01", task="smile", session="a")
    exchange.write(files.some_track(), folder, subject="01", task="smile")
    name = re.compile(
        r"sub-[0-9a-zA-Z]+(_ses-[0-9a-zA-Z]+)?_task-[0-9a-zA-Z]+(_acq-[0-9a-zA-Z]+)?"
        r"(_run-[0-9]+)?(_recording-[0-9a-zA-Z]+)?_physio\.(tsv\.gz|json)"
    )
    paths = [path for path in folder.glob("sub-*/**/*") if path.is_file()]
    assert len(paths) == 4
    for path in paths:
        assert name.fullmatch(path.name)
        assert path.parent.name in ("beh", "emg")
    about = json.loads((folder / "dataset_description.json").read_text())
    assert {"Name", "BIDSVersion", "GeneratedBy"} <= set(about)
    for sidecar in folder.glob("sub-*/**/*.json"):
        fields = json.loads(sidecar.read_text())
        assert isinstance(fields["SamplingFrequency"], float)
        assert isinstance(fields["StartTime"], float)
        with gzip.open(sidecar.with_name(sidecar.stem + ".tsv.gz"), "rt") as stream:
            assert len(stream.readline().split("\t")) == len(fields["Columns"])


@pytest.mark.parametrize("form", ["npz", "csv", "bids"])
def test_an_activity_comes_back_bit_for_bit(form: str, tmp_path: Path) -> None:
    activity = some_activity()
    labels = {"subject": "01", "task": "smile"} if form == "bids" else {}
    path = exchange.write(activity, tmp_path / f"a.{form}", format=form, **labels)[0]
    assert exchange.is_activity(path)
    assert not exchange.is_track(path)
    back = exchange.read_activity(path)
    for name in ("values", "baseline", "scale"):
        np.testing.assert_array_equal(getattr(back, name), getattr(activity, name))
    for name in ("rate_hz", "muscles", "channels", "filters", "delay_ms", "start_s", "events"):
        assert getattr(back, name) == getattr(activity, name)
    assert dict(back.source) == dict(activity.source)
