"""Scenes about live work: the simulated subject, a take, calibration, undo, and the escape key."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
from window_harness import (
    away,
    heads,
    invoke,
    look_at_head,
    move,
    open_tab,
    parts,
    press,
    screenshot,
)

#: A folder for files of this check.
FOLDER = Path(sys.argv[-2])
_LOOPBACK = """
[ports]
IPv6=disable
MulticastPort=19800
BasePort=19801
PortRange=60
[multicast]
ResolveScope=machine
AddressesOverride={127.0.0.1}
ListenAddress=127.0.0.1
IPv6=disable
[lab]
KnownPeers={127.0.0.1}
SessionID=eifer-window-check
[log]
level=-2
"""
_PATIENCE_S = 60.0
_TICKS_PER_S = 20


def driver() -> Any:
    """The one driver of live work."""
    package = next(name for name in sys.modules if name.endswith(".eifer.eifer_addon"))
    return sys.modules[f"{package}.scene.live_driver"].driver


def until(holds: Callable[[], bool], what: str) -> Iterator[float]:
    """Wait until something holds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < _PATIENCE_S, f"waited in vain: {what}"
        yield 0.1


def smile() -> float:
    """How far the head smiles."""
    return float(heads()[0]["mouthSmileLeft"])


def play_and_connect() -> Iterator[float]:
    """The five minutes of the README: Play Simulated Subject, Connect, the face moves."""
    configuration = FOLDER / "lsl_api.cfg"
    configuration.write_text(_LOOPBACK, encoding="utf-8")
    os.environ["LSLAPICFG"] = str(configuration)
    bpy.data.batch_remove(bpy.data.objects)
    show_live_panels_only()
    yield from open_tab()
    away()
    yield 1.0
    invoke(bpy.ops.eifer.live_play)
    found = bpy.context.window_manager.eifer_live.found
    yield from until(lambda: len(found) > 0, "the simulated subject in the list of streams")
    yield 1.0
    invoke(bpy.ops.eifer.live_connect)
    assert len(heads()) == 1, "Connect added no head"
    look_at_head()
    away()
    yield from until(lambda: driver().snapshot.settled, "rest and effort to be known")
    seen = []
    for _ in range(15 * _TICKS_PER_S):
        seen.append(smile())
        yield 1 / _TICKS_PER_S
        if max(seen) - min(seen) > 0.4 and seen[-1] > 0.5:
            break
    assert max(seen) - min(seen) > 0.4, "the face did not move"
    screenshot("live-connected")


#: The panels below Live in order, and whether the pictures show them open.
_SHOWN = {
    "live": True, "live_avatars": False, "live_bars": True, "live_channels": False,
    "live_response": True, "live_calibration": False, "live_takes": True, "live_settings": False,
    "live_sending": False,
}  # fmt: skip

#: Panels that the pictures leave out, parents first.
_taken_out: list[Any] = []


def show_live_panels_only() -> None:
    """Let the tab hold the Live panels, open: a script cannot unfold panels that were drawn."""
    prefix = "VIEW3D_PT_eifer_"
    ours = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith(prefix)]
    children = [cls for cls in ours if getattr(cls, "bl_parent_id", "")]
    for cls in (*children, *(cls for cls in ours if cls not in children)):
        bpy.utils.unregister_class(cls)
    for name, is_open in _SHOWN.items():
        cls = next(cls for cls in ours if cls.__name__ == prefix + name)
        ours.remove(cls)
        cls.bl_options = set() if is_open else {"DEFAULT_CLOSED"}
        bpy.utils.register_class(cls)
    _taken_out.extend(sorted(ours, key=lambda cls: bool(getattr(cls, "bl_parent_id", ""))))


def record_a_take() -> Iterator[float]:
    """Five seconds while the timeline plays and the person grabs something else."""
    scene = bpy.context.scene
    scene.eifer_live.plays = True
    scene.eifer_live.countdown_s = 2
    invoke(bpy.ops.eifer.live_record)
    yield 0.5
    yield from until(lambda: driver().recorder.phase == "recording", "the take to begin")
    window, *_ = parts()
    assert window.screen.is_animation_playing, "the timeline does not play"
    before = driver().snapshot.n_frames
    invoke(bpy.ops.transform.translate)
    yield 2.0
    assert window.modal_operators, "the grab did not last"
    assert driver().snapshot.n_frames > before, "nothing came in during a grab"
    press("ESC")
    yield 0.5
    assert driver().is_connected, "the escape key of a grab disconnected"
    yield 2.5
    invoke(bpy.ops.eifer.live_stop)
    yield from until(lambda: driver().recorder.phase == "idle", "the keys of the take")
    yield 1.0
    takes = scene.eifer_live.takes
    assert len(takes) == 1, "there is no take in the list"
    assert takes[0].duration_s > 4.0, takes[0].duration_s
    assert takes[0].lost == 0, f"{takes[0].lost} samples lost"
    assert not window.screen.is_animation_playing, "the timeline goes on playing"


