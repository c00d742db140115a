"""Which EMG2Exp model is used where none is named."""

from __future__ import annotations

from ..models.choosing import BASELINE
from .signals.activity import Activity


def default_model_name(activity: Activity) -> str:
    """The name of the model that is used for an activity where the user names none."""
    del activity
    return BASELINE
