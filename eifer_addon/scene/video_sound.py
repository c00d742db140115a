"""A film's sound as a strip in the sequencer, in step with its pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy

from ..errors import EiferError
from ..video.clock import FilmClock

_MOST_CHANNELS = 128


def add_sound(
    scene: bpy.types.Scene, path: str | Path, name: str, frame_start: float, clock: FilmClock
) -> Any:
    """Add a film's sound.

    Parameters
    ----------
    scene : bpy.types.Scene
    path : path-like
    name : str
        Of the strip.
    frame_start : float
        Scene frame of the film's first picture.
    clock : FilmClock
        When sound and pictures begin in the file.

    Returns
    -------
    bpy.types.SoundStrip or None
        None for a silent film.

    Raises
    ------
    EiferError
        When Blender cannot read the sound, or was built without any.
    """
    if clock.sound_s is None:
        return None
    if scene.sequence_editor is None:
        scene.sequence_editor_create()
    strips = strips_of(scene)
    assert strips is not None
    hz = scene.render.fps / scene.render.fps_base
    begins = frame_start + clock.sound_after_s * hz
    first = math.floor(begins)
    # The strips of other films may lie anywhere.
    taken = {strip.channel for strip in strips}
    channel = next((c for c in range(1, _MOST_CHANNELS) if c not in taken), _MOST_CHANNELS)
    try:
        strip = strips.new_sound(name, str(Path(path).absolute()), channel, first)
    except RuntimeError as error:
        raise EiferError(
            f"The sound of {Path(path).name} cannot be added: {str(error).strip()}.",
            "Import the film without its sound.",
        ) from error
    # A strip begins at a whole frame; the rest is told in seconds.
    strip.sound_offset = (begins - first) / hz
    early = math.ceil(frame_start) - first
    if early > 0:
        # What is heard before the first picture would begin before the scene does.
        handle = "left_handle_offset" if hasattr(strip, "left_handle_offset") else None
        setattr(strip, handle or "frame_offset_start", float(early))
    return strip


def strips_of(scene: bpy.types.Scene) -> Any:
    """The strips of a scene in every version of Blender; None without a sequencer."""
    editor = scene.sequence_editor
    if editor is None:
        return None
    # Up to 4.3 they are called sequences. An empty collection is false, so it is asked for by name.
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def strip_named(scene: bpy.types.Scene, name: str) -> Any:
    """A strip by name; None where it is gone."""
    strips = strips_of(scene)
    return None if strips is None else strips.get(name)
