"""Blender's side with real streams: the list, the simulated subject, and a stream that is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy", reason="bpy is not installed here")

import bpy
from live_scene import run_frames, run_until

from eifer.eifer_addon import api, files
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.live.stream_facts import StreamSelector
from eifer.eifer_addon.scene import live_timer
from eifer.eifer_addon.scene.controls import controls_of
from eifer.eifer_addon.scene.live_driver import driver
from eifer.eifer_addon.scene.live_settings import LIVE, live_of
from eifer.models.synthetic.physiology import simulate_recording
from eifer.operators import registration

Outlet = Callable[..., subprocess.Popen[str]]
RATE_HZ = 1024.0


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty file with the extension, and nothing live before and afterwards."""
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    files.set_user_folder(None)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    registration.register()
    yield
    driver.close()
    driver.say("")
    registration.unregister()


@pytest.fixture
def head(registered: None) -> bpy.types.Object:
    """The open head."""
    return api.add_head(bpy.context, api.load_head())


def face(obj: bpy.types.Object) -> np.ndarray:
    """All controls of a head."""
    return np.array([obj[name] for name in controls_of(obj)])


def send(outlet: Outlet, name: str) -> subprocess.Popen[str]:
    """A simulated subject from a plain LSL outlet."""
    recording = simulate_recording(duration_s=20.0, rate_hz=RATE_HZ)[0]
    return outlet(
        recording.data(), RATE_HZ, name, type="EMG", source_id=f"{name}-id", loop=True,
        channels=list(recording.channels), units=list(recording.units),
    )  # fmt: skip


def rows() -> dict[str, object]:
    """The list of streams by name."""
    return {row.name: row for row in getattr(bpy.context.window_manager, LIVE).found}


def test_the_five_minute_start() -> None:
    assert bpy.ops.eifer.live_play() == {"FINISHED"}
    run_until(lambda: "EIFER simulated subject" in rows())
    assert all("markers" not in name for name in rows()), "a stream of texts is no source"
    assert bpy.ops.eifer.live_connect() == {"FINISHED"}
    head = bpy.context.object
    assert head is not None, "a scene without any head gets one"
    run_until(lambda: np.abs(face(head)).max() > 0.3)
    assert driver.snapshot.source == "EIFER simulated subject"
    parts = driver.delay_parts()
    assert {"chunk", "filter", "tick"} <= set(parts)
    pids = [driver.session.pid, driver.player._child.pid]
    assert bpy.ops.eifer.live_disconnect() == {"FINISHED"}
    assert not face(head).any()
    assert bpy.ops.eifer.live_play() == {"FINISHED"}
    assert not driver.player.is_running
    assert len(set(pids)) == 2


def test_the_chosen_stream_stays_chosen(lsl_outlet: Outlet, unique_name: str) -> None:
    first, second = f"a-{unique_name}", f"b-{unique_name}"
    sender = send(lsl_outlet, second)
    bpy.ops.eifer.live_refresh()
    run_until(lambda: second in rows())
    sources = getattr(bpy.context.window_manager, LIVE)
    sources.active = list(rows()).index(second)
    other = send(lsl_outlet, first)
    run_until(lambda: first in rows())
    assert sources.found[sources.active].name == second
    assert "22 ch, 1024 Hz" in rows()[second].words
    other.kill()
    run_until(lambda: first not in rows())
    sender.kill()
    run_until(lambda: second not in rows())
    assert driver.looks


@pytest.mark.parametrize("how", ["hold", "ease", "hide"])
def test_a_lost_stream(
    head: bpy.types.Object, lsl_outlet: Outlet, unique_name: str, how: str
) -> None:
    live_of(bpy.context.scene).when_lost = how
    sender = send(lsl_outlet, unique_name)
    driver.connect(bpy.context, LiveSettings(stream=StreamSelector(name=unique_name)))
    run_until(lambda: np.abs(face(head)).max() > 0.3)
    sender.kill()
    run_until(lambda: driver.snapshot.state == "lost")
    held = face(head)
    if how == "ease":
        run_until(lambda: not face(head).any())
    else:
        for _ in range(20):
            live_timer.tick()
        np.testing.assert_array_equal(face(head), held)
    assert head.hide_viewport == (how == "hide")
    assert unique_name in driver.snapshot.sentence
    send(lsl_outlet, unique_name)
    run_until(lambda: driver.snapshot.state == "connected")
    run_frames(50)
    run_until(lambda: np.abs(face(head)).max() > 0.05 and not head.hide_viewport)
    driver.disconnect()
    assert not face(head).any()


def test_a_child_that_is_killed_is_started_again(
    head: bpy.types.Object, lsl_outlet: Outlet, unique_name: str
) -> None:

    send(lsl_outlet, unique_name)
    driver.connect(bpy.context, LiveSettings(stream=StreamSelector(name=unique_name)))
    run_until(lambda: np.abs(face(head)).max() > 0.3)
    first = driver.session.pid
    os.kill(first, signal.SIGKILL)
    run_until(lambda: driver.session.pid not in (None, first))
    run_until(lambda: driver.snapshot.state == "connected" and driver.snapshot.n_frames > 0)
    run_until(lambda: np.abs(face(head)).max() > 0.05)
    assert driver.snapshot.restarts == 1
