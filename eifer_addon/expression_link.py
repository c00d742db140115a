"""Muscles to expression and back: which model is used, and tracks of any expression space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..models.emg2exp import emg_to_expression as convert
from ..models.exp2emg import choose
from ..models.exp2emg import expression_to_emg as estimate
from ..models.sessions import Model
from .default_link import default_model_name
from .signals.activity import Activity
from .signals.jobs import gains_for
from .track import ExpressionTrack

BASELINE = "baseline"


def emg_to_expression(
    activity: Activity, model: str | Path | None = None, profile: Any = None, **options: Any
) -> ExpressionTrack:
    """Turn muscle activity into an expression track.

    Parameters
    ----------
    activity : Activity
        Normalised muscle activity.
    model : str or path-like, optional
        A model by its name (``"emg2exp_fridlund"``, ``"baseline"``; `eifer models`) or an ONNX
        file of kind ``emg2exp`` with its card. None uses the expression gains of the profile,
        where there are some, else the model that fits the recorded muscles best.
    profile : Profile, mapping or path-like, optional
        Whose gains; None takes those of the profile that the activity was made with.
    **options
        ``fill``: what stands for muscles that were not recorded, ``"rest"`` or ``"mirror"``.

    Returns
    -------
    ExpressionTrack
        In the model's expression space, at the activity's timestamps; its provenance names the
        model, or the gains with their error, and its confidence says how sure the model is.
    """
    if model is None and (gains := gains_for(activity, profile)) is not None:
        from .signals.gains import expression_by_gains

        return expression_by_gains(activity, gains, **options)
    chosen = default_model_name(activity) if model is None else model
    return convert(activity, model=None if chosen == BASELINE else chosen, **options)


def expression_to_emg(
    track: ExpressionTrack, model: str | Path | None = None, **options: Any
) -> Activity:
    """Estimate the activity of the muscles behind an expression track.

    Parameters
    ----------
    track : ExpressionTrack
        Of any reconstructor; one in another space than the model's is carried over.
    model : str or path-like, optional
        A model by its name or an ONNX file of kind ``exp2emg``; None takes ours.
    **options
        ``scheme``: ``"fridlund"`` or ``"kuramoto"``, where no model is named; ``rate_hz``.

    Returns
    -------
    Activity
        0 at rest, 1 at full effort, at 100 frames/s or the track's rate where that is higher.
    """
    chosen: Model = choose(model, str(options.pop("scheme", "fridlund")))
    if track.space.name != chosen.card.space:
        from .heads.retarget import retarget

        track = retarget(track, chosen.card.space)
    return estimate(track, chosen, **options)
