"""What the face itself shows of each muscle: a curve of the coefficients that the muscle leads.

A network that predicts activity from a face may know the delay between both and have taken it out.
The face has not: so the electro-mechanical delay is measured between what the electrodes saw and
what the skin did, with no network of the field between them. Which coefficients a muscle leads is
told by the table of muscles and action units (`models.baseline`), from the measured activity.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .errors import EiferError
from .muscle_analysis_clocks import Clock
from .signals.activity import Activity
from .signals.sync_delay import leading_groups
from .signals.sync_result import shifted
from .track import ExpressionTrack

#: A coefficient that moves less does not count.
_LEAST_MOTION = 0.03
#: The curve of a face is brought to the size of activity by this percentile of what moves.
_STRONG = 98.0


def face_activity(
    track: ExpressionTrack, measured: Activity, clock: Clock
) -> tuple[Activity, np.ndarray] | None:
    """Curves of what the measured muscles did to the face, as if they were activity.

    Parameters
    ----------
    track : ExpressionTrack
        The film's, on its own clock.
    measured : Activity
    clock : Clock

    Returns
    -------
    curves : Activity
        Of the muscles that lead something on this face, on the recording's clock, about 0 to 1.
    seen : numpy.ndarray
        bool (n_frames,).
    None where no muscle leads anything, or the track's space cannot be carried over.
    """
    from ..models.emg2exp import emg_to_expression
    from . import api
    from .muscle_analysis_inputs import evenly

    try:
        driven = emg_to_expression(measured)
        face = evenly(api.retarget(track, driven.space.name))
    except EiferError:
        return None
    seen = face.confidence > 0
    curves: dict[str, np.ndarray] = {}
    for muscle, weights in leading_groups(measured, driven, None).items():
        moving = np.ptp(face.coefficients[seen], axis=0) >= _LEAST_MOTION
        curve = face.coefficients.astype(np.float64) @ (weights * moving)
        low, high = np.percentile(curve[seen], [100 - _STRONG, _STRONG])
        if high > low:
            curves[muscle] = np.clip((curve - low) / (high - low), 0.0, None)
    if not curves:
        return None
    moved = shifted(face, clock.sync)
    n, steps = len(curves), np.diff(moved.timestamps)
    activity = Activity(
        np.stack(list(curves.values()), axis=1).astype(np.float32), 1.0 / float(np.median(steps)),
        tuple(curves), np.zeros(n), np.ones(n), tuple(curves), start_s=float(moved.timestamps[0]),
    )  # fmt: skip
    return replace(activity, filters=("what the face shows of each muscle",)), seen
