"""Takes of live work: their keys are what was seen, and they can be edited, redone and deleted."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_scene import connect, run_frames, run_until, write_recording

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.journal import unfinished
from eifer.eifer_addon.live.takes import replay_journal
from eifer.eifer_addon.live.wizard import Timing
from eifer.eifer_addon.scene import live_recorder, live_takes
from eifer.eifer_addon.scene.actions import curves
from eifer.eifer_addon.scene.live_calibration import Calibration
from eifer.eifer_addon.scene.live_driver import driver
from eifer.eifer_addon.scene.live_punch import NOTE, Punch
from eifer.eifer_addon.scene.live_settings import live_of, takes_folder
from eifer.eifer_addon.scene.recipes import has_recipe, recipe_of
from eifer.eifer_addon.scene.takes import current_take
from eifer.eifer_addon.signals.calibration import Profile
from eifer.operators import registration


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a simulated subject."""
    return write_recording(tmp_path_factory.mktemp("live") / "subject.edf", 60.0)


@pytest.fixture(autouse=True)
def registered(empty_scene: bpy.types.Context) -> Iterator[None]:
    """The extension, and nothing live before and afterwards."""
    registration.register()
    yield
    driver.close()
    driver.say("")
    registration.unregister()


@pytest.fixture
def head(registered: None, rigged: bpy.types.Object, recording: Path) -> bpy.types.Object:
    """A head that follows a replay whose rest and effort are known."""
    bpy.context.scene.eifer_live.countdown_s = 0
    connect(recording, takes_folder())
    run_until(lambda: driver.snapshot.settled)
    return rigged


def record(seconds: float = 1.0) -> object:
    """Record a take; its row in the list."""
    assert bpy.ops.eifer.live_record() == {"FINISHED"}
    run_until(
        lambda: driver.snapshot.take is not None and driver.snapshot.take.state == "recording"
    )
    run_until(lambda: driver.recorder.seconds > seconds)
    assert bpy.ops.eifer.live_stop() == {"FINISHED"}
    run_until(lambda: driver.recorder.phase == "idle")
    assert not driver.is_alarm, driver.message
    return live_takes.active_take(bpy.context.scene)


def keys(obj: bpy.types.Object, name: str) -> np.ndarray:
    """Keys (n, 2) of a control in the take that a head plays."""
    curve = next(c for c in curves(obj) if c.data_path == f'["{name}"]')
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2)


def strongest(obj: bpy.types.Object) -> str:
    """The control with the most movement in the take."""
    names = [c.data_path[2:-2] for c in curves(obj) if "activity_" not in c.data_path]
    return max(names, key=lambda name: np.ptp(keys(obj, name)[:, 1]))


def test_the_keys_are_what_was_seen_at_the_scenes_frames(head: bpy.types.Object) -> None:
    bpy.context.scene.render.fps = 30
    bpy.context.scene.frame_current = 10
    row = record(2.0)
    driver.disconnect()
    name = strongest(head)
    found = keys(head, name)
    frames = replay_journal(live_takes.file_of(row)).frames
    loaded = live_takes.load_take(live_takes.file_of(row))
    times = (found[:, 0] - row.frame_start) / 30 + loaded.begin_s
    column = frames.coefficients[:, loaded.track.space.coefficients.index(name)]
    seen = np.interp(times, loaded.track.timestamps, column)
    np.testing.assert_allclose(found[:, 1], seen, atol=1e-4)
    np.testing.assert_array_equal(found[:, 0], np.round(found[:, 0]))
    # On a busy machine the first value may come after the scene's first frame.
    assert found[0, 0] in {10, 11}
    assert row.duration_s == pytest.approx(len(found) / 30, abs=0.1)
    assert row.lost == 0


def profile_of(recording: Path) -> dict[str, object]:
    """Rest and effort of the whole recording."""
    activity = api.to_activity(api.read_recording(recording), preset="live")
    levels = zip(activity.muscles, activity.baseline, activity.scale, strict=True)
    muscles = {m: {"baseline": float(b), "scale": float(s)} for m, b, s in levels}
    return {"format_version": 1, "kind": "profile", "preset": "live", "muscles": muscles}


