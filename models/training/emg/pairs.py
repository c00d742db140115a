"""Pairs of activity and coefficients on the frames of a network, from sessions of any kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from ....eifer_addon.errors import EiferError
from ....eifer_addon.evaluation.scores import effort_limits
from ....eifer_addon.signals.activity import Activity
from ....eifer_addon.spaces import ARKIT_NAMES, ExpressionSpace
from ....eifer_addon.track import ExpressionTrack
from ...synthetic.emg_sessions import EmgSession, own_normalisation
from .networks import MISSING

#: Delays that are tried for a network that sees one frame only, in s.
_LAGS_S = np.arange(0.0, 0.26, 0.01)
_RIDGE = 1e-2
#: Activity above this many full efforts is not to be learned from a face: a muscle that the
#: calibration hardly reached, as a masseter that nobody clenched, is scaled by its neighbours.
STRONGEST = 3.0
#: Frames that the delay is estimated from.
_MOST_FRAMES = 40_000
_SIDES = {".left": ".right", ".right": ".left", "Left": "Right", "Right": "Left"}


@dataclass(frozen=True)
class Pair:
    """One stretch of a session.

    Attributes
    ----------
    subject, session, movement : str
        What may lie on one side of a split only.
    activity : numpy.ndarray
        float32 (n_frames, n_muscles), `MISSING` where a muscle was not recorded.
    coefficients : numpy.ndarray
        float32 (n_frames, n_coefficients).
    known : numpy.ndarray
        bool (n_frames,): where both are known.
    own : tuple of numpy.ndarray, or None
        Factor and offset (n_muscles,) that give activity normalised without a calibration.
    """

    subject: str
    session: str
    movement: str
    activity: np.ndarray
    coefficients: np.ndarray
    known: np.ndarray
    own: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.activity)

    def late(self, frames: int) -> Pair:
        """The same with every coefficient `frames` earlier, so that a delay is taken out."""
        if not frames:
            return self
        n = len(self) - frames
        if n < 2:
            raise EiferError(
                f"The clip '{self.movement}' of {self.subject} is too short.", "Leave it out."
            )
        return replace(
            self, activity=self.activity[:n], coefficients=self.coefficients[frames:],
            known=self.known[:n] & self.known[frames:],
        )  # fmt: skip


def pair_of(
    activity: Activity,
    track: ExpressionTrack,
    muscles: Sequence[str],
    space: ExpressionSpace,
    rate_hz: float,
    names: tuple[str, str, str],
    *,
    own: tuple[np.ndarray, np.ndarray] | None = None,
) -> Pair:
    """Bring activity and track of one clock onto common frames.

    Parameters
    ----------
    activity : Activity
    track : ExpressionTrack
        In `space`.
    muscles : sequence of str
        Columns of the pair; those that `activity` lacks are `MISSING`.
    space : ExpressionSpace
    rate_hz : float
    names : tuple of str
        Subject, session and movement.
    own : optional
        As for `Pair`, in the activity's columns.

    Raises
    ------
    EiferError
        When the track is in another space, no muscle is known, or both share no second.
    """
    if track.space.name != space.name:
        raise EiferError(
            f"The track of {'/'.join(names)} is in the space {track.space.name}, but "
            f"{space.name} is to be learned.",
            f"Set data.space={track.space.name}, or retarget the track first.",
        )
    start = max(activity.start_s, float(track.timestamps[0]))
    stop = min(float(activity.timestamps[-1]), float(track.timestamps[-1]))
    n = int((stop - start) * rate_hz) + 1
    if n < rate_hz / 2:
        raise EiferError(
            f"EMG and expression of {'/'.join(names)} share only {max(stop - start, 0):.2f} s.",
            "Check their clocks, or leave the clip out.",
        )
    times = start + np.arange(n) / rate_hz
    values, factors = _muscles_at(times, activity, muscles, own, "/".join(names))
    seen = track.confidence > 0
    curves = CubicSpline(track.timestamps[seen], track.coefficients[seen])(times)
    known = np.interp(times, track.timestamps, seen.astype(np.float64)) > 0.99
    return Pair(
        *names, values, space.clip(curves).astype(np.float32), known,
        None if own is None else (factors[0].astype(np.float32), factors[1].astype(np.float32)),
    )  # fmt: skip


def _muscles_at(
    times: np.ndarray,
    activity: Activity,
    muscles: Sequence[str],
    own: tuple[np.ndarray, np.ndarray] | None,
    where: str,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Activity (n_frames, n_muscles) at `times`, and the factors of its own normalisation."""
    n = len(times)
    values = np.full((n, len(muscles)), MISSING, np.float32)
    factors = np.ones(len(muscles)), np.zeros(len(muscles))
    for k, muscle in enumerate(muscles):
        if muscle in activity.muscles:
            column = activity.muscles.index(muscle)
            values[:, k] = np.interp(times, activity.timestamps, activity.values[:, column])
            if own is not None:
                factors[0][k], factors[1][k] = own[0][column], own[1][column]
    if (values == MISSING).all():
        raise EiferError(
            f"{where} has none of the muscles that are to be learned.",
            "Map its channels, or choose another scheme.",
        )
    return values, factors


