"""From a film to a take: a child process does the work, the scene is touched at the end only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import EiferError
from ..files import cache_folder
from ..track import ExpressionTrack
from ..video.child import Progress, VideoJob
from .keyframes import PREFIX
from .takes import notes_of

#: Note on a take with which its import can be done again or go on.
CHOICES = f"{PREFIX}video"
PARTIAL = f"{PREFIX}partial"
_FORMAT = 1
_FOLDER = "unfinished films"
_FILES = ("head_file", "source_file")


@dataclass(frozen=True)
class VideoChoices:
    """What a person chose for the import of a film.

    Attributes
    ----------
    path : pathlib.Path
        The film, a folder of pictures, or a picture.
    take : str
        Name of the take; the film's name when empty.
    frame_start : float
        Scene frame of the film's first picture.
    extend : bool
        Whether the scene's frame range grows to cover the take.
    backend : str
        A name of `models.reconstructors`.
    options : mapping
        Of `video.options.VideoOptions`: ``start``, ``stop``, ``step``, ``who``, ``smoothing`` ….
    new_head : bool
        Add a head with the person's identity, instead of taking the chosen one.
    head_file : pathlib.Path or None
        The FLAME file of a new head; None is the open head.
    source_file : pathlib.Path or None
        The FLAME file that the work needs: the head that is fitted, or the one that a network's
        coefficients are of. None is the open head.
    head_motion : bool
        Whether the head moves as in the film.
    camera : bool
        Add the film's camera and show the film.
    background, plane, render : bool
        Where the film is shown: in the camera's view, on a plane, in renders.
    sound : bool
        Add the film's sound.
    match_rate, match_size : bool
        Whether the scene gets the film's frame rate and renders its size.
    """

    path: Path
    take: str = ""
    frame_start: float = 1.0
    extend: bool = True
    backend: str = "mediapipe"
    options: Mapping[str, Any] = field(default_factory=dict)
    new_head: bool = False
    head_file: Path | None = None
    source_file: Path | None = None
    head_motion: bool = True
    camera: bool = True
    background: bool = True
    plane: bool = False
    render: bool = False
    sound: bool = True
    match_rate: bool = False
    match_size: bool = False

    def to_document(self) -> str:
        """As JSON text, for a take's notes."""
        values = asdict(self) | {"format_version": _FORMAT, "path": str(self.path.absolute())}
        for name in _FILES:
            path = getattr(self, name)
            values[name] = None if path is None else str(path.absolute())
        return json.dumps(values)

    @classmethod
    def from_document(cls, text: str) -> VideoChoices:
        """The inverse of :meth:`to_document`.

        Raises
        ------
        EiferError
            When the text is none of ours.
        """
        try:
            values = json.loads(text)
            if values.pop("format_version") != _FORMAT:
                raise KeyError("format_version")
            values["path"] = Path(values["path"])
            for name in _FILES:
                values[name] = Path(values[name]) if values[name] else None
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EiferError(
                "What was chosen for this take cannot be read any more.", "Import the film again."
            ) from error


def unfinished_films() -> Path:
    """Where work on films is kept until it is finished."""
    return cache_folder() / _FOLDER


class VideoImport:
    """One film on its way to a take; `step` asks the child how far it is.

    Parameters
    ----------
    choices : VideoChoices
    """

    def __init__(self, choices: VideoChoices) -> None:
        self.choices = choices
        self.progress = Progress("waiting", message=f"{choices.path.name} waits.")
        self._job: VideoJob | None = None
        self._track: ExpressionTrack | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the track is there, whole or in part."""
        return self._track is not None

    @property
    def track(self) -> ExpressionTrack:
        """The track, once it is there."""
        assert self._track is not None
        return self._track

    @property
    def share(self) -> float:
        """Share of the work that is done, 0 to 1."""
        if self.is_ready:
            return 1.0
        return self.progress.done / self.progress.total if self.progress.total else 0.0

    def step(self) -> bool:
        """Start the work, or see how far it is; True when the track is there.

        Raises
        ------
        EiferError
            When the film cannot be read or shows no face, or it was stopped before anything was
            done.
        """
        if self._track is not None:
            return True
        if self._job is None:
            self._start()
            return False
        self.progress = self._job.poll()
        if self.progress.state == "running":
            return False
        try:
            track = self._job.result()
        finally:
            self._job.close()
            self._job = None
        self._track = self._marked(track)
        return True

    def _start(self) -> None:
        chosen = self.choices
        options = {
            **chosen.options, "backend": chosen.backend, "head": chosen.source_file,
            "state": str(unfinished_films()),
        }  # fmt: skip
        self._job = VideoJob.start(chosen.path, options)
        self.progress = self._job.poll()

    def _marked(self, track: ExpressionTrack) -> ExpressionTrack:
        """The track, with a note when it was stopped before its end."""
        progress = self.progress
        if progress.state != "stopped" or track.provenance.get("complete", True):
            return track
        times = track.timestamps
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        partial = {"partial": True, "of_frames": progress.total, "stopped_s": times[-1] + step}
        return replace(track, provenance={**track.provenance, **partial})

    @property
    def is_partial(self) -> bool:
        """Whether the track is there and ends early."""
        return self._track is not None and bool(self._track.provenance.get("partial"))

    def stop(self) -> None:
        """Let the work end soon; what is done becomes the track."""
        if self._job is not None:
            self._job.stop()

    @property
    def is_running(self) -> bool:
        """Whether a child is at work."""
        return self._job is not None

    def close(self) -> None:
        """End the child at once; the result is gone, what it kept for later is not."""
        if self._job is not None:
            self._job.close()
            self._job = None


def choices_of_take(action: bpy.types.Action | None) -> VideoChoices | None:
    """With what a take was imported; None for takes that are no film's."""
    if action is None or CHOICES not in action:
        return None
    try:
        return VideoChoices.from_document(str(action[CHOICES]))
    except EiferError:
        return None


def is_partial(action: bpy.types.Action | None) -> bool:
    """Whether a film's take ends early and can go on."""
    return action is not None and bool(action.get(PARTIAL)) and CHOICES in action


def facts_of(action: bpy.types.Action) -> list[str]:
    """A film's take in a few lines: frames, gaps, confidence, back end."""
    notes = notes_of(action)
    lines = [f"Film: {Path(str(notes.get('file', ''))).name}"]
    lines.append(f"{notes['frames']} frames over {notes['duration_s']:.1f} s")
    if notes.get("gaps"):
        lines.append(f"No face on {notes['gaps']} of them: gaps, not keyed")
    if "mean_confidence" in notes:
        lines.append(f"Confidence: {notes['mean_confidence']:.2f} on average")
    if "backend" in notes:
        lines.append(f"Back end: {notes['backend']}")
    if notes.get("electrodes_removed"):
        lines.append(f"Electrodes removed by {notes.get('translator', 'a network')}")
    if is_partial(action) and notes.get("of_frames"):
        lines.append(f"Stopped after {notes['frames']} of {notes['of_frames']} frames")
    if notes.get("not_keyed"):
        lines.append(f"Not keyed: {notes['not_keyed']}")
    return lines
