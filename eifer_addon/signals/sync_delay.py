"""The electro-mechanical delay: how much later the skin moves than the muscle's signal.

It can only be told from an offset of the clocks when that is known from elsewhere (a trigger, a
light, the same clock). What the muscles would do to the face at once (the baseline model, or a
profile's gains) is compared with what a reference shows, muscle by muscle, at delays in the range
that facial muscles have; the delay of the filters that the activity went through is taken off.

Facial muscles pull at the skin 20 to 400 ms after their signal: 50 to 100 ms in the clips of
Büchner and others (CVPR 2025), tens of milliseconds in the review of electro-mechanical delay by
P. R. Cavanagh and P. V. Komi (Eur J Appl Physiol 42, 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ...models.emg2exp import emg_to_expression
from ...models.sessions import Model
from ..errors import EiferError
from ..track import ExpressionTrack
from .activity import Activity
from .sync_result import CURVES, Sync

#: Plausible delays in seconds, and how far beyond them a better one may lie.
SHORTEST_S, LONGEST_S = 0.02, 0.4
_BEYOND_S = 0.3
#: Both are compared at this rate.
_RATE_HZ = 200.0
_LEAST_OVERLAP_S = 2.0
#: A coefficient that moves less does not count.
_LEAST_MOTION = 0.05
_LEAST_CORRELATION = 0.4
#: A group is led by the muscle with this part of the effect on it.
_LEADING_PART = 0.5
#: Muscles that agree within this are sure of each other.
_AGREEING_S = 0.03


@dataclass(frozen=True)
class Delay:
    """The electro-mechanical delay of a session.

    Attributes
    ----------
    seconds : float
        Of the skin after the muscle's signal; the filters' own delay is taken off.
    spread_s : float
        Robust standard deviation over the muscles; 0 for one.
    confidence : float
        0 to 1: correlation, lessened where muscles disagree or few tell.
    muscles : mapping of str to float
        Seconds by muscle.
    correlations : mapping of str to float
        At that delay, by muscle.
    filter_ms : float
        Delay of the activity's own filters.
    """

    seconds: float
    spread_s: float
    confidence: float
    muscles: Mapping[str, float] = field(default_factory=dict)
    correlations: Mapping[str, float] = field(default_factory=dict)
    filter_ms: float = 0.0

    @property
    def edit_ms(self) -> float:
        """What ``edits.delay_ms`` has to be for the avatar to move when the face did."""
        return round(self.seconds * 1000.0 - self.filter_ms, 1)

    def describe(self) -> str:
        """A few lines that a person can read."""
        rows = (
            f"  {muscle}: {1000 * seconds:.0f} ms (correlation {self.correlations[muscle]:.2f})"
            for muscle, seconds in self.muscles.items()
        )
        head = (
            f"Electro-mechanical delay: {1000 * self.seconds:.0f} ms, spread over the muscles "
            f"{1000 * self.spread_s:.0f} ms, confidence {self.confidence:.2f}"
        )
        return "\n".join([head, f"  delay to set in a take: {self.edit_ms:+g} ms", *rows])


def estimate_delay(
    activity: Activity,
    reference: ExpressionTrack | Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    sync: Sync | None = None,
    model: Model | None = None,
    shortest_s: float = SHORTEST_S,
    longest_s: float = LONGEST_S,
) -> Delay:
    """Estimate how much later the skin moves than the muscles' signals.

    Parameters
    ----------
    activity : Activity
    reference : ExpressionTrack or mapping
        What the face did: a track in the model's space, for example from the session's video, or
        per muscle ``(times in s, curve)`` of anything that moves with it.
    sync : Sync, optional
        How the reference's clock lies to the activity's, from a trigger or a light. None: they
        are on one clock already.
    model : Model, optional
        Kind ``emg2exp``; the baseline when None.
    shortest_s, longest_s : float
        Delays that are plausible.

    Returns
    -------
    Delay

    Raises
    ------
    EiferError
        When the clocks were synchronised by curves (the delay is in that offset already), the
        spaces differ, or no muscle tells.
    """
    if sync is not None and sync.method == CURVES:
        raise EiferError(
            "The clocks were synchronised by their curves, so the delay is in the offset already.",
            "Synchronise by events, a trigger or a light to tell them apart.",
        )
    found: dict[str, tuple[float, float]] = {}
    for muscle, predicted, times, curve in _pairs(activity, reference, model):
        on_first = times if sync is None else sync.to_first(times)
        late = _late(activity.timestamps, predicted, on_first, curve, activity.delay_ms / 1e3,
                     (shortest_s, longest_s))  # fmt: skip
        if late is not None:
            found[muscle] = late
    if not found:
        raise EiferError(
            f"No muscle shows a delay between {1000 * shortest_s:g} and {1000 * longest_s:g} ms.",
            "Check the synchronisation, and that the reference shows the same movements.",
        )
    return _combined(found, activity.delay_ms)


def _combined(found: Mapping[str, tuple[float, float]], filter_ms: float) -> Delay:
    delays = np.array([delay for delay, _ in found.values()])
    correlations = np.array([correlation for _, correlation in found.values()])
    seconds = _weighted_median(delays, correlations**2)
    spread = 1.4826 * _weighted_median(np.abs(delays - seconds), correlations**2)
    agreement = 1.0 / (1.0 + (spread / _AGREEING_S) ** 2)
    few = len(delays) / (len(delays) + 1.0)
    confidence = float(np.average(correlations, weights=correlations)) * agreement * few
    return Delay(
        seconds, spread if len(delays) > 1 else 0.0, min(confidence, 1.0),
        {muscle: delay for muscle, (delay, _) in found.items()},
        {muscle: correlation for muscle, (_, correlation) in found.items()}, filter_ms,
    )  # fmt: skip


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    half = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(weights.sum() / 2, half, values[order]))


def _pairs(
    activity: Activity,
    reference: ExpressionTrack | Mapping[str, tuple[np.ndarray, np.ndarray]],
    model: Model | None,
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Muscle, what it would do at the activity's frames, and the reference's times and curve."""
    if not isinstance(reference, ExpressionTrack):
        for muscle, (times, curve) in reference.items():
            if muscle not in activity.muscles:
                raise EiferError(
                    f"The activity has no muscle '{muscle}'.",
                    f"Its muscles are: {', '.join(activity.muscles)}.",
                )
            values = np.asarray(curve, np.float64)
            yield muscle, activity.column(muscle), np.asarray(times, np.float64), values
        return
    predicted = emg_to_expression(activity, model)
    if predicted.space != reference.space:
        raise EiferError(
            f"The reference is in the space {reference.space.name}, what the muscles would do in "
            f"{predicted.space.name}.",
            "Retarget the reference first (api.retarget).",
        )
    seen = reference.confidence > 0
    times, shown = reference.timestamps[seen], reference.coefficients[seen].astype(np.float64)
    if not len(times):
        raise EiferError("The reference has no frame with confidence.", "Choose another track.")
    for muscle, weights in leading_groups(activity, predicted, model).items():
        moving = np.ptp(shown, axis=0) >= _LEAST_MOTION
        group = weights * moving
        if group.any():
            yield muscle, predicted.coefficients @ group, times, shown @ group