def pairs_of_session(
    session: EmgSession,
    preset: str,
    muscles: Sequence[str],
    space: ExpressionSpace,
    rate_hz: float,
) -> list[Pair]:
    """The pairs of one simulated session, one for each of its halves."""
    own = own_normalisation(session, preset)
    return [
        pair_of(
            part.activities[preset], part.track, muscles, space, rate_hz,
            (session.subject, session.scheme, name), own=own,
        )
        for name, part in session.parts.items()
    ]  # fmt: skip


def within_effort(pairs: Sequence[Pair]) -> list[Pair]:
    """Activity in parts of the strongest that a session shows, where that is beyond full effort.

    A muscle that the calibration hardly reached, as a masseter that nobody clenched, has too small
    a scale; what is to be told from faces must not be in units that differ between sessions.
    """
    limits = {
        key: effort_limits(np.concatenate([p.activity for p in pairs if _session(p) == key]))
        for key in {_session(pair) for pair in pairs}
    }
    return [
        replace(p, activity=np.where(
            p.activity > 0.5 * MISSING, p.activity / limits[_session(p)], p.activity
        ).astype(np.float32))
        for p in pairs
    ]  # fmt: skip


def _session(pair: Pair) -> tuple[str, str]:
    return pair.subject, pair.session


def mirror_order(names: Sequence[str]) -> list[int] | None:
    """Which name stands where in the mirror; None where the names have no sides."""
    order = []
    for name in names:
        ending = next((end for end in _SIDES if name.endswith(end)), None)
        other = name if ending is None else name.removesuffix(ending) + _SIDES[ending]
        order.append(names.index(other) if other in names else -1)
    is_mirror = -1 not in order and order != list(range(len(names)))
    return order if is_mirror else None


def sides_of(names: Sequence[str]) -> np.ndarray:
    """-1 for the right, 1 for the left, 0 for both or neither, (n,)."""
    lowered = [name.lower() for name in names]
    return np.array([n.endswith("left") - n.endswith("right") for n in lowered], np.int64)


def common_lag(pairs: Iterable[Pair], rate_hz: float) -> int:
    """By how many frames the coefficients lag behind the activity on the whole.

    The delay at which a linear map from activity to coefficients explains most.
    """
    listed = [pair for pair in pairs if len(pair) > 2 * _LAGS_S[-1] * rate_hz]
    if not listed:
        return 0
    step = max(1, sum(map(len, listed)) // _MOST_FRAMES)
    scores = []
    for lag in np.round(_LAGS_S * rate_hz).astype(int):
        shifted = [pair.late(int(lag)) for pair in listed]
        x = np.concatenate([np.maximum(p.activity, 0)[p.known][::step] for p in shifted])
        y = np.concatenate([p.coefficients[p.known][::step] for p in shifted])
        y = y - y.mean(axis=0)
        x = np.sqrt(x) - np.sqrt(x).mean(axis=0)
        square = x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1])
        weights = np.linalg.solve(square, x.T @ y)
        spread = np.maximum(y.std(axis=0), 0.02)
        scores.append(float((((y - x @ weights) / spread) ** 2).mean()))
    return round(_LAGS_S[int(np.argmin(scores))] * rate_hz)


def fingerprint(pairs: Sequence[Pair]) -> str:
    """sha256 of all numbers, for the card."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update("/".join((pair.subject, pair.session, pair.movement)).encode())
        digest.update(np.ascontiguousarray(pair.activity).tobytes())
        digest.update(np.ascontiguousarray(pair.coefficients).tobytes())
    return digest.hexdigest()


def is_arkit(names: Sequence[str]) -> bool:
    """Whether the coefficients are those of `arkit52`."""
    return tuple(names) == ARKIT_NAMES
