"""Camera-based muscle analysis: what each muscle did, told from a film of the face.

From a film, a track of any reconstructor or a predicted activity, alone or beside a measured
recording, after Büchner, Anders, Guntinas-Lichius and Denzler (EIFER, CVPR 2025).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError
from .muscle_analysis_clocks import AUTO, Clock, find_clock, on_clock
from .muscle_analysis_compare import COMMON, Choices, Comparison, compare_activities, summary_of
from .muscle_analysis_face import face_activity
from .muscle_analysis_inputs import (
    Measured,
    Predicted,
    measured_from,
    predicted_from,
    smoothed_alike,
)
from .muscle_analysis_words import describe
from .signals.activity import Activity
from .signals.recording import Recording
from .track import ExpressionTrack

#: ``on_progress(done, total)`` in frames of the film.
OnProgress = Callable[[int, int], None]
#: Options of the comparison, and of what was measured.
_NUMBERS, _MEASURED = ("draws", "seed"), ("keep_bad", "reading", "conversion")


@dataclass(frozen=True)
class MuscleAnalysis:
    """A whole analysis.

    Attributes
    ----------
    name : str
        Of the film.
    predicted : Activity
        From the face, on the recording's clock where there is one.
    measured : Activity or None
    unit : str
        Of the measured channels; empty where it is not known.
    clock : Clock or None
    comparison : Comparison
        The numbers.
    seen : numpy.ndarray
        bool (n_frames,) of `predicted`: frames in which the face was seen.
    notes : tuple of str
        What a reader should know, whole sentences.
    about : mapping
        Film, recording, model, software, choices: what a methods section names.
    """

    name: str
    predicted: Activity
    measured: Activity | None
    unit: str
    clock: Clock | None
    comparison: Comparison
    seen: np.ndarray
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        """A few lines that a person can read."""
        return describe(self)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> dict[str, Path]:
        """Write table, numbers, curves and the report page into a folder.

        Parameters
        ----------
        folder : path-like
        overwrite : bool
            Whether an earlier analysis there may be replaced.

        Returns
        -------
        dict
            ``csv``, ``numbers``, ``activity``, ``map``, ``page`` and ``report`` to the files.
        """
        from .muscle_analysis_files import save_analysis

        return save_analysis(self, folder, overwrite=overwrite)


def analyse_muscles(
    source: str | Path | ExpressionTrack | Activity,
    measured: str | Path | Recording | Activity | None = None,
    model: str | Path | None = None,
    *,
    scheme: str = "fridlund",
    backend: str = "mediapipe",
    sync: Any = AUTO,
    delay: str | float = COMMON,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> MuscleAnalysis:
    """Tell from a film what the muscles of the face did, and compare it with a measurement.

    Parameters
    ----------
    source : path-like, ExpressionTrack or Activity
        A film, a track of any reconstructor in any space, or activity that was predicted already.
    measured : path-like, Recording or Activity, optional
        What electrodes measured at the same time.
    model : path-like, optional
        An ONNX file of kind ``exp2emg``; None takes the default of the scheme.
    scheme : {"fridlund", "kuramoto"}
    backend : str
        The reconstructor for a film.
    sync : optional
        How the clocks lie; see :func:`.muscle_analysis_clocks.find_clock`.
    delay : str or float
        What the measured curves are shifted by before they are compared: ``"common"``, ``"none"``
        or milliseconds.
    on_progress : callable, optional
        Called with the frames of a film that are done, and all.
    **options
        ``movements``: (onset in s, name, duration in s) each, on the recording's clock, or the
        film's without one; ``keep_bad``: whether what is bad in the recording counts, too;
        ``reading`` and ``conversion``: mappings for :func:`eifer.api.read_recording` and
        :func:`eifer.api.to_activity`; ``draws`` and ``seed`` of the bootstrap; all others are of
        :func:`eifer.api.video_to_expression`.

    Returns
    -------
    MuscleAnalysis

    Raises
    ------
    EiferError
        One sentence: no muscle in common, no overlap, a model for something else, and the like.
    """
    how = Choices(delay, **{name: options.pop(name) for name in _NUMBERS if name in options})
    movements = options.pop("movements", None)
    given = {name: options.pop(name) for name in _MEASURED if name in options}
    theirs = None if measured is None else measured_from(measured, **given)
    ours = predicted_from(
        source, model, scheme=scheme, backend=backend, on_progress=on_progress, choices=options
    )
    return compare_sources(ours, theirs, sync=sync, movements=movements, how=how)


def compare_sources(
    ours: Predicted,
    theirs: Measured | None,
    *,
    sync: Any = AUTO,
    movements: Sequence[tuple[float, str, float]] | None = None,
    how: Choices | None = None,
) -> MuscleAnalysis:
    """The analysis of what was predicted and measured already; see :func:`analyse_muscles`."""
    chosen = how or Choices()
    about = {**ours.about, "choices": {"delay": chosen.delay, "draws": chosen.draws,
                                       "seed": chosen.seed}}  # fmt: skip
    if theirs is None:
        found = compare_activities(
            ours.activity, seen=ours.seen, movements=movements, choices=chosen
        )
        return MuscleAnalysis(
            ours.name, ours.activity, None, "", None, found, ours.seen, ours.notes, about
        )
    if len(ours.activity) == 0 or not ours.seen.any():
        raise EiferError(
            f"The face was seen in no frame of {ours.name}, so there is nothing to analyse.",
            "Choose another film, or another person in it (--face).",
        )
    ours = smoothed_alike(ours, theirs.window_s)
    clock = find_clock(
        ours.activity, theirs.activity, sync, track=ours.track, recording=theirs.recording
    )
    moved = on_clock(ours.activity, clock)
    face = None if ours.track is None else face_activity(ours.track, theirs.activity, clock)
    found = compare_activities(
        moved, theirs.activity, seen=ours.seen, good=theirs.good, bad=theirs.bad, face=face,
        movements=movements, choices=chosen,
    )  # fmt: skip
    notes = (*ours.notes, clock.sentence, *theirs.notes)
    return MuscleAnalysis(
        ours.name, moved, theirs.activity, theirs.unit, clock, found, ours.seen, notes,
        about | dict(theirs.about),
    )  # fmt: skip


__all__ = ["MuscleAnalysis", "analyse_muscles", "compare_sources", "summary_of"]
