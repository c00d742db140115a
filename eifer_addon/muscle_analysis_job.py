"""The script API's function for camera-based muscle analysis; `api` forwards it.

What it needs is loaded when it is called, because Blender loads `api` when it starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .muscle_analysis import MuscleAnalysis
    from .signals.activity import Activity
    from .signals.recording import Recording
    from .track import ExpressionTrack


def analyse_muscles(
    source: str | Path | ExpressionTrack | Activity,
    measured: str | Path | Recording | Activity | None = None,
    model: str | Path | None = None,
    **options: Any,
) -> MuscleAnalysis:
    """Tell from a film of a face what its muscles did, and compare it with measured EMG.

    Parameters
    ----------
    source : path-like, ExpressionTrack or Activity
        A film, a track of any reconstructor in any space, or activity that was predicted already.
    measured : path-like, Recording or Activity, optional
        What electrodes measured at the same time.
    model : str or path-like, optional
        A model of kind ``exp2emg``; None takes the default of the scheme.
    **options
        ``scheme`` ("fridlund", "kuramoto"), ``backend`` for a film, ``sync`` (how the clocks lie),
        ``delay``, ``movements``, ``keep_bad``, ``reading``, ``conversion``, ``draws``, ``seed``,
        ``on_progress`` (`muscle_analysis.analyse_muscles` explains them), and those of
        :func:`video_to_expression`.

    Returns
    -------
    MuscleAnalysis
        Its `describe` tells it in words, its `save` writes curves, numbers and the report page.
    """
    from .muscle_analysis import analyse_muscles as analyse

    return analyse(source, measured, model, **options)
