"""Live work in Blender: faces follow, and whatever happens to the file, they are put back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_scene import connect, has_process, run_frames, run_until, write_recording

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.journal import unfinished
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.scene import live_timer
from eifer.eifer_addon.scene.actions import curves
from eifer.eifer_addon.scene.controls import controls_of
from eifer.eifer_addon.scene.live_avatars import FOLLOWS, MARK, LiveAvatar, restore_all
from eifer.eifer_addon.scene.live_driver import driver
from eifer.eifer_addon.scene.rig import add_head
from eifer.operators import registration

SCRIPT = """
import atexit, sys, bpy
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from live_scene import connect, run_until
from eifer.operators import registration
registration.register()
# Without Blender around it, Python must not end with classes of ours in the module bpy.
atexit.register(registration.unregister)
driver = connect(Path(sys.argv[2]), Path(sys.argv[3]))
driver.session.record("take")
run_until(lambda: driver.snapshot.take is not None and driver.snapshot.take.seconds > 0.2)
print(driver.session.pid, driver.session._folder, flush=True)
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of a simulated subject."""
    return write_recording(tmp_path_factory.mktemp("live") / "subject.edf")


@pytest.fixture(autouse=True)
def registered(empty_scene: bpy.types.Context) -> Iterator[None]:
    """The extension, and nothing live before and afterwards."""
    registration.register()
    yield
    driver.close()
    driver.say("")
    registration.unregister()


@pytest.fixture
def head(registered: None, rigged: bpy.types.Object) -> bpy.types.Object:
    """The synthetic head after the extension was registered."""
    return rigged


def face(obj: bpy.types.Object) -> np.ndarray:
    """All controls of a head."""
    return np.array([obj[name] for name in controls_of(obj)])


def moves(obj: bpy.types.Object) -> None:
    """Wait until the face has left rest, however faintly the person began."""
    run_until(lambda: np.abs(face(obj)).max() > 0.05)


def test_the_face_follows_and_is_put_back(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    head["jawOpen"] = 0.25
    before = face(head)
    connect(recording, tmp_path)
    moves(head)
    shown = dict(zip(driver.snapshot.coefficient_names, driver.snapshot.coefficients, strict=True))
    expected = [shown[name] for name in controls_of(head)]
    np.testing.assert_allclose(face(head), expected, atol=1e-6)
    pid = driver.session.pid
    assert bpy.ops.eifer.live_disconnect() == {"FINISHED"}
    np.testing.assert_array_equal(face(head), before)
    assert MARK not in head
    assert not has_process(pid)
    live_timer.tick()
    assert driver.is_idle


def test_the_shape_keys_that_blender_evaluates_follow(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    connect(recording, tmp_path)
    moves(head)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    keys = evaluated.data.shape_keys.key_blocks
    strongest = controls_of(head)[int(np.argmax(face(head)))]
    assert keys[strongest].value == pytest.approx(head[strongest], abs=1e-5)


def test_keys_of_a_take_stand_back_while_live_and_play_again(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    head.keyframe_insert('["jawOpen"]', frame=1)
    head.keyframe_insert("location", frame=1)
    connect(recording, tmp_path)
    run_frames(5)
    muted = {curve.data_path for curve in curves(head) if curve.mute}
    assert muted == {'["jawOpen"]'}, "other animation of the object goes on"
    moves(head)
    jaw = head["jawOpen"]
    bpy.context.scene.frame_set(7)
    assert head["jawOpen"] == jaw, "the timeline took the face away from the live values"
    driver.disconnect()
    assert not any(curve.mute for curve in curves(head))


def test_ticked_heads_follow_and_others_do_not(
    head: bpy.types.Object, synthetic_head: object, recording: Path, tmp_path: Path
) -> None:
    other, third = (add_head(bpy.context, synthetic_head) for _ in range(2))
    setattr(head, FOLLOWS, True)
    setattr(other, FOLLOWS, True)
    connect(recording, tmp_path)
    moves(head)
    np.testing.assert_array_equal(face(head), face(other))
    assert not face(third).any()
    setattr(other, FOLLOWS, False)
    assert not face(other).any(), "an avatar that is unticked goes back to how it was"
    run_frames(5)
    assert not face(other).any()


def test_another_avatar_follows_by_its_shape_keys(recording: Path, tmp_path: Path) -> None:
    mesh = bpy.data.meshes.new("Alien")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    alien = bpy.data.objects.new("Alien", mesh)
    bpy.context.scene.collection.objects.link(alien)
    for name in ("Basis", "jawOpen", "mouthSmile_L", "mouthSmile_R", "eyeBlink_L", "browInnerUp"):
        alien.shape_key_add(name=name, from_mix=False).value = 0.0
    setattr(alien, FOLLOWS, True)
    connect(recording, tmp_path)
    keys = mesh.shape_keys.key_blocks
    run_until(lambda: keys["mouthSmile_L"].value > 0.05)
    shown = dict(zip(driver.snapshot.coefficient_names, driver.snapshot.coefficients, strict=True))
    assert keys["mouthSmile_L"].value == pytest.approx(shown["mouthSmileLeft"], abs=1e-5)
    driver.disconnect()
    assert keys["mouthSmile_L"].value == 0.0


def test_an_avatar_that_is_deleted_or_renamed_does_no_harm(
    head: bpy.types.Object, synthetic_head: object, recording: Path, tmp_path: Path
) -> None:
    other = add_head(bpy.context, synthetic_head)
    setattr(head, FOLLOWS, True)
    setattr(other, FOLLOWS, True)
    connect(recording, tmp_path)
    moves(head)
    head.name = "Somebody else"
    bpy.data.objects.remove(other)
    run_frames(20)
    assert [avatar.name for avatar in driver.faces.avatars] == ["Somebody else"]
    head["jawOpen"] = 0.9
    driver.disconnect()
    assert head["jawOpen"] == 0.0
    assert not driver.is_alarm


def test_controls_that_vanish_do_no_harm(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    connect(recording, tmp_path)
    moves(head)
    head.shape_key_clear()
    run_frames(5)
    driver.disconnect()
    assert MARK not in head


def test_opening_another_file_ends_everything(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    connect(recording, tmp_path)
    driver.session.record("take")
    run_frames(20)
    pid = driver.session.pid
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert not driver.is_connected
    assert not has_process(pid)
    assert "another file" in driver.message
    live_timer.tick()
    assert driver.is_idle


def test_a_file_saved_while_live_holds_the_face_as_it_was(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    connect(recording, tmp_path)
    moves(head)
    path = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    moves(head)
    assert driver.is_connected, "saving ended the connection"
    driver.disconnect()
    bpy.ops.wm.open_mainfile(filepath=str(path))
    saved = bpy.data.objects[head_name(path)]
    assert MARK not in saved
    assert not face(saved).any()


def head_name(_path: Path) -> str:
    """The one head in the present file."""
    return next(obj.name for obj in bpy.data.objects if "jawOpen" in obj)


def test_a_file_that_blender_saved_by_itself_while_live_is_put_right(
    head: bpy.types.Object, tmp_path: Path
) -> None:
    head["jawOpen"] = 0.125
    head.keyframe_insert('["browInnerUp"]', frame=1)
    avatar = LiveAvatar.of(head)
    avatar.begin(head)
    head["jawOpen"] = 1.0
    # What Blender saves by itself does not go through our handlers.
    bpy.app.handlers.save_pre.remove(live_timer.before_save)
    path = tmp_path / "quit.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    saved = bpy.data.objects[head_name(path)]
    assert MARK not in saved
    assert saved["jawOpen"] == 0.125
    assert not any(curve.mute for curve in curves(saved))


def test_an_undone_step_from_live_times_is_put_right(head: bpy.types.Object) -> None:
    avatar = LiveAvatar.of(head)
    avatar.begin(head)
    head["jawOpen"] = 1.0
    live_timer.after_undo(bpy.context.scene)
    assert head["jawOpen"] == 0.0
    assert MARK not in head


def test_a_mark_that_somebody_has_changed_is_taken_away(head: bpy.types.Object) -> None:
    for text in ("", "[1]", '{"values": [["key", "", 3]]}', json.dumps({"values": 1})):
        head[MARK] = text
        restore_all()
        assert MARK not in head


def test_disabling_the_extension_while_live_leaves_nothing(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    handlers = len(bpy.app.handlers.load_pre)
    connect(recording, tmp_path)
    moves(head)
    pid = driver.session.pid
    registration.unregister()
    assert not has_process(pid)
    assert not bpy.app.timers.is_registered(live_timer.tick)
    assert len(bpy.app.handlers.load_pre) == handlers - 1
    assert MARK not in head
    assert not face(head).any()


def test_enabling_and_disabling_ten_times_while_live(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    pids = []
    for _ in range(10):
        registration.register()
        driver.connect(bpy.context, settings_of(recording, tmp_path))
        live_timer.tick()
        pids.append(driver.session.pid)
        registration.unregister()
    assert len(set(pids)) == 10
    assert not any(has_process(pid) for pid in pids)
    assert not bpy.app.timers.is_registered(live_timer.tick)


def settings_of(recording: Path, journals: Path) -> LiveSettings:
    """Settings of a replay."""
    return LiveSettings(recording=str(recording), loop=True, journal_folder=str(journals))


def test_quitting_while_live_leaves_no_process(recording: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", SCRIPT, str(Path(__file__).parents[1])]
    done = subprocess.run(
        [*command, str(recording), str(tmp_path)], capture_output=True, text=True, timeout=120,
        env=os.environ | {"EIFER_CACHE": str(tmp_path / "cache")}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pid, folder = done.stdout.split()[-2:]
    assert not has_process(int(pid))
    assert not Path(folder).exists(), "the shared memory was left behind"
    assert unfinished(tmp_path, fresh_s=0.0) == (tmp_path / "take.eiflog",)


def test_sliders_act_while_live(head: bpy.types.Object, recording: Path, tmp_path: Path) -> None:
    connect(recording, tmp_path)
    moves(head)
    bpy.context.scene.eifer_live.gain = 0.0
    run_until(lambda: not face(head).any())
    bpy.context.scene.eifer_live.gain = 1.0
    moves(head)


def test_a_replay_that_ends_says_so(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    connect(recording, tmp_path, loop=False, speed=50.0)
    run_until(lambda: not driver.is_connected)
    assert "end" in driver.message
    assert not face(head).any()


def test_a_source_that_cannot_be_used_is_named(head: bpy.types.Object, tmp_path: Path) -> None:
    broken = tmp_path / "broken.edf"
    broken.write_bytes(b"0       nothing")
    driver.connect(bpy.context, settings_of(broken, tmp_path))
    run_until(lambda: not driver.is_connected)
    assert driver.is_alarm
    assert "broken.edf" in driver.message


def test_connecting_twice_is_refused(
    head: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    connect(recording, tmp_path)
    with pytest.raises(EiferError, match="already"):
        driver.connect(bpy.context, settings_of(recording, tmp_path))
    assert not bpy.ops.eifer.live_connect.poll()


def test_no_stream_at_hand_is_said_with_a_way_out(head: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="Play Simulated Subject"):
        bpy.ops.eifer.live_connect()
    assert not driver.is_connected


def test_an_error_in_a_step_ends_everything_and_is_told(
    head: bpy.types.Object, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(recording, tmp_path)
    moves(head)
    pid = driver.session.pid
    monkeypatch.setattr(driver.session, "poll", lambda _now=None: 1 / 0)
    assert live_timer.tick() is None
    assert not has_process(pid)
    assert not face(head).any()
    assert "ZeroDivisionError" in driver.message