def leading_groups(
    activity: Activity, predicted: ExpressionTrack, model: Model | None
) -> dict[str, np.ndarray]:
    """For each muscle, weights (n_coefficients,) of the coefficients that it leads.

    A muscle leads a coefficient when the coefficient would lose most of its motion without it.
    """
    motion = predicted.coefficients.std(axis=0)
    lost = np.zeros((len(activity.muscles), len(predicted.space)))
    for k in range(len(activity.muscles)):
        values = activity.values.copy()
        values[:, k] = 0.0
        without = emg_to_expression(replace(activity, values=values), model).coefficients
        lost[k] = (predicted.coefficients - without).std(axis=0)
    share = lost / np.maximum(lost.sum(axis=0), 1e-9)
    groups = {}
    for k, muscle in enumerate(activity.muscles):
        leads = (share[k] >= _LEADING_PART) & (motion >= _LEAST_MOTION / 5)
        if leads.any():
            groups[muscle] = np.where(leads, motion / np.maximum(motion.max(), 1e-9), 0.0)
    return groups


def _late(
    times: np.ndarray,
    predicted: np.ndarray,
    reference_times: np.ndarray,
    reference: np.ndarray,
    filter_s: float,
    plausible: tuple[float, float],
) -> tuple[float, float] | None:
    """Delay of the reference in seconds and the correlation there; None where none is plausible."""
    if not np.isfinite(reference).all() or len(reference_times) < 2:
        return None
    lags = np.arange(plausible[0] - _BEYOND_S, plausible[1] + _BEYOND_S, 1.0 / _RATE_HZ)
    start = max(times[0] - filter_s, reference_times[0] - lags[0])
    stop = min(times[-1] - filter_s, reference_times[-1] - lags[-1])
    if stop - start < _LEAST_OVERLAP_S:
        return None
    grid = np.arange(start, stop, 1.0 / _RATE_HZ)
    # The activity shows at t what the muscle did at t - filter_s.
    muscle = np.interp(grid + filter_s, times, predicted)
    scores = np.array(
        [_correlation(muscle, np.interp(grid + lag, reference_times, reference)) for lag in lags]
    )
    best = int(np.argmax(scores))
    if not 0 < best < len(lags) - 1 or scores[best] < _LEAST_CORRELATION:
        return None
    left, middle, right = scores[best - 1 : best + 2]
    bend = left - 2 * middle + right
    delay = float(lags[best] + (0.5 * (left - right) / bend if bend < 0 else 0.0) / _RATE_HZ)
    if not plausible[0] <= delay <= plausible[1]:
        return None
    return delay, float(middle)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0
