"""From files to takes, in steps that a modal operator, a script or a test may drive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import api
from ..errors import EiferError
from ..pacing import Paced
from ..signals.edits import Edits, apply_edits
from .controls import head_of, is_head
from .edit_settings import show_edits
from .edits import fitted, note_channels
from .keyframes import PREFIX
from .muscle_activity import key_activity
from .recipes import judged, note_quality, recipe_of, signature_of
from .video_marks import key_certainty

if TYPE_CHECKING:
    from ..signals.activity import Activity
    from ..signals.quality import Quality
    from ..track import ExpressionTrack


@dataclass(frozen=True)
class Choices:
    """What a person chose for an import.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    take : str
        Name of the take; `label` when empty.
    label : str
        What the take is called otherwise; the file's name when empty.
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
    montage, profile, repair, unmix
        As `api.to_activity` takes them.
    model : pathlib.Path or None
        As `api.emg_to_expression` takes it.
    fill : str
        What stands for muscles that were not recorded: ``"rest"`` or ``"mirror"``.
    scheme, sides : str
        Which electrode codes the channels' names mean, and which side was recorded.
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
    unmix: bool = False
    scheme: str = "auto"
    sides: str = "both"
    model: Path | None = None
    fill: str = "rest"
    edits: Edits = field(default_factory=Edits)
    label: str = ""

    @property
    def naming(self) -> dict[str, str]:
        """Scheme and sides where they are not the usual ones."""
        told = {"scheme": (self.scheme, "auto"), "sides": (self.sides, "both")}
        return {name: value for name, (value, usual) in told.items() if value != usual}

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
        context, obj, track, take=choices.take or choices.label or choices.path.stem,
        frame_start=choices.frame_start, frame_range="extend" if choices.extend else "keep",
        exists="error" if choices.take else "suffix",
    )  # fmt: skip
    action[f"{PREFIX}file"] = str(choices.path)
    if activity is not None:
        note_channels(action, activity)
        key_activity(context, obj, action, activity)
    if is_head(obj):
        key_certainty(context, obj, action, track)
    return action


def check_target(context: bpy.types.Context) -> None:
    """Refuse at once what :func:`target_head` would refuse after the work is done."""
    heads = [obj for obj in context.scene.objects if is_head(obj)]
    if len(heads) > 1 and head_of(context.object) is None:
        target_head(context)


class RecordingImport:
    """A recording on its way to a take, one portion per call.

    Only :meth:`write` touches the scene. The filters stop after every few channels, so that a
    window can be redrawn and the escape key be heard.

    Parameters
    ----------
    choices : Choices
        File and options.
    """

    #: Steps with the share of the time that each takes on a long recording.
    STEPS = (
        ("Reading the recording", 0.1),
        ("Filtering the channels", 0.4),
        ("Judging the channels", 0.35),
        ("Finding the expression", 0.05),
    )
    #: Share of the last step, which writes the keys.
    WRITING = 0.1

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self._work: tuple[Callable[[], bool], ...] = (
            self._read, self._filter, self._judge, self._convert,
        )  # fmt: skip
        self._done = 0
        #: The step at hand where it goes in portions.
        self._paced: Paced[Any] | None = None
        self._step_started = 0.0
        #: Seconds that the whole takes, from the step that can tell; 0 before.
        self._whole_s = 0.0

    @property
    def ready(self) -> bool:
        """Whether everything is done but the writing."""
        return self._done == len(self.STEPS)

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        done = sum(share for _, share in self.STEPS[: self._done])
        if self._paced is not None:
            done += self.STEPS[self._done][1] * self._paced.share
        return done

    @property
    def status(self) -> str:
        """The step at hand."""
        return "Writing the keys" if self.ready else self.STEPS[self._done][0]

    def left_s(self) -> float | None:
        """Seconds that are probably left; None before the filters have shown their pace."""
        return self._whole_s * (1.0 - self.progress) if self._whole_s else None

    def step(self, now: float) -> bool:
        """Do the next portion; True when all is done but the writing.

        Parameters
        ----------
        now : float
            A monotonic clock in s, for the estimate.

        Raises
        ------
        EiferError
            As the functions of the script API raise it.
        """
        if self._paced is not None and self._done == 1 and self._paced.share:
            spent = (now - self._step_started) / self._paced.share
            self._whole_s = spent / self.STEPS[1][1]
        if not self.ready and self._work[self._done]():
            self._done += 1
            self._step_started, self._paced = now, None
        return self.ready

    def stop(self) -> None:
        """Give the work up."""
        if self._paced is not None:
            self._paced.stop()

    def _go_on(self, job: Callable[[Callable[[float], None]], Any]) -> tuple[Any, ...]:
        """A portion of a job; what it gave in a tuple once it is done, empty before."""
        if self._paced is None:
            self._paced = Paced(job)
        return (self._paced.result,) if self._paced.step() else ()

    def _read(self) -> bool:
        path = self.choices.path
        # Taken first: a file that changes while it is read shall not pass for the one in memory.
        self._signature = signature_of(path) if path.exists() else ()
        self._recording = api.read_recording(path, **self.choices.reading)
        return True

    def _filter(self) -> bool:
        for activity in (done := self._go_on(self._to_activity)):
            self._activity: Activity = activity
        return bool(done)

    def _to_activity(self, on_progress: Callable[[float], None]) -> Activity:
        chosen = self.choices
        return api.to_activity(
            self._recording, preset=chosen.edits.preset or chosen.preset, montage=chosen.montage,
            profile=chosen.profile, repair=dict(chosen.repair), unmix=chosen.unmix,
            on_progress=on_progress, **chosen.naming,
        )  # fmt: skip

    def _judge(self) -> bool:
        for quality in (done := self._go_on(self._to_quality)):
            self._quality: Quality = quality
        return bool(done)

    def _to_quality(self, on_progress: Callable[[float], None]) -> Quality:
        return judged(self._recording, self._activity.channels, on_progress)

    def _convert(self) -> bool:
        self._edited = apply_edits(self._activity, self.choices.edits)
        self._track = api.emg_to_expression(
            self._edited, model=self.choices.model, fill=self.choices.fill
        )
        return True

    def write(self, context: bpy.types.Context) -> bpy.types.Action:
        """Write the take on the head that takes it, and note on it how to make it again."""
        obj = target_head(context)
        action = write_take(context, obj, self._track, self.choices, self._edited)
        # The activity says how it was made, and the track carries that to the take.
        recipe = recipe_of(action)
        note_quality(action, self._quality)
        recipe.keep(self._activity, self.choices.path.absolute(), self._signature)
        show_edits(action, recipe, self._edited.muscles)
        return action
