"""A session over its child process: values, takes, deaths and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_signals import CHANNELS, PATIENCE_S, emg_recording, wait_for

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.journal import unfinished
from eifer.eifer_addon.live.session import LiveSession, free_name
from eifer.eifer_addon.live.settings import Conditioning, LiveSettings
from eifer.eifer_addon.live.takes import replay_journal, take_of_journal, take_recording
from eifer.eifer_addon.signals.calibration import MuscleProfile, Profile
from eifer.eifer_addon.signals.journal_format import DATA, FRAM, GAPS, HEAD, SETT, Journal
from eifer.eifer_addon.signals.montage import map_channels

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "subject.npz"
    return emg_recording(8.0).save(path)


@pytest.fixture
def session(recording: Path, tmp_path: Path) -> Iterator[LiveSession]:
    settings = LiveSettings(
        recording=str(recording), loop=True, mains_hz=50.0, journal_folder=str(tmp_path)
    )
    live = LiveSession(settings)
    yield live
    live.close()


def frames_of(path: Path) -> np.ndarray:
    journal = Journal(path)
    return np.concatenate([journal.frames(chunk)[3] for chunk in journal.of_kind(FRAM)])


def test_a_session_gives_values_of_a_source(session: LiveSession) -> None:
    assert session.poll().state == "stopped"
    session.start()
    assert session.poll().state in ("starting", "searching")
    moving = wait_for(session, lambda s: bool(s.settled and s.coefficients.max(initial=0) > 0.5))
    assert moving.state == "connected"
    assert set(moving.channels) == set(CHANNELS)
    assert len(moving.activity) == len(moving.muscles) == 22
    assert len(moving.coefficients) == len(moving.coefficient_names) == 52
    assert moving.rate_hz == 1000.0
    assert moving.n_lost == 0
    assert set(moving.delay_ms) == {"chunk", "filter", "model", "one_euro"}
    assert moving.delay_ms["filter"] > 10
    later = wait_for(session, lambda s: bool((s.quality > 0).all()))
    assert later.n_samples > moving.n_samples
    assert later.n_frames == pytest.approx(later.n_samples / 2, abs=50)


def test_a_take_is_replayed_bit_for_bit(session: LiveSession, tmp_path: Path) -> None:
    session.start()
    wait_for(session, lambda s: s.n_samples > 2500)
    path = session.record("smile: first")
    assert path == tmp_path / "smile_ first.eiflog"
    with pytest.raises(EiferError, match="already"):
        session.record("again")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 1.0))
    session.mark("smile")
    session.update(Conditioning(gain=0.5, min_cutoff_hz=3.0))
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 2.0))
    assert session.stop_recording() == path
    live = frames_of(path)
    for block in (None, 1, 333):
        again = replay_journal(path, block=block)
        np.testing.assert_array_equal(again.frames.coefficients, live)
    assert len(Journal(path).of_kind(SETT)) == 1
    recording, activity, track = take_of_journal(path)
    assert recording.duration_s > 1.5
    assert len(track) == len(activity) == len(live)
    np.testing.assert_array_equal(track.coefficients, live)
    (event,) = activity.events
    assert event[1] == "smile"
    assert 0.8 < event[0] < recording.duration_s
    assert track.provenance["source"] == str(path)
    assert unfinished(tmp_path, fresh_s=0.0) == ()
    assert session.poll().take.state == "stopped"


def test_a_take_can_be_made_again_with_other_settings(session: LiveSession) -> None:
    session.start()
    session.record("take")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 3.5))
    path = session.stop_recording()
    settings = LiveSettings(recording="none", preset="rms100", mains_hz=50.0)
    _, activity, track = take_of_journal(path, settings)
    assert activity.source["preset"] == "rms100"
    assert not np.array_equal(track.coefficients, frames_of(path))
    assert len(track) == len(frames_of(path))


def test_a_take_needs_neither_profile_nor_montage_file_later(
    recording: Path, tmp_path: Path
) -> None:
    entry = MuscleProfile(3.0, 20.0, 0.5, "uV")
    muscles = ("zygomaticus.left", "corrugator.right")
    profile = Profile(dict.fromkeys(muscles, entry), "live").save(tmp_path / "profile.json")
    pair = (CHANNELS[0], CHANNELS[1])
    montage = map_channels(CHANNELS, {pair: muscles[0], CHANNELS[4]: muscles[1]})
    path = montage.save(tmp_path / "montage.json")
    settings = LiveSettings(
        recording=str(recording), loop=True, mains_hz=50.0, journal_folder=str(tmp_path),
        profile=str(profile), montage=str(path),
    )  # fmt: skip
    session = LiveSession(settings)
    session.start()
    try:
        session.record("take")
        wait_for(session, lambda s: bool(s.take and s.take.seconds > 3.0))
        journal = session.stop_recording()
    finally:
        session.close()
    profile.unlink()
    path.unlink()
    replayed = replay_journal(journal)
    assert replayed.pipeline.muscles == ("corrugator.right", "zygomaticus.left")
    np.testing.assert_array_equal(replayed.frames.coefficients, frames_of(journal))
    assert replayed.frames.activity.max() > 0.5


@POSIX_ONLY
def test_a_killed_child_is_started_again_and_goes_on_with_the_take(session: LiveSession) -> None:
    session.start()
    path = session.record("take")
    before = wait_for(session, lambda s: bool(s.take and s.take.seconds > 1.5))
    pid = session.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    killed_at = time.monotonic()
    wait_for(session, lambda s: s.state == "starting")
    assert session.pid != pid
    again = wait_for(session, lambda s: bool(s.state == "connected" and s.n_samples > 1000))
    assert again.restarts == 1
    assert session.stop_recording() == path
    journal = Journal(path)
    assert len(journal.of_kind(HEAD)) == 2
    assert len(journal.of_kind(GAPS)) == 1
    assert not journal.notes
    first_part = [c for c in journal.chunks if c.start < journal.of_kind(HEAD)[1].start]
    kept = sum(journal.samples(c).count for c in first_part if c.kind == DATA)
    begun = before.n_samples - round(before.take.seconds * 1000) if before.take else 0
    # What was seen before it was killed is there, but for the last 100 ms.
    assert kept >= before.n_samples - max(0, begun) - 150
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, frames_of(path))
    whole = take_recording(path)
    assert whole.n_samples > kept
    assert whole.source["gaps"]
    assert killed_at < time.monotonic()


@POSIX_ONLY
def test_a_terminated_child_closes_its_journal(session: LiveSession, tmp_path: Path) -> None:
    session.start()
    path = session.record("take")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 0.5))
    pid = session.pid
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait_for(session, lambda s: s.state == "starting")
    end = [Journal(path).document(c) for c in Journal(path).of_kind(b"ENDS")]
    assert [e["reason"] for e in end] == ["orphaned"]


@POSIX_ONLY
def test_a_child_that_hangs_is_replaced(session: LiveSession, monkeypatch: Any) -> None:
    monkeypatch.setattr("eifer.eifer_addon.live.session._HANG_S", 0.5)
    session.start()
    wait_for(session, lambda s: s.n_samples > 100)
    pid = session.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    wait_for(session, lambda s: s.restarts == 1)
    wait_for(session, lambda s: bool(s.state == "connected" and s.n_samples > 100))


def test_a_child_that_dies_again_and_again_is_given_up(session: LiveSession) -> None:
    session.start()
    wait_for(session, lambda s: s.state == "connected")
    assert session._folder is not None
    # A later one finds nothing that it could read.
    session.settings = LiveSettings(recording="x")
    monkey = session._spawn

    def broken() -> None:
        monkey()
        assert session._folder is not None
        (session._folder / "settings.json").write_text("nonsense", "utf-8")

    session._spawn = broken  # type: ignore[method-assign]
    assert session._child is not None
    session._child.close(0.0)
    failed = wait_for(session, lambda s: s.state == "failed")
    assert "in a row" in failed.sentence
    assert "cannot be read" in failed.sentence
    session.close()
    assert session.poll().state == "stopped"


_OWNER = """
import sys, time
from eifer.eifer_addon.live.session import LiveSession
from eifer.eifer_addon.live.settings import LiveSettings
settings = LiveSettings(
    recording=sys.argv[1], loop=True, mains_hz=50.0, journal_folder=sys.argv[2]
)
session = LiveSession(settings)
session.start()
session.record("take")
while True:
    now = session.poll()
    if now.take and now.take.seconds > 1.0:
        print(session.pid, session._folder, flush=True)
        time.sleep(60)
    time.sleep(0.01)
