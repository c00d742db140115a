"""From an expression track to muscle activity, with any model of the kind ``exp2emg``.

Muscles act before the face moves, so the models in ``weights`` look at frames to come. What the
face does not show they cannot tell: a clenched masseter, an effort that others hold in balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..eifer_addon.errors import EiferError
from ..eifer_addon.signals.activity import Activity
from ..eifer_addon.spaces import get_space
from ..eifer_addon.track import ExpressionTrack
from ..eifer_addon.version import software_version
from .choosing import built_in, open_model
from .emg_schemes import muscles_of
from .sequences import run_frames
from .sessions import Model

KIND = "exp2emg"
#: Frames per second of the result where a track is slower: the delay is a matter of milliseconds.
RATE_HZ = 100.0
_FEWEST_FRAMES = 2
#: Gaps up to this are bridged; where a track shows nothing for longer, the muscles rest.
_LONGEST_GAP_S = 0.25


@dataclass(frozen=True)
class MusclePrediction:
    """What a model says about every frame.

    Attributes
    ----------
    times : numpy.ndarray
        float64 (n_frames,) s, evenly spaced.
    activity : numpy.ndarray
        float32 (n_frames, n_muscles), 0 at rest, 1 at full effort.
    spread : numpy.ndarray or None
        The same shape: the expected error, one standard deviation.
    """

    times: np.ndarray
    activity: np.ndarray
    spread: np.ndarray | None


def expression_to_emg(
    track: ExpressionTrack,
    model: Model | str | Path | None = None,
    *,
    scheme: str = "fridlund",
    rate_hz: float | None = None,
) -> Activity:
    """Estimate the activity of the muscles that made an expression.

    Parameters
    ----------
    track : ExpressionTrack
        In the model's expression space; a model that is not named takes `arkit52`, and tracks of
        other spaces are carried over (`heads.retarget`).
    model : Model, str or path-like, optional
        A model of the kind ``exp2emg``, by its name or file; None takes ours for `scheme`.
    scheme : {"fridlund", "kuramoto"}
        Which electrodes' muscles, where no model is named.
    rate_hz : float, optional
        Frames per second of the result; the track's own when that is above 100, else 100.

    Returns
    -------
    Activity
        Normalised as by a calibration: 0 at rest, 1 at full effort. ``source["predicted"]`` is
        True; ``source["expected_error"]`` gives the expected error by muscle.

    Raises
    ------
    EiferError
        When the track has no frames that can be used, or the model takes another space.
    """
    chosen = choose(model, scheme)
    found = predict_muscles(track, chosen, rate_hz=rate_hz)
    rate = _rate(found.times)
    muscles = chosen.card.outputs
    n = len(muscles)
    return Activity(
        found.activity, rate, muscles, np.zeros(n), np.ones(n), channels=muscles,
        filters=(f"estimated from the expression by {chosen.card.name}",),
        start_s=float(found.times[0]), source=_source(track, chosen, found),
        unclamped=found.activity,
    )  # fmt: skip


def predict_muscles(
    track: ExpressionTrack, model: Model, *, rate_hz: float | None = None
) -> MusclePrediction:
    """Activity with the error that is expected of each muscle, frame by frame.

    Parameters
    ----------
    track, rate_hz
        As for :func:`expression_to_emg`.
    model : Model
    """
    track = _in_space_of(track, model)
    seen = np.flatnonzero(track.confidence > 0)
    if len(seen) < _FEWEST_FRAMES:
        raise EiferError(
            f"The track has {len(seen)} frames that can be used; at least {_FEWEST_FRAMES} are "
            "needed.",
            "Choose a longer track, or one in which the face is found.",
        )
    own = (len(track) - 1) / track.duration_s
    rate = float(rate_hz or max(RATE_HZ, own))
    start, stop = float(track.timestamps[0]), float(track.timestamps[-1])
    times = start + np.arange(int(np.floor((stop - start) * rate + 1e-6)) + 1) / rate
    values = _at(times, track.timestamps[seen], track.coefficients[seen].astype(np.float64))
    values[_lost(times, track.timestamps[seen])] = 0.0
    values = get_space(model.card.space).clip(values).astype(np.float32)
    activity, spread = run_frames(model, values, rate)
    return MusclePrediction(times, np.maximum(activity, 0.0).astype(np.float32), spread)


def _at(times: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values between frames, without overshooting (F. Fritsch, R. Carlson 1980)."""
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(known, values)(np.clip(times, known[0], known[-1])))


def _lost(times: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where no frame is near, bool."""
    after = np.clip(np.searchsorted(known, times), 0, len(known) - 1)
    before = np.maximum(after - 1, 0)
    away = np.minimum(np.abs(known[after] - times), np.abs(known[before] - times))
    return np.asarray(away > _LONGEST_GAP_S)


def _in_space_of(track: ExpressionTrack, model: Model) -> ExpressionTrack:
    if track.space.name != model.card.space:
        raise EiferError(
            f"The model '{model.card.name}' takes the expression space {model.card.space}, but "
            f"the track is in {track.space.name}.",
            "Carry the track over with api.retarget, or choose a model for its space.",
        )
    return track


def choose(model: Model | str | Path | None, scheme: str = "fridlund") -> Model:
    """The model that is named, or ours for a scheme."""
    if isinstance(model, Model):
        return model
    if model is not None:
        return open_model(model, KIND)
    muscles_of(scheme)  # an unknown scheme is named
    return built_in(f"{KIND}_{scheme}")


def _rate(times: np.ndarray) -> float:
    return float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 else RATE_HZ


def _source(track: ExpressionTrack, model: Model, found: MusclePrediction) -> dict[str, object]:
    """Where the activity comes from, and how sure it is."""
    about: dict[str, Any] = dict(track.provenance)
    error = {}
    if found.spread is not None:
        mean = found.spread.mean(axis=0)
        error = {m: round(float(e), 4) for m, e in zip(model.card.outputs, mean, strict=True)}
    return {
        "format": "predicted", "predicted": True, "simulated": bool(about.get("simulated", False)),
        "model": model.card.name, "model_sha256": model.sha256,
        "software": f"eifer {software_version()}", "track_model": str(about.get("model", "")),
        "file": str(about.get("source", about.get("file", ""))),
        "scheme": str(model.card.normalisation.get("scheme", "")), "expected_error": error,
    }  # fmt: skip
