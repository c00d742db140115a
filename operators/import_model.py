"""Import a reconstructor's official checkpoint, and take an imported one away."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from ..eifer_addon.errors import Cancelled, EiferError
from ..eifer_addon.model_import import ImportRequest, ModelImport
from ..eifer_addon.scene.preferences import torch_python
from ..models.reconstructors.installed import remove
from ..models.reconstructors.registry import reconstructors
from .base import CANCELLED, PASSING, RUNNING, OperatorResult, guarded, watched

_TICK_S, _LOOK_S = 0.2, 0.05
#: Blender keeps no reference to the texts of an enumeration.
_BACKENDS = [
    (one.name, one.title, f"{one.checkpoint} from {one.source}; {one.licence}")
    for one in reconstructors().values()
] + [
    (
        "bfm", "Basel Face Model",
        "Your BFM_model_front.mat or model2017-1_bfm_nomouth.h5, by which tracks of Deep3DFace and "
        "FOCUS go to other heads",
    )
]  # fmt: skip


class EIFER_OT_import_model(bpy.types.Operator):
    """Import the official checkpoint of a reconstructor, in a Python that has torch."""

    bl_idname = "eifer.import_model"
    bl_label = "Import checkpoint"
    bl_description = (
        "Import a reconstructor's official checkpoint with the Python that the preferences name; "
        "Blender goes on meanwhile"
    )

    filepath: bpy.props.StringProperty(
        name="File", description="The official checkpoint", subtype="FILE_PATH"
    )
    filter_glob: bpy.props.StringProperty(
        default="*.pt;*.pth;*.tar;*.ckpt;*.pkl;*.model;*.mat;*.h5", options={"HIDDEN"}
    )
    backend: bpy.props.EnumProperty(
        name="Back end", description="Whose checkpoint it is", items=_BACKENDS
    )
    model_name: bpy.props.StringProperty(
        name="Name", description="By which the model is called; the back end's when empty"
    )
    overwrite: bpy.props.BoolProperty(
        name="Replace", description="Replace a model of that name", default=False
    )
    _asked = False

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the file."""
        self._asked = True
        context.window_manager.fileselect_add(self)
        return RUNNING

    def draw(self, _context: bpy.types.Context) -> None:
        """The choices beside the file list."""
        layout = self.layout
        layout.use_property_split = True
        for name in ("backend", "model_name", "overwrite"):
            layout.prop(self, name)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Hand over to the modal operator in a window; import at once in scripts."""
        if not self._asked or bpy.app.background:
            return guarded(self, lambda: self._through(context))
        # Blender takes no modal operator from a file browser, and one that hangs on the window of
        # the preferences would end with it.
        names = ("filepath", "backend", "model_name", "overwrite")
        choices = {name: getattr(self, name) for name in names}
        windows = context.window_manager.windows
        with context.temp_override(window=next(w for w in windows if w.parent is None)):
            bpy.ops.eifer.run_model_import("INVOKE_DEFAULT", **choices)
        return {"FINISHED"}

    def _through(self, context: bpy.types.Context) -> None:
        job = ModelImport(request_of(self, context))
        try:
            while job.poll() == "running":
                time.sleep(_LOOK_S)
            job.check()
        finally:
            job.close()
        self.report({"INFO"}, f"Imported '{job.made['name']}' into {job.made['path']}")


class EIFER_OT_run_model_import(bpy.types.Operator):
    """Import a checkpoint while Blender's window stays alive; ESC gives it up."""

    bl_idname = "eifer.run_model_import"
    bl_label = "Import checkpoint"
    bl_description = "Import a checkpoint while Blender goes on; ESC gives it up"
    bl_options = {"INTERNAL"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH")
    backend: bpy.props.StringProperty()
    model_name: bpy.props.StringProperty()
    overwrite: bpy.props.BoolProperty()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start the import and the timer that looks at it."""
        return watched(self, context, lambda: self._start(context), _TICK_S)

    def _start(self, context: bpy.types.Context) -> None:
        self.job = ModelImport(request_of(self, context))

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Look at the import, or give it up when ESC was pressed."""
        if event.type == "ESC":
            return self._end(context, guarded(self, self._give_up))
        if event.type != "TIMER":
            return PASSING
        if self.job.poll() == "running":
            title = Path(self.filepath).name
            context.workspace.status_text_set(
                f"Importing {title}: {self.job.part:.0%}. ESC gives it up."
            )
            return PASSING
        result = guarded(self, self.job.check)
        if result != CANCELLED:
            self.report({"INFO"}, f"Imported '{self.job.made['name']}'")
        return self._end(context, result)

    def _give_up(self) -> None:
        raise Cancelled("The import")

    def cancel(self, context: bpy.types.Context) -> None:
        """Clean up when Blender itself ends the operator."""
        self._end(context, CANCELLED)

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        self.job.close()
        context.window_manager.event_timer_remove(self.timer)
        context.workspace.status_text_set(None)
        for window in context.window_manager.windows:
            for area in window.screen.areas:
                if area.type == "PREFERENCES":
                    area.tag_redraw()
        return result


class EIFER_OT_remove_model(bpy.types.Operator):
    """Delete an imported model; its checkpoint stays."""

    bl_idname = "eifer.remove_model"
    bl_label = "Remove model"
    bl_description = "Delete this imported model; the checkpoint that it came from stays"

    model_name: bpy.props.StringProperty(name="Name", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Ask first, because it cannot be undone."""
        return context.window_manager.invoke_confirm(
            self, event, title=f"Remove the model '{self.model_name}'?", confirm_text="Remove"
        )

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Delete the model."""
        return guarded(self, lambda: remove(self.model_name))


def request_of(operator: Any, context: bpy.types.Context) -> ImportRequest:
    """What the operator's choices ask for.

    Raises
    ------
    EiferError
        When the preferences name no Python with torch, and Blender's own has none.
    """
    if operator.backend == "bfm":
        return ImportRequest("bfm", bpy.path.abspath(operator.filepath))
    python = torch_python(context)
    if not python and not _has_torch():
        raise EiferError(
            "Importing a checkpoint needs torch, which Blender's Python does not have.",
            "Name a Python that has torch, timm and onnxruntime in the add-on's preferences, or "
            "run 'eifer models import' in a terminal.",
        )
    return ImportRequest(
        operator.backend, bpy.path.abspath(operator.filepath), operator.model_name,
        overwrite=operator.overwrite, python=python,
    )  # fmt: skip


def _has_torch() -> bool:
    import importlib.util

    return importlib.util.find_spec("torch") is not None