def test_a_take_can_be_made_again_and_edited(head: bpy.types.Object, recording: Path) -> None:
    driver.reconnect(profile=profile_of(recording))
    run_until(lambda: driver.snapshot.state == "connected")
    record(2.0)
    driver.disconnect()
    name = strongest(head)
    before = keys(head, name)
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    after = keys(head, name)
    at = np.interp(before[:, 0], after[:, 0], after[:, 1])
    # Made offline the filters begin at rest, so the first half second differs.
    late = before[:, 0] > before[0, 0] + 12
    # The two sets of keys lie between each other's frames, of which a blink takes one or two: what
    # was made again has to lie among the neighbours of what was seen.
    value, margin = before[:, 1], 0.05 * np.ptp(before[:, 1])
    near = np.stack([np.roll(value, 1), value, np.roll(value, -1)])
    inside = (at >= near.min(axis=0) - margin) & (at <= near.max(axis=0) + margin)
    assert inside[late][:-1].all()
    assert bpy.ops.eifer.edit_take(edits='{"gain": {"zygomaticus": 0.0}}') == {"FINISHED"}
    assert keys(head, "mouthSmileLeft")[:, 1].max() < 0.01
    assert recipe_of(current_take(head)).preset == "live"


def test_the_first_take_is_not_touched_by_the_second(head: bpy.types.Object) -> None:
    first = record(0.5)
    action = current_take(head)
    count = len(keys(head, "jawOpen"))
    second = record(0.5)
    assert first != second
    assert current_take(head) != action
    assert len(bpy.data.actions) == 2
    assert len({row.name for row in live_of(bpy.context.scene).takes}) == 2
    driver.disconnect()
    assert count


def test_without_keys_a_take_can_be_heard_and_kept_later(head: bpy.types.Object) -> None:
    live_of(bpy.context.scene).keys = False
    row = record(0.6)
    assert not bpy.data.actions
    assert not row.kept
    driver.disconnect()
    before = {name: head[name] for name in head.keys() if isinstance(head[name], float)}  # noqa: SIM118
    assert bpy.ops.eifer.live_audition() == {"FINISHED"}
    moved = []
    run_until(lambda: moved.append(head["mouthSmileLeft"]) or driver.audition is None)
    assert len(set(moved)) > 3, "nothing was shown"
    assert {name: head[name] for name in before} == before, "playing a take changed the head"
    assert not bpy.data.actions
    assert bpy.ops.eifer.live_keep() == {"FINISHED"}
    assert row.kept
    assert current_take(head) is not None


def test_a_retake_changes_the_range_alone_and_blends_at_its_edges(head: bpy.types.Object) -> None:
    scene = bpy.context.scene
    row = record(3.0)
    old = current_take(head)
    names = [c.data_path[2:-2] for c in curves(head) if "activity_" not in c.data_path]
    before = {name: keys(head, name) for name in names}
    punch = Punch(head.name, 30, 54, 4)
    driver.recorder.begin(0.0 + _now(), punch)
    run_until(lambda: driver.recorder.phase == "idle")
    assert not driver.is_alarm, driver.message
    made = current_take(head)
    assert made != old
    assert json.loads(made[NOTE])[0]["first"] == 30
    assert not has_recipe(made), "no single journal makes these keys again"
    assert has_recipe(old)
    changed = 0.0
    for name in names:
        now, was = keys(head, name), before[name]
        grid = np.arange(was[0, 0], was[-1, 0] + 1)
        new = np.interp(grid, now[:, 0], now[:, 1])
        kept = np.interp(grid, was[:, 0], was[:, 1])
        outside = (grid <= 30) | (grid >= 54)
        np.testing.assert_allclose(new[outside], kept[outside], atol=1e-5)
        changed = max(changed, float(np.abs(new - kept).max()))
    assert changed > 0.05, "the range is as it was"
    assert row.name in old.name
    assert scene.sync_mode == "NONE" or scene.sync_mode != "FRAME_DROP"


def _now() -> float:
    import time

    return time.monotonic()


def test_a_retake_of_an_empty_range_is_refused(head: bpy.types.Object) -> None:
    with pytest.raises(EiferError, match="empty"):
        Punch("Head", 10, 10)


def test_deleting_moves_the_journal_and_takes_the_keys_away(head: bpy.types.Object) -> None:
    row = record(0.5)
    path = live_takes.file_of(row)
    driver.disconnect()
    assert bpy.ops.eifer.live_delete() == {"FINISHED"}
    assert not path.exists()
    assert (path.parent / "deleted" / path.name).is_file()
    assert not bpy.data.actions
    assert not live_of(bpy.context.scene).takes


def test_deleting_for_good_leaves_no_file(head: bpy.types.Object) -> None:
    row = record(0.5)
    path = live_takes.file_of(row)
    driver.disconnect()
    assert bpy.ops.eifer.live_delete(forever=True) == {"FINISHED"}
    assert not list(path.parent.rglob("*.eiflog"))


def test_rating_a_take(head: bpy.types.Object) -> None:
    row = record(0.3)
    bpy.ops.eifer.live_rate(stars=4)
    assert row.rating == 4
    bpy.ops.eifer.live_rate(stars=4)
    assert row.rating == 0


