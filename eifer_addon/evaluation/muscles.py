"""The sections of EMG2Exp and Exp2EMG: simulated people, posed emotions, and six real people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...models.choosing import open_model
from ...models.synthetic.emg_sessions import EMOTIONS, EmgSession, sessions
from ...models.synthetic.subject import draw_subject
from .. import api
from ..errors import EiferError
from ..files import cache_folder
from ..progress import OnProgress
from . import emg
from .driven import is_driven
from .emotion_sheet import emotion_sheet
from .sections import Row, Section

#: Which subjects and skins are never used in training: those of every seed but this.
TRAINED_SEED = 1
#: What a model of single frames is given: the face is late by so much, in s.
_LATE_S = 0.07
_BEFORE_S, _AFTER_S = (-2.0, 0.0), (0.5, 4.0)
#: Resamples of people for an interval.
_RESAMPLES = 10_000
_FMOV = (
    ("smile", "mouthSmile", "happy", "angry"),
    ("brow down", "browDown", "angry", "happy"),
)


def unseen(seed: int, scheme: str, quick: bool, on_progress: OnProgress) -> list[EmgSession]:
    """Sessions of people that no default model saw; made once and kept in the cache."""
    if seed == TRAINED_SEED:
        raise EiferError(
            f"The default models were trained on simulated people of seed {seed}.",
            "Choose another --seed.",
        )
    return list(sessions(
        cache_folder() / "emg_sessions", scheme, range(1 if quick else 10), seed,
        on_progress=lambda share: on_progress(round(100 * share), 100),
    ))  # fmt: skip


def links(*, seed: int, quick: bool, models: Mapping[str, str], on_progress: OnProgress) -> Section:
    """EMG2Exp against ridge and baseline, and Exp2EMG, by coefficient and by muscle."""
    rows: list[Row] = []
    for scheme in ("fridlund",) if quick else ("fridlund", "kuramoto"):
        people = unseen(seed, scheme, quick, on_progress)
        name = models.get("emg2exp") or f"emg2exp_{scheme}"
        found = {
            name: emg.score(people, emg.model_method(name)),
            "ridge": emg.score(people, emg.ridge),
            "baseline": emg.score(people, emg.baseline),
        }
        causal = f"emg2exp_{scheme}_causal"
        if not models.get("emg2exp"):
            found[causal] = emg.score(people, emg.model_method(causal), preset="live", lag=False)
        n = f"{len(people)} people"
        recorded = people[0].parts[EMOTIONS].activities["clinical"].muscles
        rows += _link_rows(scheme, name, found, recorded, n, seed)
        rows += _muscle_rows(scheme, models.get("exp2emg") or f"exp2emg_{scheme}", people, n, seed)
    return Section("Muscles to expression, and back", rows, [
        "R² over all people, ρ (Spearman) the median over people; scored on what follows a "
        "calibration by rest and the eleven movements.",
        "Driven are expressions of which at least a third is made by muscles under electrodes, by "
        "the simulator's table of muscles.",
        "The ridge was fitted to each person's own true face, which no model sees.",
        "All of it is simulated; numbers on made-up people are not numbers on people.",
    ])  # fmt: skip


def _link_rows(
    scheme: str,
    name: str,
    found: Mapping[str, emg.Scores],
    recorded: Sequence[str],
    n: str,
    seed: int,
) -> list[Row]:
    rows = []
    driven = [one for one in found[name].explained if is_driven(one, recorded)]
    for method, scores in found.items():
        r2, rho = scores.mean()
        rows.append(Row(f"{scheme}, {method}: mean R²", r2, n, seed, least=True))
        rows.append(Row(f"{scheme}, {method}: mean ρ", rho, n, seed, least=True))
    better = 0
    for one, value in found[name].explained.items():
        others = {k: found[k].explained[one] for k in ("ridge", "baseline")}
        best = float(np.nanmax([*others.values(), -np.inf]))
        note = ", ".join(f"{k} {v:.2f}" for k, v in others.items())
        note += f"; ρ {found[name].correlation[one]:.2f}"
        # A target only where the recorded muscles drive the expression at all.
        is_target = one in driven
        better += is_target and value > best
        target = best if is_target else None
        rows.append(Row(f"{scheme}, {name}: R² of {one}", value, n, seed, target, True, note))
    rows.append(
        Row(f"{scheme}: driven coefficients better than both", better / len(driven), n, seed, 1.0,
            True, f"{better} of {len(driven)}")
    )  # fmt: skip
    return rows


def _muscle_rows(scheme: str, model: str, people: list[EmgSession], n: str, seed: int) -> list[Row]:
    found = emg.score_muscles(people, open_model(model, "exp2emg"), true_delays(people))
    rows = []
    for name, rho in found.correlation.items():
        onset = found.onset_ms.get(name, float("nan"))
        note = (
            f"MSE {found.mse[name]:.4f}, RMS {found.rms[name]:.3f}, SMAPE {found.smape[name]:.0f} "
            f"%, onset error {onset:.0f} ms"
        )
        rows.append(Row(f"{scheme}, {model}: ρ of {name}", rho, n, seed, least=True, note=note))
    # The delay that a model expects is told from the others, so one person alone says nothing.
    known = found.delay_ms if len(people) > 1 else (float("nan"), float("nan"))
    note = "" if len(people) > 1 else "needs more than one person"
    for words, value in zip(("median", "largest"), known, strict=True):
        rows.append(Row(f"{scheme}: delay error, {words}, ms", value, n, seed, 10.0, note=note))
    return rows


def true_delays(people: list[EmgSession]) -> dict[str, float]:
    """The simulated electro-mechanical delay by subject, in s, the median of measured muscles."""
    found = {}
    for session in people:
        subject = draw_subject(*(int(part) for part in session.subject.split("-")))
        there = set(session.parts[EMOTIONS].activities["clinical"].muscles)
        keep = [k for k, name in enumerate(subject.muscles) if name in there]
        found[session.subject] = float(np.median(subject.delay_s[keep]))
    return found


def emotions(
    *, seed: int, quick: bool, models: Mapping[str, str], on_progress: OnProgress
) -> Section:
    """Posed emotions of unseen people from their muscles, checked and rendered."""
    people = unseen(seed, "fridlund", quick, on_progress)
    name = models.get("emg2exp") or "emg2exp_fridlund"
    method = emg.model_method(name)
    found = emg.posed_emotions(people, method, lag=_LATE_S)
    rows = [
        Row(f"{emotion}: {base}", found[emotion][base][0], f"{len(people)} people", seed, least,
            True, f"true face {found[emotion][base][1]:.2f}")
        for emotion, wanted in emg.SHOWN.items() if emotion in found for base, least in wanted
    ]  # fmt: skip
    sheet = emotion_sheet(people[0], method, seed, _LATE_S)
    return Section("Posed emotions", rows, [
        f"{name}; the mean of both sides over the held half of each pose.",
        "The picture is of the first person, each pose where the true face shows it most plainly: "
        "the true face above, the face told from the muscles below.",
    ], {"emotions.png": sheet})  # fmt: skip


def real(data: Path, *, quick: bool, models: Mapping[str, str], on_progress: OnProgress) -> Section:
    """FMOV: happy against angry faces in real people, effect sizes of the models side by side."""
    folder = data / "emg" / "nilsonne_FMOV_CC0"
    files = sorted(folder.glob("*_FMOV_preprocessed.txt"))[: 2 if quick else None]
    if len(files) < 2:
        raise EiferError(
            f"{folder} holds fewer than two FMOV recordings (*_FMOV_preprocessed.txt).",
            "Name the folder of the shared data, or leave 'real' out.",
        )
    named = models.get("emg2exp")
    tried = [named] if named else ["emg2exp_fridlund", "emg2exp_fridlund_causal"]
    people: dict[str, list[dict[str, float]]] = {}
    for k, model in enumerate(["baseline", *tried]):
        people[model] = [person_effects(path, model) for path in files]
        on_progress(k + 1, 1 + len(tried))
    n = f"{len(files)} people"
    rows = [_effect_row(key, model, people, n) for key, *_ in _FMOV for model in people]
    return Section("Real people (FMOV)", rows, [
        "The target is the baseline's effect size. The interval is of the difference to it, over "
        f"{_RESAMPLES} resamples of the same people."
    ])  # fmt: skip


def _effect_row(
    key: str, model: str, people: Mapping[str, Sequence[Mapping[str, float]]], n: str
) -> Row:
    """The effect size of one model, and how it differs from the baseline's."""
    own, of_baseline = (np.array([p[key] for p in people[m]]) for m in (model, "baseline"))
    name, d = f"{model}: {key}, d", effect_size(own)
    if model == "baseline":
        return Row(name, d, n, None, None, True, "the reference")
    reference = effect_size(of_baseline)
    low, high = difference_interval(own, of_baseline)
    note = f"baseline {reference:.2f}; difference {d - reference:+.2f} ({low:+.2f} to {high:+.2f})"
    return Row(name, d, n, None, reference, True, note)


