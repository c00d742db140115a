"""Simulated studies as folders: MMM's layout, the same bytes on any machine, nothing half done."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.exchange import read_track
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.video.decode import open_video
from eifer.models.synthetic.frames import FrameRenderer
from eifer.models.synthetic.mmm_writer import Wanted, read_coverage, write_clip
from eifer.models.synthetic.movements import session_clips
from eifer.models.synthetic.session import LEAD, SimulatedClip, simulate_clip
from eifer.models.synthetic.simulate import Study, simulate
from eifer.models.synthetic.simulate_job import SimulateRequest, run
from eifer.models.synthetic.subject import draw_subject

WANTED = Wanted(video=False)
STUDY = Study(1, seed=5, wanted=WANTED, repetitions=1, tasks=("Eye-Gentle", "happy"))
SENSORS, NORMAL = "01_1S", "01_1N"


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    result = simulate(out, STUDY, workers=2)
    assert (result.made, result.skipped, result.failed) == (4, 0, ())
    return out


def happy(folder: Path) -> str:
    return next((folder / "emg" / SENSORS).glob("*happy.csv")).stem


def test_two_processes_give_the_bytes_of_one(study: Path, tmp_path: Path) -> None:
    """The same clips once more, here, in another order and with whatever threads there are."""
    wanted, key = asdict(WANTED), STUDY.key
    for rec in ("1N", "1S"):
        subject = draw_subject(5, 0)
        clips = [c for c in session_clips(subject, rec, repetitions=1) if c.task in STUDY.tasks]
        asked = [[c.mode, c.task, c.seq] for c in reversed(clips)]
        request = SimulateRequest(rec, "here", str(tmp_path), 5, 0, rec, asked, wanted, key)
        assert run(request)["state"] == "done"
    here = hashes(tmp_path)
    assert len(here) > 20
    assert here == {name: digest for name, digest in hashes(study).items() if name in here}


def test_what_is_complete_is_not_made_again_and_what_is_not_is(study: Path) -> None:
    before = hashes(study)
    damaged = study / "truth" / SENSORS / f"{happy(study)}_clip.json"
    written_s = (study / "emg" / SENSORS / f"{happy(study)}.csv").stat().st_mtime_ns
    left_over = study / "emg" / SENSORS / f".{happy(study)}.half.csv"
    left_over.write_text("half a file")
    assert simulate(study, STUDY).made == 0
    assert not left_over.exists()
    damaged.unlink()
    assert simulate(study, STUDY, workers=1).made == 1
    assert (study / "emg" / SENSORS / f"{happy(study)}.csv").stat().st_mtime_ns != written_s
    assert hashes(study) == before


def test_the_table_lists_every_clip_with_its_type(study: Path) -> None:
    with (study / "MMM.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["rec"], row["type"], row["task"]) for row in rows] == [
        ("1S", "sensor", "Eye-Gentle"), ("1S", "sensor", "happy"),
        ("1N", "normal", "Eye-Gentle"), ("1N", "normal", "happy"),
    ]  # fmt: skip
    assert all((study / row["emg"]).is_file() == (row["rec"] == "1S") for row in rows if row["emg"])
    assert rows[2]["emg"] == ""


def test_the_readers_of_mmm_read_it(study: Path) -> None:
    recording = read_recording(study, clip=happy(study))
    assert recording.holds_envelope
    assert len(recording.channels) == 22
    track = read_track(
        study / "video_noelec_params" / "truth" / SENSORS / f"{happy(study)}_params.csv.gz"
    )
    truth = ExpressionTrack.load(study / "truth" / SENSORS / f"{happy(study)}_track.npz")
    assert recording.n_samples == len(track) == len(truth)
    assert np.abs(track.coefficients - truth.coefficients).max() < 1e-5
    activity = to_activity(recording)
    strongest = activity.muscles[int(np.argmax(activity.baseline + activity.scale))]
    assert "zygomaticus.left" in activity.muscles
    assert strongest.split(".")[0] in {"zygomaticus", "orbicularis_oculi", "mentalis", "masseter"}


def test_raw_emg_goes_through_the_chain_to_the_same_envelopes(study: Path) -> None:
    raw = read_recording(study / "truth" / SENSORS / f"{happy(study)}_fridlund.edf")
    assert raw.rate_hz == 4096
    assert len(raw.channels) == 44
    table = read_recording(study, clip=happy(study))
    activity = to_activity(raw, preset="mam")
    found = activity.baseline + activity.scale * activity.values
    column = [c.startswith("Zygomaticus_l") for c in table.channels].index(True)
    envelope = found[:, activity.muscles.index("zygomaticus.left")]
    measured = table.data()[column]
    n = min(len(envelope), len(measured))
    assert np.corrcoef(envelope[:n], measured[:n])[0, 1] > 0.99


def test_the_truth_says_the_effort_of_every_muscle(study: Path) -> None:
    drive = Activity.load(study / "truth" / SENSORS / f"{happy(study)}_drive.npz")
    assert drive.rate_hz == 100
    assert drive.muscles[:2] == ("frontalis_medialis.left", "frontalis_medialis.right")
    assert drive.column("zygomaticus.left").max() > 0.3
    assert drive.events[0][1] == "happy"
    people = json.loads((study / "truth" / "subjects.json").read_text("utf-8"))["subjects"]
    subject = draw_subject(5, 0)
    assert people[0]["delay_s"] == pytest.approx(subject.delay_s, abs=1e-6)
    about = json.loads((study / "simulation.json").read_text("utf-8"))
    assert about["simulated"] is True
    assert about["key"]["seed"] == 5


def test_a_folder_of_another_simulation_or_of_real_data_is_refused(
    study: Path, tmp_path: Path
) -> None:
    with pytest.raises(EiferError, match="its seed is 5, not 6"):
        simulate(study, replace(STUDY, seed=6))
    (tmp_path / "MMM.csv").write_text("real")
    with pytest.raises(EiferError, match="not simulated"):
        simulate(tmp_path, STUDY)
    assert (tmp_path / "MMM.csv").read_text() == "real"


@pytest.mark.parametrize(
    ("study", "words"),
    [
        (replace(STUDY, tasks=("Wink",)), "no task 'Wink'"),
        (replace(STUDY, wanted=Wanted(scheme="10-20")), "no electrode scheme '10-20'"),
        (replace(STUDY, wanted=Wanted(size=63)), "63 pixels"),
        (replace(STUDY, subjects=0), "0 subjects"),
    ],
)
def test_what_cannot_be_simulated_is_a_sentence(study: Study, words: str, tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=words):
        simulate(tmp_path, study)


def test_the_command_makes_what_is_missing_and_says_what_is_there_already(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["simulate", "--out", str(study), "--seed", "5", "--no-video", "--repetitions", "1",
               "--tasks", "Eye-Gentle,happy", "--workers", "1", "--json"]  # fmt: skip
    clip = study / "emg" / SENSORS / f"{happy(study)}.csv"
    before = clip.read_bytes()
    clip.unlink()
    for made in (1, 0):
        assert main(command) == 0
        told = capsys.readouterr()
        values = json.loads(told.out)
        assert (values["clips"], values["made"], values["skipped"]) == (4, made, 4 - made)
        assert f"{4 - made} of 4 clips are there already" in told.err
        assert clip.read_bytes() == before


def test_a_scheduler_that_does_not_answer_is_a_failure_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["simulate", "--out", str(tmp_path / "x"), "--scheduler", "not-an-address:-1",
               "--tasks", "happy", "--no-video"]  # fmt: skip
    assert main(command) == 1
    assert "No Dask scheduler answers" in capsys.readouterr().err


def short(clip: SimulatedClip, n: int) -> SimulatedClip:
    """The same clip, of which the film ends after n frames."""

    def cut(track: ExpressionTrack, stop: int) -> ExpressionTrack:
        assert track.head_pose is not None
        return replace(
            track, coefficients=track.coefficients[:stop], timestamps=track.timestamps[:stop],
            confidence=track.confidence[:stop], head_pose=track.head_pose[:stop],
        )  # fmt: skip

    return replace(clip, track=cut(clip.track, n), uncut=cut(clip.uncut, n + 2 * LEAD))


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose film is three frames long, twice, by renderers of their own."""
    out = tmp_path_factory.mktemp("filmed")
    subject = draw_subject(5, 0)
    clip = short(simulate_clip(subject, "1S", "emotion", "happy", 2), 3)
    for name in ("a", "b"):
        renderer = FrameRenderer(subject, "both", 96, donning=1)
        wanted = Wanted(raw=False, size=96)
        (out / name).mkdir()
        write_clip(clip, out / name, wanted, {}, renderer.frame)
    return out


