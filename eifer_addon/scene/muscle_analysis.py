"""Muscle analysis of a take: what is asked for, and its result on the avatar.

The predicted activity is keyed on the film's take like that of a recording, so that heat map and
sliders follow the timeline; the numbers stand on the take as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

from ..errors import EiferError
from ..muscle_analysis_process import MuscleProcess, MuscleRequest
from ..muscle_analysis_sides import WHOLE
from ..signals.sync_result import BY_HAND
from .keyframes import PREFIX
from .muscle_activity import key_activity
from .playing_takes import play_take
from .recipes import find_recording, has_recipe, recipe_of
from .session import SYNC, is_emg_take, sync_of, track_of_take
from .takes import avatar_of, current_take

#: On a take: the numbers of its analysis.
RESULT = f"{PREFIX}muscle_analysis"
NO_MEASURE, TAKE, FILE = "NONE", "TAKE", "FILE"
#: By take, the process whose files can still be saved.
_processes: dict[int, MuscleProcess] = {}


def take_to_analyse(context: bpy.types.Context) -> bpy.types.Action | None:
    """The take of a film or track that the chosen avatar plays."""
    obj = avatar_of(context.object)
    action = current_take(obj) if obj is not None else None
    return None if is_emg_take(action) and RESULT not in (action or {}) else action


def start_analysis(context: bpy.types.Context, settings: Any) -> MuscleProcess:
    """Start the analysis of the take at hand.

    Parameters
    ----------
    context : bpy.types.Context
    settings : EiferMuscles

    Raises
    ------
    EiferError
        When there is no take of a film, or what was measured is not there.
    """
    obj, action = avatar_of(context.object), take_to_analyse(context)
    if obj is None or action is None:
        raise EiferError(
            "The chosen avatar plays no take of a film or track.",
            "Import a video or an expression track first.",
        )
    track = track_of_take(context, obj, action)
    request = MuscleRequest(
        action.name, settings.scheme, settings.model.strip(), **_measured(context, settings, action)
    )
    return MuscleProcess(track, request)


def _measured(
    context: bpy.types.Context, settings: Any, action: bpy.types.Action
) -> dict[str, Any]:
    """Recording, how it is read, and how its clock lies."""
    if settings.measured == NO_MEASURE:
        return {}
    if settings.measured == FILE:
        path = Path(bpy.path.abspath(settings.recording))
        if not settings.recording.strip() or not path.exists():
            raise EiferError(
                f"The recording {path} does not exist." if settings.recording.strip()
                else "No recording is named.", "Choose the EMG of the film, or 'None'.",
            )  # fmt: skip
        return {"recording": str(path), "sync": settings.offset if settings.own_offset else "auto"}
    emg = settings.emg
    if emg is None or not has_recipe(emg):
        raise EiferError(
            "No EMG take is chosen that knows its recording.",
            "Choose one, or name the recording's file.",
        )
    recipe = recipe_of(emg)
    conversion = {
        "preset": recipe.edits.preset or recipe.preset, "montage": recipe.montage,
        "profile": recipe.profile, "repair": dict(recipe.repair), "unmix": recipe.unmix,
    }  # fmt: skip
    return {
        "recording": str(find_recording(recipe)), "reading": dict(recipe.reader),
        "conversion": {k: v for k, v in conversion.items() if v is not None},
        "sync": _clock(context, action, emg),
    }  # fmt: skip


def _clock(context: bpy.types.Context, film: bpy.types.Action, emg: bpy.types.Action) -> Any:
    """How the takes were laid; where nobody did, the analysis finds out."""
    if SYNC in emg and (sync_of(emg).method != BY_HAND or sync_of(emg).confidence > 0):
        return sync_of(emg).as_document()
    hz = context.scene.render.fps / context.scene.render.fps_base
    apart = float(film[f"{PREFIX}frame_start"]) - float(emg[f"{PREFIX}frame_start"])
    return apart / hz if apart else "auto"


def finish_analysis(
    context: bpy.types.Context, action: bpy.types.Action, process: MuscleProcess
) -> dict[str, Any]:
    """Key the predicted activity on the take and note the numbers.

    Parameters
    ----------
    context : bpy.types.Context
    action : bpy.types.Action
        The take that was analysed; its avatar plays it afterwards.
    process : MuscleProcess
        With its numbers; it is kept until the next analysis of the take, for saving.

    Returns
    -------
    dict
        The result that the panel shows.
    """
    obj = avatar_of(context.object)
    if obj is None or current_take(obj) != action:
        obj = next(
            (other for other in context.scene.objects
             if other.type == "MESH" and other.name == action.get(f"{PREFIX}head")), None,
        )  # fmt: skip
    if obj is None:
        raise EiferError(f"The avatar of '{action.name}' is gone.", "Undo, or import it again.")
    if current_take(obj) != action:
        play_take(obj, action)
    key_activity(context, obj, action, process.activity())
    result = shown_of(process.numbers())
    action[RESULT] = json.dumps(result)
    forget(action)
    _processes[action.session_uid] = process
    obj.update_tag()
    return result


def shown_of(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """What the panel shows of an analysis: a row for each muscle without side, and sentences."""
    scores = {row["muscle"]: row for row in numbers["scores"]}
    sides = {r["muscle"]: r for r in numbers["asymmetry"] if r["movement"] == WHOLE}
    rows = []
    for stem in dict.fromkeys(name.rpartition(".")[0] for name in numbers["muscles"]):
        both = {side: scores.get(f"{stem}.{side}", {}) for side in ("right", "left")}
        index = sides.get(stem, {})
        rows.append({
            "muscle": stem,
            **{f"rho_{side}": row.get("rho") if row.get("acted") else None
               for side, row in both.items()},
            "predicted": index.get("predicted"), "measured": index.get("measured"),
        })  # fmt: skip
    delays, summary = numbers.get("delays") or {}, numbers.get("summary") or {}
    return {
        "rows": rows, "has_measured": bool(scores), "movements": len(numbers["movements"]),
        "delay_ms": delays.get("common_ms"), "n_muscles": summary.get("n_muscles"),
        "rho": (summary.get("rho") or [None])[0], "smape": (summary.get("smape") or [None])[0],
        "left_out": len(numbers["left_out"]),
        "delay_is_known": bool((numbers.get("clock") or {}).get("delay_is_known")),
    }  # fmt: skip


def result_of(action: bpy.types.Action | None) -> dict[str, Any] | None:
    """The result that is noted on a take."""
    if action is None or RESULT not in action:
        return None
    try:
        return dict(json.loads(str(action[RESULT])))
    except ValueError:
        return None


def process_of(action: bpy.types.Action | None) -> MuscleProcess | None:
    """The process whose files can be saved; None after the .blend was opened anew."""
    return None if action is None else _processes.get(action.session_uid)


def forget(action: bpy.types.Action) -> None:
    """Drop the files of a take's earlier analysis."""
    earlier = _processes.pop(action.session_uid, None)
    if earlier is not None:
        earlier.close()


def forget_all() -> None:
    """Drop the files of all analyses."""
    while _processes:
        _processes.popitem()[1].close()
