"""Compared methods as takes: an avatar for each, side by side, in one .blend."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path

import bpy

from ..errors import EiferError
from ..spaces import get_space
from ..track import ExpressionTrack
from ..video.decode import PICTURES_HZ
from . import headless, stage
from .controls import armature_of, is_head
from .video_heads import FITTED
from .video_imports import VideoChoices
from .video_takes import write_video_take

#: A head's share of the picture in m, wide and high, and pixels of its height.
_WIDE_M, _HIGH_M, _HIGH_PX = 0.25, 0.32, 512


def add_compared(
    context: bpy.types.Context, tracks: Mapping[str, ExpressionTrack], video: str | Path,
    head: str | Path | None = None,
) -> list[bpy.types.Object]:  # fmt: skip
    """Add a head with a take for each method of a comparison, from left to right.

    Parameters
    ----------
    context : bpy.types.Context
    tracks : mapping of str to ExpressionTrack
        Label, which becomes the take's name, to track.
    video : path-like
        The film that they are of; its camera stands before the first head.
    head : path-like, optional
        A FLAME file; None is the open head.

    Returns
    -------
    list of bpy.types.Object
        The heads' mesh objects.

    Raises
    ------
    EiferError
        When no track could be keyed.
    """
    path = Path(video).absolute()
    heads: list[bpy.types.Object] = []
    for label, track in tracks.items():
        choices = VideoChoices(
            path, backend=_backend(track), take=label, new_head=True, match_rate=not heads,
            head_motion=False,
            head_file=None if head is None else Path(head), sound=not heads,
            camera=track.camera is not None and not heads,
        )  # fmt: skip
        before = set(context.scene.objects)
        write_video_take(context, track, choices)
        for obj in [one for one in context.scene.objects if one not in before and is_head(one)]:
            armature_of(obj).location.x = _WIDE_M * len(heads)
            heads.append(obj)
    context.view_layer.update()
    if not heads:
        raise EiferError("There is no track to show.", "Compare at least one method.")
    return heads


def _backend(track: ExpressionTrack) -> str:
    """Whose identity a track has: that of the back end it names, else of one with its basis."""
    from ...models.reconstructors.registry import backends

    named = track.provenance.get("backend")
    if named in backends():
        return str(named)
    bases = {get_space(found.space).basis: name for name, found in backends().items()}
    return bases.get(track.space.basis, FITTED)


def save_compared(
    tracks: Mapping[str, ExpressionTrack], video: str | Path, blend: str | Path,
    head: str | Path | None = None,
) -> Path:  # fmt: skip
    """Write a .blend with :func:`add_compared` in an empty scene, lit, seen from the front."""
    context = headless.empty_scene(PICTURES_HZ)
    with warnings.catch_warnings():
        # Heads that stay still beside each other are what is wanted here.
        warnings.simplefilter("ignore", UserWarning)
        heads = add_compared(context, tracks, video, head)
    last = max(float(track.timestamps[-1]) for track in tracks.values())
    scene = context.scene
    rate = scene.render.fps / scene.render.fps_base
    scene.frame_end = scene.frame_start + math.ceil(last * rate)
    wide = round(_HIGH_PX * _WIDE_M * len(heads) / _HIGH_M / 2) * 2
    camera = stage.prepare_stage(context, heads[0], size=(wide, _HIGH_PX))
    camera.location.x += _WIDE_M * (len(heads) - 1) / 2
    # Without perspective: heads at the edge are seen from the front as well.
    lens = camera.data
    assert isinstance(lens, bpy.types.Camera)
    lens.type, lens.sensor_fit, lens.ortho_scale = "ORTHO", "VERTICAL", _HIGH_M
    scene.camera = camera
    return headless.save_blend(blend)
