"""Takes of a live session: the journal on disk, the row in the list, and the keys.

The keys hold what the avatar did while it was live. They remember the journal like any import
remembers its recording, so a take can be edited afterwards or put on other avatars.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..files import write_error
from ..live.journal import settle, unfinished
from ..live.takes import take_of_journal
from ..signals.edits import LIMITS, Edits
from ..signals.normalise import FORMAT_VERSION
from ..signals.origin import RECIPE, hash_of
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .edits import fitted
from .keyframes import PREFIX
from .live_settings import live_of, takes_folder
from .recipes import Recipe
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from ..signals.activity import Activity
    from ..signals.recording import Recording

#: Mark in the journal: here stands the take's first frame.
BEGIN = "take begins"
_TRASH = "deleted"
_loaded: dict[Path, LoadedTake] = {}


@dataclass(frozen=True)
class LoadedTake:
    """What a journal holds.

    Attributes
    ----------
    recording : Recording
    activity : Activity
    track : ExpressionTrack
    begin_s : float
        Where the take's first frame stands, in s after the first sample.
    """

    recording: Recording
    activity: Activity
    track: ExpressionTrack
    begin_s: float


def load_take(path: Path) -> LoadedTake:
    """Read a journal; the newest one stays in memory.

    Raises
    ------
    EiferError
        When it is gone or damaged.
    """
    if not path.is_file():
        raise EiferError(f"The journal {path} is gone.", "Put it back where it was.")
    if path not in _loaded:
        recording, activity, track = take_of_journal(path)
        marks = [onset_s for onset_s, name, _ in activity.events if name == BEGIN]
        _loaded.clear()
        _loaded[path] = LoadedTake(recording, activity, track, marks[0] if marks else 0.0)
    return _loaded[path]


def add_take(scene: bpy.types.Scene, path: Path, frame_start: float) -> Any:
    """Add a take to the scene's list and choose it.

    Parameters
    ----------
    scene : bpy.types.Scene
    path : pathlib.Path
        The journal.
    frame_start : float
        Scene frame at which the take begins.

    Returns
    -------
    EiferLiveTake
    """
    loaded = load_take(path)
    live = live_of(scene)
    row = live.takes.add()
    row.name, row.file = path.stem, _stored(path)
    row.subject = str(loaded.recording.source.get("subject", ""))
    gaps = loaded.recording.source.get("gaps", ())
    row.duration_s = loaded.recording.duration_s - loaded.begin_s
    row.gaps = len(gaps)
    row.lost = round(sum(g["seconds"] for g in gaps) * loaded.recording.rate_hz)
    row.frame_start = frame_start
    live.active_take = len(live.takes) - 1
    return row


def _stored(path: Path) -> str:
    """The path as the list keeps it: beside the .blend where it can be."""
    if bpy.data.filepath and path.is_relative_to(Path(bpy.data.filepath).parent):
        return bpy.path.relpath(str(path))
    return str(path)


def file_of(row: Any) -> Path:
    """A row's journal."""
    return Path(bpy.path.abspath(row.file))


def active_take(scene: bpy.types.Scene) -> Any:
    """The chosen row of the list, None for an empty one."""
    live = live_of(scene)
    return live.takes[live.active_take] if 0 <= live.active_take < len(live.takes) else None


def keep_take(
    context: bpy.types.Context, row: Any, objects: Sequence[bpy.types.Object]
) -> list[bpy.types.Action]:
    """Write a take's keys on avatars.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gives the frame rate.
    row : EiferLiveTake
    objects : sequence of bpy.types.Object

    Returns
    -------
    list of bpy.types.Action
        One per avatar.

    Raises
    ------
    EiferError
        When there is no avatar, or one does not take the keys; nothing is changed then.
    """
    if not objects:
        raise EiferError("No avatar is chosen.", "Tick or choose heads first.")
    loaded = load_take(file_of(row))
    scene = context.scene
    fps = scene.render.fps / scene.render.fps_base
    start = row.frame_start - loaded.begin_s * fps
    track, activity = at_frames(loaded.track, loaded.activity, fps, start, row.frame_start)
    recipe = _recipe(loaded, file_of(row), fps)
    track = replace(track, provenance={**track.provenance, RECIPE: recipe.as_json()})
    made = []
    with all_or_nothing(context):
        for obj in objects:
            name = row.name if len(objects) == 1 else f"{row.name} {obj.name}"
            action = api.apply_track(
                context, obj, fitted(track, obj), take=name, frame_start=start, activity=activity
            )
            action[f"{PREFIX}file"] = str(file_of(row))
            made.append(action)
    row.kept, row.actions = True, json.dumps([action.name for action in made])
    return made


def at_frames(
    track: ExpressionTrack, activity: Activity, fps: float, start: float, first: float
) -> tuple[ExpressionTrack, Activity]:
    """Track and activity at the scene's whole frames.

    Parameters
    ----------
    track : ExpressionTrack
    activity : Activity
        At the same times.
    fps : float
        Frames per second of the scene.
    start : float
        Scene frame of time 0.
    first : float
        Scene frame from which on there shall be keys.

    Returns
    -------
    track : ExpressionTrack
        Between the live frames, which come every few ms, values are interpolated; next to a gap
        they have confidence 0.
    activity : Activity

    Raises
    ------
    EiferError
        When the take ends before its first frame.
    """
    times = track.timestamps
    frames = np.arange(np.ceil(first - 1e-6), np.floor(start + times[-1] * fps + 1e-6) + 1)
    wanted = (frames - start) / fps
    inside = wanted >= times[0] - 1e-9
    frames, wanted = frames[inside], wanted[inside]
    if not len(frames):
        raise EiferError("The take is shorter than one frame.", "Record for longer.")
    k = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, max(0, len(times) - 2))
    after = np.minimum(k + 1, len(times) - 1)
    span = np.maximum(times[after] - times[k], 1e-9)
    part = np.clip((wanted - times[k]) / span, 0.0, 1.0)[:, None].astype(np.float32)

    def between(values: np.ndarray) -> np.ndarray:
        mixed = values[k] + part * (values[after] - values[k])
        return np.asarray(mixed, np.float32)

    confidence = np.minimum(track.confidence[k], track.confidence[after])
    sampled = replace(
        track, coefficients=between(track.coefficients), timestamps=wanted, confidence=confidence
    )
    shown = replace(activity, values=between(activity.values), rate_hz=fps, start_s=wanted[0])
    return sampled, shown


