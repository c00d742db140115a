"""Jobs without a window: an empty scene, a saved .blend, a rendered film."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from ..errors import EiferError
from ..files import atomic_path
from ..progress import OnProgress
from ..video.encode import VideoWriter, read_image
from . import stage

#: ``compose(frame, seconds) -> frame`` adds something beside the rendered face.
Compose = Callable[[np.ndarray, float], np.ndarray]


def empty_scene(fps: float) -> bpy.types.Context:
    """Start from an empty file at `fps` frames per second, without touching preferences."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = max(1, round(fps)), max(1, round(fps)) / fps
    return bpy.context


def save_blend(path: str | Path, *, overwrite: bool = True) -> Path:
    """Save the open file under `path`, whole or not at all.

    Raises
    ------
    EiferError
        When the file exists and may not be replaced, or cannot be written.
    """
    final = Path(path).absolute()
    with atomic_path(final, overwrite=overwrite) as temporary:
        # Blender would keep the empty temporary file as a .blend1 backup.
        temporary.unlink()
        try:
            bpy.ops.wm.save_as_mainfile(
                filepath=str(temporary), copy=True, compress=True, check_existing=False
            )
        except RuntimeError as error:
            raise EiferError(
                f"{final} could not be saved: {str(error).strip()}.",
                "Check the free space and the permissions of its folder.",
            ) from error
    return final


def render_film(
    context: bpy.types.Context,
    path: str | Path,
    *,
    overwrite: bool = True,
    compose: Compose | None = None,
    time_zero: int | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """Render the scene's frame range as an mp4.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene has been prepared with `stage.prepare_stage`.
    path : path-like
        The mp4 to write; it appears when it is complete.
    compose : callable, optional
        Called with each frame (H, W, 3) uint8 and its time in s, gives the frame to write.
    time_zero : int, optional
        The frame at 0 s for `compose`; by default the first that is rendered.
    on_progress : callable, optional
        Called with (frames done, frames in all).

    Returns
    -------
    pathlib.Path
        The path that was written.
    """
    scene, final = context.scene, Path(path)
    frames = range(scene.frame_start, scene.frame_end + 1)
    fps = scene.render.fps / scene.render.fps_base
    zero = frames[0] if time_zero is None else time_zero
    with (
        tempfile.TemporaryDirectory(prefix="eifer-render-") as folder,
        atomic_path(final, overwrite=overwrite) as temporary,
        VideoWriter(temporary, fps) as film,
    ):
        still = Path(folder) / "frame.png"
        for done, frame in enumerate(frames, start=1):
            scene.frame_set(frame)
            stage.render_still(context, still)
            picture = read_image(still)
            film.write(compose(picture, (frame - zero) / fps) if compose else picture)
            if on_progress is not None:
                on_progress(done, len(frames))
    return final