def test_films_show_electrodes_where_the_truth_says_so(filmed: Path) -> None:
    name = f"{SENSORS}/01_1S_emotion_2_happy"
    worn = read_frames(filmed / "a" / "video" / f"{name}.mp4")
    clean = read_frames(filmed / "a" / "video_noelec" / f"{name}.mp4")
    covered = read_coverage(filmed / "a" / "truth" / f"{name}_coverage.npz")
    assert worn.shape == clean.shape == (3, 96, 96, 3)
    assert covered.shape == (3, 96, 96)
    assert 0.03 < covered.mean() < 0.5
    gap = np.abs(worn.astype(int) - clean.astype(int)).max(axis=-1)
    assert gap[covered].mean() > 4 * gap[~covered].mean()


def test_films_have_the_same_bytes_whenever_they_are_made(filmed: Path) -> None:
    assert hashes(filmed / "a") == hashes(filmed / "b")


def read_frames(path: Path) -> np.ndarray:
    return np.stack([frame.image for frame in open_video(path).frames()])


def test_parameter_tables_carry_no_time(study: Path) -> None:
    path = next((study / "video_noelec_params").rglob("*.csv.gz"))
    assert path.read_bytes()[4:8] == b"\0\0\0\0"
    assert gzip.decompress(path.read_bytes()).startswith(b",browDownLeft,")