"""


@POSIX_ONLY
def test_a_child_whose_owner_is_killed_finishes_its_journal(
    recording: Path, tmp_path: Path
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(recording), str(tmp_path)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert owner.stdout is not None
        child, _, folder = owner.stdout.readline().strip().partition(" ")
    finally:
        owner.kill()
        owner.wait(timeout=PATIENCE_S)
    until = time.monotonic() + PATIENCE_S
    while _runs(int(child)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _runs(int(child))
    assert not Path(folder).exists()
    (path,) = unfinished(tmp_path, fresh_s=0.0)
    journal = Journal(path)
    assert journal.end is not None
    assert journal.end["reason"] == "orphaned"
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, frames_of(path))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_session_leaves_nothing_behind(session: LiveSession) -> None:
    session.start()
    wait_for(session, lambda s: s.state == "connected")
    folder, pid = session._folder, session.pid
    assert folder is not None
    assert pid is not None
    session.close()
    assert not folder.exists()
    assert not _runs(pid)
    session.close()
    session.start()
    wait_for(session, lambda s: s.state == "connected")


def test_a_replay_ends_and_its_take_with_it(recording: Path, tmp_path: Path) -> None:
    settings = LiveSettings(
        recording=str(recording), speed=20.0, mains_hz=50.0, journal_folder=str(tmp_path)
    )
    session = LiveSession(settings)
    session.start()
    try:
        path = session.record("all")
        ended = wait_for(session, lambda s: s.state == "stopped")
        assert "played to its end" in ended.sentence
        assert ended.n_samples == 8000
        assert session.stop_recording() == path
    finally:
        session.close()
    again = take_recording(path)
    np.testing.assert_array_equal(again.data(), emg_recording(8.0).data())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recording": "/nowhere.edf"}, "does not exist"),
        ({"model": "/nowhere.onnx"}, "does not exist"),
        ({"preset": "none"}, "no preset 'none'"),
        ({"montage": {"Fz": "zygomaticus.left"}}, "which the recording lacks"),
    ],
)
def test_what_cannot_work_says_so(changes: dict[str, Any], words: str, recording: Path) -> None:
    session = LiveSession(LiveSettings(**{"recording": str(recording), **changes}))
    session.start()
    try:
        failed = wait_for(session, lambda s: s.state == "failed")
        assert words in failed.sentence
        assert failed.restarts == 0
    finally:
        session.close()


def test_a_take_that_cannot_be_written_says_so(session: LiveSession, tmp_path: Path) -> None:
    session.start()
    wait_for(session, lambda s: s.state == "connected")
    session.settings = LiveSettings(recording="x", journal_folder=str(tmp_path / "file" / "in"))
    (tmp_path / "file").write_text("no folder", "utf-8")
    with pytest.raises(EiferError, match="could not be written"):
        session.record("take")
    with pytest.raises(EiferError, match="No take"):
        session.stop_recording()


def test_names_of_takes_are_file_names_that_are_free(tmp_path: Path) -> None:
    assert free_name(tmp_path, "a/b: c?").name == "a_b_ c_.eiflog"
    assert free_name(tmp_path, "").name == "take.eiflog"
    (tmp_path / "take.eiflog").touch()
    (tmp_path / "take 2.eiflog").touch()
    assert free_name(tmp_path, "..").name == "take 3.eiflog"


def test_settings_go_through_json() -> None:
    settings = LiveSettings(
        recording="a.edf", speed=2.0, montage={"c": "zygomaticus.left"}, mains_hz=60.0,
        conditioning=Conditioning(gain=2.0, gains={"mentalis": 0.5}),
    )  # fmt: skip
    assert LiveSettings.from_document(json.dumps(settings.to_document())) == settings
    for wrong in ("{", "[]", {"format_version": 99}, {"speed": 1.0}):
        with pytest.raises(EiferError):
            LiveSettings.from_document(wrong)


@pytest.mark.parametrize(
    "changes",
    [{"speed": 0.0}, {"fill": "guess"}, {"mains_hz": 400.0}, {"unmix": True}],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EiferError):
        LiveSettings(recording="a.edf", **changes)
    with pytest.raises(EiferError):
        Conditioning(gains={"mentalis": -1.0})
