"""The session of a head, film and EMG, as a folder that a network is trained on."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..errors import EiferError
from ..signals.activity import Activity
from ..signals.edits import apply_edits
from ..signals.sync_result import BY_HAND, shifted
from ..track import ExpressionTrack
from .recipes import find_recording, has_recipe, recipe_of
from .session import sync_of, track_of_take

#: Frames in which the face was not seen well teach nothing.
_SEEN = 0.5
_MOST_UNSEEN = 0.5


def session_pair(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    film: bpy.types.Action,
    emg: bpy.types.Action,
) -> tuple[Activity, ExpressionTrack]:
    """Activity and track of a session, on the clock of the EMG.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        The head that both are takes of.
    film, emg : bpy.types.Action

    Raises
    ------
    EiferError
        When the EMG take does not know its recording, the clocks were never laid, or the film
        hardly shows a face.
    """
    if not has_recipe(emg):
        raise EiferError(
            f"The take '{emg.name}' does not remember its recording.",
            "Import the recording again.",
        )
    sync = sync_of(emg)
    if sync.method == BY_HAND and not sync.confidence:
        raise EiferError(
            f"The EMG take '{emg.name}' was never laid onto the film '{film.name}'.",
            "Press 'Find the offset', or set the offset by hand.",
        )
    recipe = recipe_of(emg)
    edits = recipe.edits.changed({"preset": ""})
    activity = apply_edits(recipe.activity(find_recording(recipe)), edits)
    track = track_of_take(context, obj, film)
    unseen = float(np.mean(track.confidence < _SEEN)) if len(track) else 1.0
    if unseen > _MOST_UNSEEN:
        raise EiferError(
            f"The film of '{film.name}' does not show the face well in {unseen:.0%} of its frames.",
            "Film the session again, or import the film with another back end.",
        )
    return activity, shifted(track, sync)


def save_for_training(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    film: bpy.types.Action,
    emg: bpy.types.Action,
    subject: str,
    folder: Path,
) -> int:
    """Write the session of two takes as a folder, and give the number of its clips.

    Raises
    ------
    EiferError
        As `session_pair`, and when both have too little in common.
    """
    from ...models.training.data_folders_cut import cut_session
    from ...models.training.data_folders_takes import save_session

    activity, track = session_pair(context, obj, film, emg)
    cut = cut_session(activity, track)
    for old in folder.glob("*.npz"):
        old.unlink()
    save_session(folder, subject, Path(emg.name).stem, cut.clips, cut.movements)
    return len(cut.clips)
