"""How well EMG2Exp and Exp2EMG do on simulated subjects that they never saw.

Each subject is calibrated as a user would be, by rest and the eleven movements; what is scored are
the posed emotions and the free mimicry that follow. Beside the models stand the baseline map and
the linear ridge of the calibration profile (`signals.gains`), which is fitted to the true face of
each subject during the calibration and so knows more of the subject than any model does.

Methods that know no delay are given one: that at which each explains most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...models.choosing import open_model
from ...models.emg2exp import emg_to_expression, predict
from ...models.exp2emg import predict_muscles
from ...models.sessions import Model
from ...models.synthetic.emg_sessions import EMOTIONS, MOVEMENTS, EmgSession
from ..signals.activity import Activity
from ..signals.gains import expression_by_gains, fit_gains
from ..signals.posed import default_poses, frames_of_poses, frames_of_track
from ..spaces import ARKIT_NAMES
from .scores import (
    effort_limits,
    explained,
    lag_s,
    mean_square,
    median_known,
    onset_s,
    smape,
    spearman,
)

#: A method: coefficients (n_frames, 52) for a session's activity.
Method = Callable[[EmgSession, Activity], np.ndarray]
#: Coefficients whose standard deviation over the test is below this do not count as driven.
LEAST_MOTION = 0.02
#: What no electrode of either scheme sees: gaze, and jaw and tongue beyond the muscles' reach.
NOT_DRIVEN = (
    "eyeLook",
    "tongueOut",
    "jawLeft",
    "jawRight",
    "jawForward",
    "mouthLeft",
    "mouthRight",
)
_LAGS_S = np.arange(0.0, 0.2, 0.01)


@dataclass(frozen=True)
class Scores:
    """One method's scores.

    Attributes
    ----------
    lag_s : float
        By how much the face was taken to be late; 0 for methods that know it.
    explained : mapping of str to float
        R² by coefficient over all subjects.
    correlation : mapping of str to float
        Spearman's ρ by coefficient, the median over subjects.
    """

    lag_s: float
    explained: Mapping[str, float]
    correlation: Mapping[str, float]

    def mean(self, kept: Collection[str] | None = None) -> tuple[float, float]:
        """Mean R² and ρ over the coefficients, or over some of them."""
        names = [name for name in self.explained if kept is None or name in kept]
        both = ([self.explained[n] for n in names], [self.correlation[n] for n in names])
        return float(np.nanmean(both[0])), float(np.nanmean(both[1]))


def model_method(model: Model | str) -> Method:
    """A model by name or itself."""
    chosen = open_model(model, "emg2exp") if isinstance(model, str) else model

    def method(_session: EmgSession, activity: Activity) -> np.ndarray:
        return predict(activity, chosen).coefficients

    return method


def baseline(_session: EmgSession, activity: Activity) -> np.ndarray:
    """The baseline map of the muscle table."""
    return emg_to_expression(activity).coefficients


def ridge(session: EmgSession, activity: Activity) -> np.ndarray:
    """The profile's gains, fitted to the subject's true face during the calibration."""
    return _by_gains(session, activity, instructed=False)


def instructed_ridge(session: EmgSession, activity: Activity) -> np.ndarray:
    """The profile's gains, fitted to what the eleven movements are instructed to look like."""
    return _by_gains(session, activity, instructed=True)


def _by_gains(session: EmgSession, activity: Activity, *, instructed: bool) -> np.ndarray:
    part = session.parts[MOVEMENTS]
    calibrating = part.activities["clinical"]
    windows = dict(session.profiles["clinical"].movements)
    if instructed:
        frames = frames_of_poses(calibrating, windows, default_poses())
    else:
        frames = frames_of_track(calibrating, windows, part.track)
    return expression_by_gains(activity, fit_gains(frames)).coefficients


def without(method: Method, kept: Sequence[str]) -> Method:
    """The method with only these muscles (without side) recorded."""

    def method_of_few(session: EmgSession, activity: Activity) -> np.ndarray:
        return method(session, few(activity, kept))

    return method_of_few


def few(activity: Activity, kept: Sequence[str]) -> Activity:
    """An activity with the channels of some muscles only."""
    from dataclasses import replace

    columns = [k for k, name in enumerate(activity.muscles) if name.partition(".")[0] in kept]
    pick = {
        name: getattr(activity, name)[columns] for name in ("baseline", "scale")
    }  # fmt: skip
    return replace(
        activity, values=activity.values[:, columns], unclamped=None,
        muscles=tuple(activity.muscles[k] for k in columns),
        channels=tuple(activity.channels[k] for k in columns), **pick,
    )  # fmt: skip


