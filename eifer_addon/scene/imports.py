"""From a file to a take, in steps that a modal operator, a script or a test may drive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import api
from ..errors import Cancelled, EiferError
from ..signals.edits import Edits, apply_edits
from .controls import head_of, is_head
from .edit_settings import show_edits
from .edits import fitted, note_channels
from .keyframes import PREFIX
from .muscle_activity import key_activity
from .recipes import Recipe, note_recipe, signature_of
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from ..signals.activity import Activity
    from ..signals.recording import Recording
    from ..track import ExpressionTrack


@dataclass(frozen=True)
class Choices:
    """What a person chose for an import.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    take : str
        Name of the take; the file's name when empty.
    frame_start : float
        Scene frame of time 0.
    extend : bool
        Whether the scene's frame range grows to cover the take.
    preset : str
        Filter chain of a recording.
    rate_hz : float or None
        Sampling rate where the file does not say.
    reader : mapping
        Further choices of the reader, such as ``stream``.
    montage, profile, repair
        As `api.to_activity` takes them.
    model : pathlib.Path or None
        As `api.emg_to_expression` takes it.
    edits : Edits
        What is changed in signal space; its preset, where it names one, goes before `preset`.
    """

    path: Path
    take: str = ""
    frame_start: float = 1.0
    extend: bool = True
    preset: str = "clinical"
    rate_hz: float | None = None
    reader: Mapping[str, Any] = field(default_factory=dict)
    montage: Any = None
    profile: Any = None
    repair: Mapping[str, str] = field(default_factory=dict)
    model: Path | None = None
    edits: Edits = field(default_factory=Edits)

    @property
    def reading(self) -> dict[str, Any]:
        """All choices of the reader."""
        return dict(self.reader) | ({} if self.rate_hz is None else {"rate_hz": self.rate_hz})


def target_head(context: bpy.types.Context) -> bpy.types.Object:
    """The head that takes an import: the chosen one, else the only one, else a new open head.

    Raises
    ------
    EiferError
        When there are several heads and none is chosen.
    """
    chosen = head_of(context.object)
    if chosen is not None:
        return chosen
    heads = [obj for obj in context.scene.objects if is_head(obj)]
    if len(heads) > 1:
        names = ", ".join(f"'{obj.name}'" for obj in heads)
        raise EiferError(f"The scene has several heads ({names}).", "Choose one of them first.")
    return heads[0] if heads else api.add_head(context, api.load_head())


def write_take(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    choices: Choices,
    activity: Activity | None = None,
) -> bpy.types.Action:
    """Write the keys, carrying the track into the head's space where it is another.

    The take's action keeps how channels were mapped, so that the panel can show it later.
    """
    track = fitted(track, obj)
    action: bpy.types.Action = api.apply_track(
        context, obj, track, take=choices.take or choices.path.stem,
        frame_start=choices.frame_start, frame_range="extend" if choices.extend else "keep",
        exists="error" if choices.take else "suffix",
    )  # fmt: skip
    action[f"{PREFIX}file"] = str(choices.path)
    if activity is not None:
        note_channels(action, activity)
        key_activity(context, obj, action, activity)
    return action


class RecordingImport:
    """A recording on its way to a take, one step per call.

    Only the last step touches the scene, and it does so whole or not at all.

    Parameters
    ----------
    context : bpy.types.Context
        Used by the last step.
    choices : Choices
        File and options.
    """

    #: Steps with the share of the time that each takes on a long recording.
    STEPS = (
        ("Reading the recording", 0.15),
        ("Filtering the channels", 0.65),
        ("Finding the expression", 0.1),
        ("Writing the keys", 0.1),
    )

    def __init__(self, context: bpy.types.Context, choices: Choices) -> None:
        self._context = context
        self._choices = choices
        self._work: tuple[Callable[[], None], ...] = (
            self._read, self._filter, self._convert, self._write,
        )  # fmt: skip
        self._done = 0
        self._started: float | None = None
        self._recording: Recording | None = None
        self._activity: Activity | None = None
        self._track: ExpressionTrack | None = None
        #: Name of the take, once written.
        self.take = ""

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self._done == len(self.STEPS)

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        return sum(share for _, share in self.STEPS[: self._done])

    def status(self, now: float) -> str:
        """The step at hand and, after the first, the time that is probably left."""
        if self.finished:
            return f"Wrote the take '{self.take}'"
        text = self.STEPS[self._done][0]
        if self._started is None or self._done == 0:
            return text
        left = (now - self._started) * (1 / self.progress - 1)
        return f"{text}, about {max(1, round(left))} s left"

    def step(self, now: float) -> bool:
        """Do the next step; gives True when that was the last.

        Parameters
        ----------
        now : float
            A monotonic clock in s, for the estimate.

        Raises
        ------
        EiferError
            As the functions of the script API raise it; the scene is unchanged then.
        """
        if self._started is None:
            self._started = now
        self._work[self._done]()
        self._done += 1
        return self.finished

    def cancel(self) -> Cancelled:
        """What to tell the user who stopped the import between two steps."""
        return Cancelled(f"The import of {self._choices.path.name}")

    def _read(self) -> None:
        path = self._choices.path
        # Taken first: a file that changes while it is read shall not pass for the one in memory.
        self._signature = signature_of(path) if path.exists() else ()
        self._recording = api.read_recording(path, **self._choices.reading)

    def _filter(self) -> None:
        assert self._recording is not None
        chosen = self._choices
        self._activity = api.to_activity(
            self._recording, preset=chosen.edits.preset or chosen.preset, montage=chosen.montage,
            profile=chosen.profile, repair=dict(chosen.repair),
        )  # fmt: skip

    def _convert(self) -> None:
        assert self._activity is not None
        self._edited = apply_edits(self._activity, self._choices.edits)
        self._track = api.emg_to_expression(self._edited, model=self._choices.model)

    def _write(self) -> None:
        assert self._track is not None
        with all_or_nothing(self._context):
            obj = target_head(self._context)
            action = write_take(self._context, obj, self._track, self._choices, self._edited)
            self._remember(action)
        self.take = action.name

    def _remember(self, action: bpy.types.Action) -> None:
        """Note on the take how to make it again, and keep its activity for the first change."""
        assert self._recording is not None
        assert self._activity is not None
        assert self._track is not None
        chosen = self._choices
        recipe = Recipe.of(
            self._recording, chosen.path, reader=chosen.reading, preset=chosen.preset,
            montage=chosen.montage, profile=chosen.profile, repair=dict(chosen.repair),
            model="" if chosen.model is None else str(chosen.model.absolute()),
            model_sha256=str(self._track.provenance.get("model_sha256", "")), edits=chosen.edits,
        )  # fmt: skip
        note_recipe(action, recipe)
        recipe.keep(self._activity, chosen.path.absolute(), self._signature)
        show_edits(action, recipe, self._edited.muscles)