def _recipe(loaded: LoadedTake, path: Path, fps: float) -> Recipe:
    """How to make the take anew from its journal, with rest and effort as they were found live."""
    live = loaded.track.provenance["live"]
    activity = loaded.activity
    units = dict(zip(loaded.recording.channels, loaded.recording.units, strict=True))
    profile = {
        "format_version": FORMAT_VERSION, "kind": "profile", "preset": live["preset"],
        "muscles": {
            muscle: {**levels, "noise": 0.0, "unit": units.get(channel, "?"), "origin": "live"}
            for (muscle, levels), channel in zip(
                loaded.track.provenance["calibration"].items(), activity.channels, strict=False
            )
        },
    }  # fmt: skip
    if isinstance(live.get("profile"), dict):
        profile |= {k: v for k, v in live["profile"].items() if k == "crosstalk"}
    return Recipe(
        file=str(path), sha256=hash_of(loaded.recording, path), preset=live["preset"],
        rate_hz=fps, montage=_montage(activity, loaded.recording), profile=profile,
        unmix=bool(live["unmix"]) and "crosstalk" in profile, fill=live["fill"],
        model=live["model"], model_sha256=str(loaded.track.provenance["model_sha256"]),
        edits=_edits(live["conditioning"], activity.muscles),
    )  # fmt: skip


def _montage(activity: Activity, recording: Recording) -> dict[str, str | None]:
    """Channel to muscle, None for channels that were not used."""
    found: dict[str, str | None] = dict.fromkeys(recording.channels)
    for channel, muscle in zip(activity.channels, activity.muscles, strict=True):
        # One channel for both sides is named by the muscle alone.
        found[channel] = muscle if found.get(channel) is None else muscle.partition(".")[0]
    return found


def _edits(conditioning: dict[str, Any], muscles: Sequence[str]) -> Edits:
    """The nearest that edits of the activity come to the conditioning of the expression."""
    low, high = LIMITS["gain"]
    gains = conditioning.get("gains", {})
    factors = {
        muscle: float(np.clip(
            conditioning["gain"] * gains.get(muscle, gains.get(muscle.partition(".")[0], 1.0)),
            low, high,
        ))
        for muscle in muscles
    }  # fmt: skip
    changed: dict[str, Any] = {"gain": {m: g for m, g in factors.items() if g != 1.0}}
    if conditioning["min_cutoff_hz"]:
        changed |= {"min_cutoff_hz": conditioning["min_cutoff_hz"], "beta": conditioning["beta"]}
    return Edits().changed(changed)


def delete_take(scene: bpy.types.Scene, row: Any, *, forever: bool = False) -> Path:
    """Take a take off the list, with its keys; its journal goes to a folder of deleted ones.

    Parameters
    ----------
    scene : bpy.types.Scene
    row : EiferLiveTake
    forever : bool
        Delete the journal instead.

    Returns
    -------
    pathlib.Path
        Where the journal is, or was.
    """
    path = file_of(row)
    _loaded.pop(path, None)
    try:
        if path.is_file() and forever:
            path.unlink()
        elif path.is_file():
            path = _to_trash(path)
    except OSError as error:
        raise write_error(path, error) from error
    for name in json.loads(row.actions or "[]"):
        action = bpy.data.actions.get(name)
        if action is not None and f"{PREFIX}space" in action:
            bpy.data.actions.remove(action)
    live = live_of(scene)
    live.takes.remove(list(live.takes).index(row))
    live.active_take = max(0, min(live.active_take, len(live.takes) - 1))
    return path


def _to_trash(path: Path) -> Path:
    folder = path.parent / _TRASH
    folder.mkdir(exist_ok=True)
    goal = folder / path.name
    if goal.exists():
        goal = folder / f"{path.stem} {datetime.now().strftime('%Y-%m-%d %H.%M.%S')}{path.suffix}"
    shutil.move(path, goal)
    return goal


def recoverable(scene: bpy.types.Scene) -> tuple[Path, ...]:
    """Journals that were cut off and are in no list of this file; this looks at the disk."""
    listed = {file_of(row) for row in live_of(scene).takes}
    folder = takes_folder()
    found = unfinished(folder) if folder.is_dir() else ()
    return tuple(path for path in found if path not in listed)


def recover(scene: bpy.types.Scene, path: Path) -> Any:
    """Put a journal that was cut off on the list; its samples stay as they are.

    Raises
    ------
    EiferError
        When it holds no samples.
    """
    row = add_take(scene, path, float(scene.frame_start))
    settle(path)
    _loaded.clear()
    return row


def dismiss(path: Path) -> None:
    """Do not offer a journal that was cut off any more; its samples stay as they are."""
    settle(path)


def hub_track(track: ExpressionTrack) -> ExpressionTrack:
    """The track in `arkit52`."""
    return track if track.space.name == ARKIT52.name else api.retarget(track, ARKIT52.name)