def score(
    sessions: Sequence[EmgSession], method: Method, *, preset: str = "clinical", lag: bool = True
) -> Scores:
    """Score a method on what followed the calibration.

    Parameters
    ----------
    sessions : sequence of EmgSession
    method : callable
    preset : str
        Which filters its activity went through.
    lag : bool
        Whether the method knows no delay, so that the best one is given to it.
    """
    found = []
    for session in sessions:
        part = session.parts[EMOTIONS]
        activity = part.activities[preset]
        found.append((activity.timestamps, method(session, activity), part.track))
    lags = _LAGS_S if lag else np.zeros(1)
    truth = np.concatenate([track.coefficients for _, _, track in found]).astype(np.float64)
    driven = driven_columns(truth)
    best, at = -np.inf, 0.0
    for seconds in lags:
        made = np.concatenate([_at(t, v, track.timestamps - seconds) for t, v, track in found])
        mean = float(np.nanmean(np.maximum(explained(truth, made)[driven], -1.0)))
        if mean > best:
            best, at = mean, float(seconds)
    parts = [(track.coefficients, _at(t, v, track.timestamps - at)) for t, v, track in found]
    whole = explained(truth, np.concatenate([made for _, made in parts]))
    ranks = median_known([spearman(true, made) for true, made in parts])
    names = [ARKIT_NAMES[k] for k in driven]
    return Scores(
        at, {n: float(whole[k]) for n, k in zip(names, driven, strict=True)},
        {n: float(ranks[k]) for n, k in zip(names, driven, strict=True)},
    )  # fmt: skip


def driven_columns(truth: np.ndarray) -> list[int]:
    """Columns of `arkit52` that move in the truth and that muscles under electrodes can drive."""
    moving = truth.std(axis=0) >= LEAST_MOTION
    return [
        k for k, name in enumerate(ARKIT_NAMES) if moving[k] and not name.startswith(NOT_DRIVEN)
    ]


def _at(times: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(wanted, times, column) for column in values.T], axis=1)


#: What posed emotions have to show, by coefficient (the mean of both sides): at least so much, or
#: more than another.
SHOWN: Mapping[str, tuple[tuple[str, float], ...]] = {
    "happy": (("mouthSmile", 0.25), ("cheekSquint", 0.08)),
    "angry": (("browDown", 0.25), ("mouthPress", 0.05)),
    "surprised": (("browInnerUp", 0.25), ("browOuterUp", 0.2), ("jawOpen", 0.08)),
    "disgusted": (("noseSneer", 0.25),),
    "sad": (("mouthFrown", 0.12), ("browInnerUp", 0.1)),
    "fearful": (("browInnerUp", 0.2), ("browDown", 0.05)),
}


def posed_emotions(
    sessions: Sequence[EmgSession], method: Method, *, preset: str = "clinical", lag: float = 0.0
) -> dict[str, dict[str, tuple[float, float]]]:
    """What the avatar and the true face show while an emotion is held.

    Returns
    -------
    dict of str to dict
        By emotion and coefficient (without side): mean of the method and of the truth over all
        subjects, at the strongest half of each pose.
    """
    sums: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in SHOWN}
    for session in sessions:
        part = session.parts[EMOTIONS]
        activity = part.activities[preset]
        track = part.track
        made = _at(activity.timestamps, method(session, activity), track.timestamps - lag)
        for onset, name, duration in activity.events:
            inside = (track.timestamps >= onset) & (track.timestamps < onset + duration)
            if name in sums and inside.any():
                strength = track.coefficients[inside].sum(axis=1)
                held = strength >= np.median(strength)
                true = track.coefficients[inside][held].mean(axis=0)
                sums[name].append((made[inside][held].mean(axis=0), true))
    return {
        name: {
            base: (
                _of_both(np.mean([m for m, _ in poses], axis=0), base),
                _of_both(np.mean([t for _, t in poses], axis=0), base),
            )
            for base, _ in SHOWN[name]
        }
        for name, poses in sums.items()
        if poses
    }


def _of_both(values: np.ndarray, base: str) -> float:
    columns = [
        k for k, name in enumerate(ARKIT_NAMES)
        if name.removesuffix("Left").removesuffix("Right") == base
    ]  # fmt: skip
    return float(values[columns].mean())


