"""A window for the modal operator, whose ticks never come in background mode."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import bpy

from eifer.eifer_addon.scene import imports
from eifer.operators import import_recording


class Window:
    """What the modal operator needs of Blender's window manager, which background mode lacks."""

    def __init__(self) -> None:
        self.eifer = types.SimpleNamespace(busy=False, progress=0.0, status="")
        self.windows: list[Any] = []
        self.timers = self.shown = 0

    def event_timer_add(self, _seconds: float, window: object) -> object:
        self.timers += 1
        return self

    def event_timer_remove(self, _timer: object) -> None:
        self.timers -= 1

    def modal_handler_add(self, _operator: object) -> None: ...

    def progress_begin(self, _low: float, _high: float) -> None:
        self.shown += 1

    def progress_update(self, value: float) -> None:
        assert 0 <= value <= 1

    def progress_end(self) -> None:
        self.shown -= 1


class Operator:
    """The modal operator's own methods over a stand-in for Blender's instance."""

    bl_idname, bl_label = "eifer.run_import", "Import EMG recording"
    invoke = import_recording.EIFER_OT_run_import.invoke
    modal = import_recording.EIFER_OT_run_import.modal
    _stop = import_recording.EIFER_OT_run_import._stop
    _end = import_recording.EIFER_OT_run_import._end
    _start = import_recording.EIFER_OT_run_import._start
    _portion = import_recording.EIFER_OT_run_import._portion
    cancel = import_recording.EIFER_OT_run_import.cancel

    def __init__(self, *paths: Path) -> None:
        self.reports: list[tuple[set[str], str]] = []
        self.paths = paths
        self.asked_again: list[str] = []

    def _choices(self) -> list[imports.Choices]:
        return [imports.Choices(path) for path in self.paths]

    def _ask_again(self) -> None:
        self.asked_again.append(self.refused)

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append((kind, text))


def modal_context(window: Window) -> Any:
    real = bpy.context
    return types.SimpleNamespace(
        window_manager=window, window=None, scene=real.scene, view_layer=real.view_layer,
        object=real.object, mode=real.mode, temp_override=real.temp_override,
    )  # fmt: skip


def event(kind: str) -> Any:
    return types.SimpleNamespace(type=kind)