def undo_and_redo() -> Iterator[float]:
    """Undo takes the take back while the connection goes on, and redo brings it again."""
    assert len(bpy.data.actions) == 1
    invoke(bpy.ops.ed.undo)
    yield 1.0
    assert len(bpy.data.actions) == 0, "the take was not undone in one step"
    assert driver().is_connected, "undo disconnected"
    frames = driver().snapshot.n_frames
    yield 0.5
    assert driver().snapshot.n_frames > frames, "nothing comes in after undo"
    invoke(bpy.ops.ed.redo)
    yield 1.0
    assert len(bpy.data.actions) == 1, "redo brought no take"


def a_second_window() -> Iterator[float]:
    """Another window is opened and the first one closed."""
    manager = bpy.context.window_manager
    invoke(bpy.ops.wm.window_new)
    yield 1.0
    assert len(manager.windows) == 2
    with bpy.context.temp_override(window=manager.windows[1]):
        bpy.ops.wm.window_close()
    yield 1.0
    frames = driver().snapshot.n_frames
    yield 0.5
    assert driver().snapshot.n_frames > frames, "nothing comes in after a window was closed"


def calibrate() -> Iterator[float]:
    """The wizard shows a movement on the avatar; the escape key stops it, not the connection."""
    *_, sidebar = parts()
    move(sidebar.x + sidebar.width - 32, sidebar.y + sidebar.height // 2)
    for _ in range(40):
        press("WHEELUPMOUSE")
        yield 0.05
    away()
    invoke(bpy.ops.eifer.live_calibrate)
    yield 0.5
    for _ in range(6):
        invoke(bpy.ops.eifer.live_calibration_step, step="skip")
        yield 0.2
    calibration = driver().calibration
    assert calibration.stage.movement == "smile_open", calibration.stage
    yield from until(lambda: calibration.stage.phase == "hold", "the countdown to end")
    yield 0.5
    assert smile() > 0.8, "the avatar does not show the movement"
    screenshot("live-calibration")
    away()
    yield 0.5
    press("ESC")
    yield from until(lambda: driver().calibration is None, "the escape key to stop it")
    assert driver().is_connected, "the escape key did more than stop the calibration"


def retake_a_range() -> Iterator[float]:
    """Frames are recorded again while the timeline plays, in a copy of the take."""
    scene = bpy.context.scene
    live = scene.eifer_live
    live.punch_start, live.punch_end, live.countdown_s = 40, 60, 0
    bpy.context.view_layer.objects.active = heads()[0]
    assert invoke(bpy.ops.eifer.live_retake) == {"FINISHED"}
    window, *_ = parts()
    yield 0.5
    assert window.screen.is_animation_playing, "the timeline does not play"
    yield from until(lambda: driver().recorder.phase == "idle", "the retake to end")
    yield 0.5
    assert not driver().is_alarm, driver().message
    assert len(bpy.data.actions) == 2, [action.name for action in bpy.data.actions]
    assert not window.screen.is_animation_playing, "the timeline goes on playing"


def escape() -> Iterator[float]:
    """The escape key over the 3D view disconnects, and the face is at rest."""
    pid = driver().session.pid
    away()
    yield 0.3
    press("ESC")
    yield from until(lambda: not driver().is_connected, "the escape key to disconnect")
    yield 0.5
    assert "eifer_live" not in heads()[0], "the avatar was not put back"
    assert not Path(f"/proc/{pid}").exists(), "the live process still runs"
    invoke(bpy.ops.eifer.live_play)
    yield 0.5


def disable_while_live() -> Iterator[float]:
    """The extension is disabled while something is connected, and enabled again."""
    invoke(bpy.ops.eifer.live_play)
    yield 2.0
    invoke(bpy.ops.eifer.live_connect)
    yield from until(lambda: driver().snapshot.state == "connected", "the connection")
    yield 0.5
    pids = [driver().session.pid, driver().player._child.pid]
    for cls in _taken_out:
        bpy.utils.register_class(cls)
    module = next(m for m in bpy.context.preferences.addons.keys() if m.endswith(".eifer"))  # noqa: SIM118
    bpy.ops.preferences.addon_disable(module=module)
    yield 1.0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids), "a process was left behind"
    assert "eifer_live" not in heads()[0], "the avatar was not put back"
    bpy.ops.preferences.addon_enable(module=module)
    yield 0.5
    assert hasattr(bpy.types, "VIEW3D_PT_eifer_live")


SCENES = [
    play_and_connect, record_a_take, undo_and_redo, retake_a_range, calibrate, a_second_window,
    escape, disable_while_live,
]  # fmt: skip