@dataclass(frozen=True)
class MuscleScores:
    """How well activity is told from the face, by muscle; see `scores` for the units.

    Attributes
    ----------
    mse, rms, smape, correlation : mapping of str to float
        By muscle over all subjects; ρ is the median over subjects.
    onset_ms : mapping of str to float
        Median error of the onset of a muscle in a pose.
    delay_ms : tuple of float
        Median and largest error of a subject's electro-mechanical delay, told from the offset
        between measured and estimated activity.
    """

    mse: Mapping[str, float]
    rms: Mapping[str, float]
    smape: Mapping[str, float]
    correlation: Mapping[str, float]
    onset_ms: Mapping[str, float]
    delay_ms: tuple[float, float] = (float("nan"), float("nan"))
    delays: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def score_muscles(
    sessions: Sequence[EmgSession], model: Model, true_delays: Mapping[str, float] | None = None
) -> MuscleScores:
    """Score an Exp2EMG model on what followed the calibration.

    Where a muscle's 99th percentile in the session is beyond full effort, measured activity is in
    parts of that: the eleven movements do not reach every muscle.

    Parameters
    ----------
    sessions : sequence of EmgSession
    model : Model
    true_delays : mapping of str to float, optional
        The simulated electro-mechanical delay by subject, in s.
    """
    wanted, made, ranks = [], [], []
    onsets: dict[str, list[float]] = {}
    shifts: dict[str, float] = {}
    for session in sessions:
        part = session.parts[EMOTIONS]
        measured = part.activities["clinical"]
        found = predict_muscles(part.track, model)
        columns = [measured.muscles.index(name) for name in model.card.outputs]
        whole = [p.activities["clinical"].values[:, columns] for p in session.parts.values()]
        levels = measured.values[:, columns] / effort_limits(np.concatenate(whole))
        true = _at(measured.timestamps, levels, found.times)
        wanted.append(true)
        made.append(found.activity.astype(np.float64))
        ranks.append(spearman(true, made[-1]))
        _add_onsets(onsets, model.card.outputs, measured, found.times, true, made[-1])
        shifts[session.subject] = _shift(true, made[-1], _rate(found.times))
    true, estimated = np.concatenate(wanted), np.concatenate(made)
    square = mean_square(true, estimated)
    names = model.card.outputs
    return MuscleScores(
        _named(names, square), _named(names, np.sqrt(square)),
        _named(names, smape(true, estimated)),
        _named(names, median_known(ranks)),
        {name: float(np.median(np.abs(values))) for name, values in onsets.items()},
        *_delays(shifts, true_delays),
    )  # fmt: skip


def _rate(times: np.ndarray) -> float:
    return float((len(times) - 1) / (times[-1] - times[0]))


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _add_onsets(
    onsets: dict[str, list[float]],
    names: Sequence[str],
    measured: Activity,
    times: np.ndarray,
    true: np.ndarray,
    made: np.ndarray,
) -> None:
    for start, _, duration in measured.events:
        inside = (times >= start) & (times < start + duration)
        if duration > 8.0 or not inside.any():  # a pose has one onset, free mimicry has many
            continue
        for k, name in enumerate(names):
            first = onset_s(times[inside], true[inside, k])
            second = onset_s(times[inside], made[inside, k], least=0.1)
            if np.isfinite(first) and np.isfinite(second):
                onsets.setdefault(name, []).append(1000.0 * (second - first))


def _shift(true: np.ndarray, made: np.ndarray, rate_hz: float) -> float:
    """By how much the estimate is later than the measurement: the median over muscles that act."""
    found = [
        lag_s(true[:, k], made[:, k], rate_hz) for k in range(true.shape[1])
        if true[:, k].std() > 0.05 and spearman(true[:, k : k + 1], made[:, k : k + 1])[0] > 0.4
    ]  # fmt: skip
    return float(np.nanmedian(found)) if found else float("nan")


def _delays(
    shifts: Mapping[str, float], true: Mapping[str, float] | None
) -> tuple[tuple[float, float], dict[str, tuple[float, float]]]:
    """Error of the delay in ms (median, largest), and both delays by subject.

    The model expects the delay of its training subjects, and an estimate that is too late by so
    much means that this subject's delay is longer by as much. What it expects is taken from the
    other subjects, so that no subject tells anything about itself.
    """
    if not true:
        return (float("nan"), float("nan")), {}
    both = {}
    for subject, shift in shifts.items():
        others = [true[s] - shifts[s] for s in shifts if s != subject]
        expected = float(np.nanmedian(others)) if others else 0.0
        both[subject] = (1000.0 * true[subject], 1000.0 * (expected + shift))
    errors = np.abs([found - wanted for wanted, found in both.values()])
    return (float(np.nanmedian(errors)), float(np.nanmax(errors))), both