def test_a_take_that_was_cut_off_is_offered_and_recovered(head: bpy.types.Object) -> None:
    driver.recorder.begin(_now())
    run_until(lambda: driver.snapshot.take is not None and driver.snapshot.take.seconds > 0.5)
    driver.disconnect(finish=False)
    assert not bpy.data.actions
    cut = unfinished(takes_folder(), fresh_s=0.0)
    assert len(cut) == 1
    assert bpy.ops.eifer.live_recover(path=str(cut[0])) == {"FINISHED"}
    row = live_takes.active_take(bpy.context.scene)
    assert row.duration_s > 0.4
    assert live_takes.recoverable(bpy.context.scene) == ()
    assert unfinished(takes_folder(), fresh_s=0.0) == ()
    assert bpy.ops.eifer.live_keep() == {"FINISHED"}


def test_the_countdown_can_be_stopped(head: bpy.types.Object) -> None:
    live_of(bpy.context.scene).countdown_s = 3
    bpy.ops.eifer.live_record()
    run_frames(5)
    assert driver.recorder.countdown == 3
    bpy.ops.eifer.live_stop()
    run_frames(5)
    assert driver.recorder.phase == "idle"
    assert not list(takes_folder().glob("*")) if takes_folder().is_dir() else True


def test_disconnecting_while_recording_keeps_the_take(head: bpy.types.Object) -> None:
    bpy.ops.eifer.live_record()
    run_until(lambda: driver.snapshot.take is not None and driver.snapshot.take.seconds > 0.5)
    assert bpy.ops.eifer.live_disconnect() == {"FINISHED"}
    assert len(live_of(bpy.context.scene).takes) == 1
    assert current_take(head) is not None


def test_keys_that_cannot_be_written_leave_the_journal_on_the_list(
    head: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise EiferError("The keys could not be written.")

    monkeypatch.setattr(live_recorder, "keep_take", full)
    bpy.ops.eifer.live_record()
    run_until(lambda: driver.snapshot.take is not None and driver.snapshot.take.seconds > 0.3)
    bpy.ops.eifer.live_stop()
    run_until(lambda: driver.recorder.phase == "idle")
    assert driver.is_alarm
    assert ".eiflog" in driver.message
    assert driver.is_connected
    assert len(live_of(bpy.context.scene).takes) == 1


def test_calibration_shows_the_movements_and_its_profile_is_used(
    head: bpy.types.Object, tmp_path: Path
) -> None:
    live_of(bpy.context.scene).subject = "S01"
    timing = Timing(rest_s=1.2, hold_s=1.2, prepare_s=0.1)
    driver.calibration = Calibration(driver, _now(), timing)
    shown = set()

    def over() -> bool:
        shown.add(round(head["mouthPucker"], 1))
        return driver.calibration is None

    run_until(over)
    assert 0.9 in shown, "the avatar did not show the movements"
    assert not driver.is_alarm, driver.message
    path = Path(live_of(bpy.context.scene).profile)
    profile = Profile.load(path)
    assert profile.subject == "S01"
    assert len(profile.muscles) == 22
    assert driver.session.settings.profile == str(path)
    run_until(lambda: driver.snapshot.n_frames > 0 and driver.snapshot.settled)


def test_the_first_countdown_waits_until_the_take_is_open(head: bpy.types.Object) -> None:
    os.kill(driver.session.pid, signal.SIGSTOP)
    try:
        calibration = Calibration(driver, _now())
        calibration.step(_now() + 60.0)
        assert (calibration.stage.phase, calibration.stage.number) == ("prepare", 1)
    finally:
        os.kill(driver.session.pid, signal.SIGCONT)


def test_a_stopped_calibration_changes_nothing(head: bpy.types.Object) -> None:
    bpy.ops.eifer.live_calibrate()
    run_frames(20)
    bpy.ops.eifer.live_calibration_step(step="abort")
    run_until(lambda: driver.calibration is None)
    assert live_of(bpy.context.scene).profile == ""
    assert driver.is_connected


def test_a_channel_can_be_given_to_another_muscle_while_live(head: bpy.types.Object) -> None:
    channel = driver.snapshot.status["source"]["channels"][0]
    result = bpy.ops.eifer.live_montage(channel=channel, muscle="masseter", side="right")
    assert result == {"FINISHED"}
    run_until(lambda: driver.snapshot.n_frames > 0)
    assert driver.snapshot.status["montage"]["masseter.right"] == channel
    assert Path(live_of(bpy.context.scene).montage).is_file()
