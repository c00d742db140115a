"""Which EMG2Exp model is used where none is named."""

from __future__ import annotations

from ..models.choosing import BASELINE
from ..models.emg_schemes import muscles_of, scheme_of
from .signals.activity import Activity

#: The trained models are used where at least so much of a scheme's muscles was recorded.
LEAST_SHARE = 0.5


def default_model_name(activity: Activity) -> str:
    """The name of the model that is used for an activity where the user names none.

    For whole faces the trained model of the electrodes that were used, frame by frame: like the
    baseline it knows no delay, so that a take's own delay means the same. For a few channels the
    baseline, which keeps to what was recorded and invents no other side; faint responses of real
    people came through it at least as clearly (docs/emg2exp.md).
    """
    scheme = scheme_of(activity) or "fridlund"
    wanted = muscles_of(scheme)
    if len(set(wanted) & set(activity.muscles)) < LEAST_SHARE * len(wanted):
        return BASELINE
    return f"emg2exp_{scheme}"