def difference_interval(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """95 % interval of the difference of two effect sizes of the same people, by resampling."""
    drawn = np.random.default_rng(0).integers(0, len(first), (_RESAMPLES, len(first)))
    # Where one person was drawn throughout there is no spread, and no effect size.
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = [v[drawn].mean(axis=1) / v[drawn].std(axis=1, ddof=1) for v in (first, second)]
        difference = sizes[0] - sizes[1]
    low, high = np.percentile(difference[np.isfinite(difference)], [2.5, 97.5])
    return float(low), float(high)


def person_effects(path: Path, model: str) -> dict[str, float]:
    """Response to the faces that should raise a coefficient less that to the others."""
    recording = api.read_recording(path)
    track = api.emg_to_expression(api.to_activity(recording), model=model)
    found = {}
    for key, coefficient, more, less in _FMOV:
        sides = [track.column(coefficient + side) for side in ("Left", "Right")]
        curve, times = np.mean(sides, axis=0), track.timestamps
        change = {
            face: np.mean([
                _mean(curve, times, e.onset_s, _AFTER_S) - _mean(curve, times, e.onset_s, _BEFORE_S)
                for e in recording.events if e.name == face
            ]) for face in (more, less)
        }  # fmt: skip
        found[key] = float(change[more] - change[less])
    return found


def _mean(curve: np.ndarray, times: np.ndarray, onset: float, window: tuple[float, float]) -> float:
    inside = (times >= onset + window[0]) & (times < onset + window[1])
    return float(curve[inside].mean())


def effect_size(people: np.ndarray) -> float:
    """Cohen's d of paired values: their mean over their standard deviation; NaN without spread."""
    spread = float(np.std(people, ddof=1))
    return float(np.mean(people)) / spread if spread > 0 else float("nan")
