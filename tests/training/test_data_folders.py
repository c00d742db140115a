"""Sessions in folders: what is found, what is left out, and how they are split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.spaces import ARKIT52
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.training import data_folders
from eifer.models.training.data_folders import Clip, SessionClips, find_sessions, usable
from eifer.models.training.data_folders_split import split
from eifer.models.training.data_folders_takes import save_session

MUSCLES = (
    "Corrugator Supercilii", "Depressor Ang. Oris", "Depressor Supercilii Procerus",
    "Lateraler Frontalis", "Levator Labii Superioris", "Masseter", "Medialer Frontalis",
    "Mentalis", "Orbicularis Oculi", "Orbicularis Oris", "Zygomaticus",
)  # fmt: skip
MMM = "source,index,pid,rec,mode,task,type,sync_grade,use,video,emg"


def an_activity(n: int = 40) -> Activity:
    values = np.linspace(0, 1, 2 * n, dtype=np.float32).reshape(n, 2)
    return Activity(values, 100.0, ("zygomaticus.left", "zygomaticus.right"),
                    np.zeros(2), np.ones(2), ("a", "b"))  # fmt: skip


def a_track(n: int = 12) -> ExpressionTrack:
    values = np.zeros((n, len(ARKIT52)), np.float32)
    return ExpressionTrack(ARKIT52, values, np.arange(n) / 30, np.ones(n, np.float32))


def write_mmm(folder: Path, rows: Sequence[str]) -> None:
    (folder / "MMM.csv").write_text("\n".join([MMM, *rows]) + "\n")
    header = "," + ",".join(f"{muscle}_{side}" for muscle in MUSCLES for side in "lr")
    frames = [f"{k}," + ",".join(["7.5"] * 22) for k in range(6)]
    for row in rows:
        _, index, pid, rec, mode, task, kind, *_ = row.split(",")
        name = f"{pid}_{rec}_{mode}_{index}_{task}"
        for top, suffix in (("emg", ".csv"), ("video", ".mp4")):
            if top == "video" or kind == "sensor":
                place = folder / top / f"{pid}_{rec}"
                place.mkdir(parents=True, exist_ok=True)
                text = "\n".join([header, *frames]) if top == "emg" else f"film {name}"
                (place / f"{name}{suffix}").write_text(text)


@pytest.fixture
def mmm(tmp_path: Path) -> Path:
    folder = tmp_path / "MMM"
    folder.mkdir()
    write_mmm(folder, [
        "v,1,99,1S,emotion,happy,sensor,0,yes,,", "v,2,99,1S,emotion,happy,sensor,0,yes,,",
        "v,3,99,1S,schaede,Snarl,sensor,-1,yes,,", "v,1,99,1N,emotion,happy,normal,0,yes,,",
        "v,2,99,1N,emotion,sad,normal,0,no,,",
    ])  # fmt: skip
    return folder


def test_an_mmm_folder_gives_sessions_with_what_each_clip_has(mmm: Path) -> None:
    parameters = mmm / "video_noelec_params" / "SMIRK" / "99_1S"
    parameters.mkdir(parents=True)
    (parameters / "99_1S_emotion_1_happy_params.csv.gz").write_bytes(b"")
    normal, worn = find_sessions(mmm)
    assert (worn.subject, worn.session, worn.kind) == ("99", "1S", "mmm")
    assert [clip.movement for clip in worn.clips] == ["happy", "happy", "Snarl"]
    assert set(worn.clips[0].files) == {"emg", "video"}
    assert set(worn.clips[0].tracks) == {"SMIRK"}
    assert not worn.clips[2].in_step
    assert not normal.clips[0].wears_electrodes
    assert not normal.clips[1].advised
    assert worn.clips[0].read_emg().rate_hz == 30


def test_the_simulators_truth_is_found_with_the_clips(mmm: Path) -> None:
    truth = mmm / "truth" / "99_1S"
    truth.mkdir(parents=True)
    a_track().save(truth / "99_1S_emotion_2_happy_track.npz")
    an_activity().save(truth / "99_1S_emotion_2_happy_drive.npz")
    session = find_sessions(mmm)[1]
    assert session.kind == "simulated"
    assert set(session.clips[1].truth) == {"track", "drive"}
    assert len(session.clips[1].read_track()) == 12


def test_folders_of_own_takes_are_paired_by_name(tmp_path: Path) -> None:
    place = tmp_path / "lab" / "anna" / "monday"
    save_session(place, "Anna", "1", {"smile_01": (an_activity(), a_track())})
    other = tmp_path / "lab" / "ben" / "tuesday"
    other.mkdir(parents=True)
    a_track().save(other / "frown_track.npz")
    (other / "frown.csv").write_text("time,Zyg li,Zyg re\n0,1,2\n0.1,1,2\n0.2,1,2\n")
    (other / "frown.mp4").write_bytes(b"film")
    (other / "notes.txt").write_text("nothing")
    anna, ben = find_sessions(tmp_path / "lab")
    assert (anna.subject, anna.session) == ("Anna", "1")
    assert anna.clips[0].movement == "smile"
    assert isinstance(anna.clips[0].read_emg(), Activity)
    assert (ben.subject, ben.session, ben.clips[0].name) == ("ben", "tuesday", "frown")
    assert set(ben.clips[0].files) == {"emg", "video"}


def test_a_folder_that_holds_no_sessions_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(EiferError, match="neither a table of clips") as told:
        find_sessions(tmp_path)
    assert str(tmp_path) in told.value.cause
    with pytest.raises(EiferError, match="does not exist"):
        find_sessions(tmp_path / "gone")
    with pytest.raises(EiferError, match="No folder"):
        find_sessions([])
    (tmp_path / "scene.blend").write_bytes(b"BLENDER")
    with pytest.raises(EiferError, match="by Blender only"):
        find_sessions(tmp_path / "scene.blend")


def test_clips_without_emg_or_out_of_step_are_counted_named_and_left_out(mmm: Path) -> None:
    (mmm / "emg" / "99_1S" / "99_1S_emotion_1_happy.csv").unlink()
    chosen = usable(find_sessions(mmm), ("emg", "video"), wanted=lambda clip: clip.wears_electrodes)
    assert [clip.name for s in chosen.sessions for clip in s.clips] == ["99_1S_emotion_2_happy"]
    assert chosen.notes == [
        "1 of 3 clips have no EMG (99_1S_emotion_1_happy) and are left out.",
        "1 of 3 clips are not in step with their EMG (99_1S_schaede_3_Snarl) and are left out.",
    ]


def test_without_any_usable_clip_the_reason_is_said(mmm: Path) -> None:
    with pytest.raises(EiferError, match=r"None of the 5 clips can be used\..*no expression track"):
        usable(find_sessions(mmm), ("emg", "track"))


def test_unpaired_training_needs_a_reference_without_electrodes(mmm: Path) -> None:
    sessions = find_sessions(mmm)
    usable(sessions, ("video",), reference=True)
    worn = [session for session in sessions if session.session == "1S"]
    with pytest.raises(EiferError, match="no video without electrodes"):
        usable(worn, ("video",), reference=True)


def test_too_few_frames_are_refused_with_both_numbers() -> None:
    data_folders.check_frames(300, 300)
    with pytest.raises(EiferError, match=r"299 frames.*at least 300"):
        data_folders.check_frames(299, 300)


def test_the_hash_tells_other_data_and_not_another_place(mmm: Path, tmp_path: Path) -> None:
    first = data_folders.data_hash(find_sessions(mmm))
    moved = mmm.rename(tmp_path / "elsewhere")
    assert data_folders.data_hash(find_sessions(moved)) == first
    (moved / "video" / "99_1S" / "99_1S_emotion_1_happy.mp4").write_text("film 99_1S_emotion_1_sap")
    assert data_folders.data_hash(find_sessions(moved)) != first


def many(subjects: int, sessions: int = 2, clips: int = 4) -> list[SessionClips]:
    return [
        SessionClips(
            f"s{i}", str(j), Path(), "mmm",
            tuple(Clip(f"{i}_{j}_{k}", "happy" if k % 2 else "sad") for k in range(clips)),
        )
        for i in range(subjects) for j in range(sessions)
    ]  # fmt: skip


def names(sessions: Sequence[SessionClips]) -> set[str]:
    return {clip.name for session in sessions for clip in session.clips}


@pytest.mark.parametrize("by", ["subject", "session", "movement"])
def test_nothing_lies_on_two_sides_and_nothing_is_lost(by: str) -> None:
    sessions = many(8)
    parts = split(sessions, by, seed=4)
    sides = [names(parts.train), names(parts.val), names(parts.test)]
    assert all(sides)
    assert sum(map(len, sides)) == len(set.union(*sides)) == len(names(sessions))
    if by == "subject":
        who = [{s.subject for s in side} for side in (parts.train, parts.val, parts.test)]
        assert sum(map(len, who)) == len(set.union(*who)) == 8
    if by == "session":
        assert all(len(session.clips) == 4 for session in (*parts.train, *parts.val, *parts.test))
    assert f"by {by}" in parts.sentence
    assert split(sessions, by, seed=4) == parts
    assert len({frozenset(names(split(sessions, by, seed=k).test)) for k in range(5)}) > 1


def test_a_split_by_movement_keeps_every_movement_in_training() -> None:
    parts = split(many(1, 1, 8), "movement", seed=1)
    assert {clip.movement for s in parts.train for clip in s.clips} == {"happy", "sad"}


def test_the_strictest_way_is_taken_that_the_data_allow() -> None:
    assert split(many(5)).by == "subject"
    assert split(many(2)).by == "session"
    assert split(many(1)).by == "movement"
    with pytest.raises(EiferError, match="one subject only"):
        split(many(1), "subject")
    with pytest.raises(EiferError, match="cannot be split by 'frame'"):
        split(many(3), "frame")


def test_two_parts_give_training_and_validation_but_no_test() -> None:
    parts = split(many(2), "subject")
    assert (len(parts.train), len(parts.val), len(parts.test)) == (2, 2, 0)


def test_a_damaged_note_of_a_session_is_named(tmp_path: Path) -> None:
    save_session(tmp_path, "Anna", "1", {"smile": (an_activity(), a_track())})
    (tmp_path / "session.json").write_text(json.dumps({"subject": "Anna"}))
    with pytest.raises(EiferError, match=r"session\.json does not say whose"):
        find_sessions(tmp_path)
