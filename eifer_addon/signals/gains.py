"""Expression gains: how one subject's muscles move that subject's face, from a few poses.

A coefficient is ``size * baseline + sum of gain * muscle``: the baseline model's answer, made
larger or smaller, and corrected muscle by muscle. Ridge regression draws the sizes to 1 and the
gains to 0, so that few poses change little and no pose changes nothing; how strongly it draws is
chosen by leaving one pose out at a time (A. E. Hoerl and R. W. Kennard, Technometrics 12, 1970;
M. Stone, J R Stat Soc B 36, 1974). In spaces without a baseline the size falls away.

Muscles of one side move coefficients of their own side only, and both sides together (their mean)
those of the middle: posed expressions are nearly symmetric, so the data cannot tell the sides
apart, and a half-paralysed face would be made symmetric. Gains are 0 or more unless antagonists
are admitted: a gain below 0 lets a muscle hold back what another one does, or takes cross-talk
out. The coefficients are clipped to their bounds at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import nnls

from ...models.cards import ModelCard
from ...models.emg2exp import default_model, emg_to_expression
from ...models.sessions import Model
from ..errors import EiferError
from ..spaces import ARKIT52, get_space
from ..track import ExpressionTrack
from ..version import software_version
from .activity import Activity
from .origin import RECIPE, opened_note, sealed
from .posed import PosedFrames

BASELINE, NOTHING = "baseline", "nothing"
#: How strongly ridge regression draws, in parts of the poses' mean squared activity; the last is
#: infinitely strong: the baseline as it is.
RIDGES: tuple[float, ...] = (*(float(f"{10.0**k:.3g}") for k in np.arange(-2.0, 2.01, 0.5)), np.inf)
_LEAST_POSES = 3
_SIDES = ("Left", "Right")
#: Smaller gains are not written.
_NEGLIGIBLE = 5e-4


@dataclass(frozen=True)
class ExpressionGains:
    """A subject's map from muscles to expression coefficients.

    Attributes
    ----------
    space : str
        The expression space.
    muscles : tuple of str
        Rows of `weights`.
    weights : numpy.ndarray
        float64 (n_muscles, n_coefficients), coefficient per full effort.
    size : numpy.ndarray
        float64 (n_coefficients,), factor on the baseline's answer; 0 where there is none.
    start : str
        ``"baseline"`` or ``"nothing"``: what the gains were drawn to.
    fit : mapping
        ``poses``, ``ridge``, ``origin``, and the RMS error of poses left out, with these gains
        (``error``) and without (``error_before``).
    """

    space: str
    muscles: tuple[str, ...]
    weights: np.ndarray
    size: np.ndarray
    start: str = BASELINE
    fit: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """What stands in a profile's JSON; gains and sizes that do nothing are left out."""
        names = get_space(self.space).coefficients
        neutral = 1.0 if self.start == BASELINE else 0.0
        rows = {
            name: {
                muscle: round(float(gain), 4)
                for muscle, gain in zip(self.muscles, column, strict=True)
                if abs(gain) >= _NEGLIGIBLE
            }
            for name, column in zip(names, self.weights.T, strict=True)
        }
        sizes = {
            name: round(float(size), 4)
            for name, size in zip(names, self.size, strict=True)
            if abs(size - neutral) >= _NEGLIGIBLE
        }
        return {
            "space": self.space, "start": self.start, "muscles": list(self.muscles),
            "size": sizes, "gains": {name: row for name, row in rows.items() if row},
            "fit": dict(self.fit),
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ExpressionGains:
        """Read what :meth:`as_document` gave.

        Raises
        ------
        EiferError
            For unknown names and values that are not numbers.
        """
        try:
            space, muscles = get_space(str(document["space"])), tuple(document["muscles"])
            start = str(document["start"])
            neutral = {BASELINE: 1.0, NOTHING: 0.0}[start]
            weights = np.zeros((len(muscles), len(space)))
            size = np.full(len(space), neutral)
            for name, row in document["gains"].items():
                for muscle, gain in row.items():
                    weights[muscles.index(muscle), space.coefficients.index(name)] = float(gain)
            for name, factor in document["size"].items():
                size[space.coefficients.index(name)] = float(factor)
            if not (np.isfinite(weights).all() and np.isfinite(size).all()):
                raise ValueError("a gain is not a number")
            return cls(space.name, muscles, weights, size, start, dict(document.get("fit", {})))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EiferError(
                "The profile's expression gains are damaged.", "Calibrate again."
            ) from error

    def as_model(self) -> Model:
        """A model of the kind ``emg2exp``, to be run and named like any other."""
        document = self.as_document()
        text = json.dumps(document, sort_keys=True).encode()
        outputs = get_space(self.space).coefficients
        inputs = default_model().card.inputs if self.start == BASELINE else self.muscles
        card = ModelCard(
            name="expression gains of the profile", kind="emg2exp", inputs=inputs, outputs=outputs,
            space=self.space, author=f"eifer {software_version()}",
            normalisation={"input": "activity", "rest": 0.0, "one": "the profile's full effort"},
            training_data=f"{len(self.fit.get('poses', ()))} posed expressions of the subject",
        )  # fmt: skip
        return GainsModel(
            card, hashlib.sha256(text).hexdigest(), "The profile's expression gains", "activity",
            (None, len(inputs)), np.dtype(np.float32), ("coefficients",), self,
        )  # fmt: skip


class GainsModel(Model):
    """A profile's gains behind the interface of a model."""

    def run_all(self, array: np.ndarray) -> dict[str, np.ndarray]:
        """Coefficients (n_frames, n_coefficients), not yet clipped, for activity in card order."""
        gains: ExpressionGains = self._session
        activity = np.maximum(self._check(array), 0.0)
        columns = [self.card.inputs.index(muscle) for muscle in gains.muscles]
        result = activity[:, columns] @ gains.weights
        if gains.start == BASELINE:
            result = result + default_model().run(activity) * gains.size
        return {self.output_names[0]: result.astype(np.float32)}

    def step(
        self, array: np.ndarray, states: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """One frame; nothing is remembered."""
        return self.run_all(array)[self.output_names[0]], dict(states)


def expression_by_gains(
    activity: Activity, gains: ExpressionGains, **options: Any
) -> ExpressionTrack:
    """An expression track by a profile's gains.

    Parameters
    ----------
    activity : Activity
    gains : ExpressionGains
    **options
        ``fill``, as for `models.emg2exp.emg_to_expression`.

    Returns
    -------
    ExpressionTrack
        Its provenance holds how the gains were fitted, and how well.
    """
    model = gains.as_model()
    track = emg_to_expression(activity, model, **options)
    notes: dict[str, Any] = {"expression_gains": {"start": gains.start, **gains.fit}}
    # Made again from the recording, the activity brings its profile's gains by itself.
    own = activity.source.get("gains") == gains.as_document()
    recipe = opened_note(activity.source.get(RECIPE), activity.values) if own else None
    if recipe is not None:
        recipe |= {
            "fill": options.get("fill", "rest"), "model": "", "model_sha256": model.sha256,
        }  # fmt: skip
        notes[RECIPE] = sealed(recipe, track.coefficients)
    return replace(track, provenance={**track.provenance, **notes})


def fit_gains(
    posed: PosedFrames, *, start: str | None = None, antagonists: bool | None = None
) -> ExpressionGains:
    """Fit a subject's gains to posed expressions.

    Parameters
    ----------
    posed : PosedFrames
        Activity and coefficients of the held poses, from `posed.frames_of_poses` or
        `posed.frames_of_track`.
    start : {"baseline", "nothing"}, optional
        What the gains are drawn to; by default the baseline in its own space ``arkit52``.
    antagonists : bool, optional
        True admits gains below 0; False only gains of 0 or more (non-negative least squares),
        the default in ``arkit52``, where it did better on the simulator. Bases such as FLAME's
        have coefficients of either sign and need True, their default.

    Returns
    -------
    ExpressionGains
        With the error of poses that were left out, beside that of what it started from. Where
        no gains do better than the start, they are all neutral.

    Raises
    ------
    EiferError
        For fewer than three poses with activity, or a start that the space does not have.
    """
    start = _start_of(posed.space, start)
    antagonists = posed.space != ARKIT52.name if antagonists is None else antagonists
    groups = np.array([name.split(" ")[0] for name in posed.names])
    poses = [name for name in dict.fromkeys(groups) if posed.targets[groups == name].any()]
    if len(poses) < _LEAST_POSES:
        raise EiferError(
            f"Expression gains need {_LEAST_POSES} different posed expressions; {len(poses)} "
            "were found.",
            "Give more poses whose names are those of the movements.",
        )
    design = _Design(posed, start, antagonists)
    errors = {ridge: design.left_out_error(groups, poses, ridge) for ridge in RIDGES}
    ridge = min(errors, key=lambda key: errors[key])
    size, weights = design.solve(np.ones(len(groups), bool), ridge)
    return ExpressionGains(
        posed.space, posed.muscles, weights, size, start,
        {
            "poses": poses, "origin": posed.origin, "antagonists": antagonists,
            "ridge": ridge if np.isfinite(ridge) else "infinite",
            "error": round(errors[ridge], 4), "error_before": round(errors[np.inf], 4),
        },
    )  # fmt: skip


def _start_of(space: str, start: str | None) -> str:
    own = BASELINE if space == ARKIT52.name else NOTHING
    chosen = start or own
    if chosen not in (BASELINE, NOTHING):
        raise EiferError(f"Gains cannot start from '{chosen}'.", "Use 'baseline' or 'nothing'.")
    if chosen == BASELINE and own == NOTHING:
        raise EiferError(
            f"The baseline does not speak the space '{space}'.", "Let the gains start from nothing."
        )
    return chosen


class _Design:
    """The regression: one small ridge problem per coefficient, with the muscles it may have."""

    def __init__(self, posed: PosedFrames, start: str, antagonists: bool) -> None:
        self.names = get_space(posed.space).coefficients
        self.activity = np.asarray(posed.activity, np.float64)
        self.targets = np.asarray(posed.targets, np.float64)
        self.row_weights = np.asarray(posed.weights, np.float64)
        self.antagonists = antagonists
        self.before = np.zeros_like(self.targets)
        if start == BASELINE:
            self.before = np.asarray(_baseline_of(self.activity, posed.muscles), np.float64)
        self.has_size = start == BASELINE
        self.features = [self._features(name, posed.muscles) for name in self.names]
        power = float(np.average((self.activity**2).mean(axis=1), weights=self.row_weights))
        self.unit = max(power, float(np.finfo(np.float32).tiny))

    def _features(self, name: str, muscles: Sequence[str]) -> np.ndarray:
        """(n_muscles, n_features): which muscles a coefficient may have, and in which shares."""
        side = next((s.lower() for s in _SIDES if name.endswith(s)), None)
        if side is not None:
            keep = [k for k, muscle in enumerate(muscles) if not muscle.endswith(_other(side))]
            return np.eye(len(muscles))[:, keep]
        if self.names != ARKIT52.coefficients:
            return np.eye(len(muscles))
        groups = list(dict.fromkeys(muscle.partition(".")[0] for muscle in muscles))
        shares = np.zeros((len(muscles), len(groups)))
        for k, muscle in enumerate(muscles):
            shares[k, groups.index(muscle.partition(".")[0])] = 0.5 if "." in muscle else 1.0
        return shares

    def solve(self, rows: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
        """Sizes (n_coefficients,) and weights (n_muscles, n_coefficients) from some rows."""
        size = np.full(len(self.names), 1.0 if self.has_size else 0.0)
        weights = np.zeros((self.activity.shape[1], len(self.names)))
        if not np.isfinite(ridge):
            return size, weights
        scale = np.sqrt(self.row_weights[rows] / self.row_weights[rows].sum())[:, None]
        activity = self.activity[rows] * scale
        before, missing = self.before[rows], (self.targets - self.before)[rows]
        for k, shares in enumerate(self.features):
            design = activity @ shares
            if self.has_size:
                design = np.hstack([design, before[:, k : k + 1] * scale])
            found = self._ridge(design, missing[:, k] * scale[:, 0], ridge * self.unit)
            weights[:, k] = shares @ found[: shares.shape[1]]
            size[k] += found[-1] if self.has_size else 0.0
        return size, weights

    def _ridge(self, design: np.ndarray, wanted: np.ndarray, strength: float) -> np.ndarray:
        if not design.shape[1]:  # no muscle of that side; SciPy's solver would abort the process
            return np.zeros(0)
        if self.antagonists:
            square = design.T @ design + strength * np.eye(design.shape[1])
            return np.asarray(np.linalg.solve(square, design.T @ wanted))
        # The size may shrink though no gain may: its column enters with both signs.
        signed = np.hstack([design, -design[:, -1:]]) if self.has_size else design
        # As many rows as unknowns are enough: the same problem by its Cholesky factor.
        factor = np.linalg.cholesky(signed.T @ signed + strength * np.eye(signed.shape[1]))
        found = nnls(factor.T, np.linalg.solve(factor, signed.T @ wanted))[0]
        if not self.has_size:
            return np.asarray(found)
        return np.append(found[:-2], found[-2] - found[-1])

    def left_out_error(self, groups: np.ndarray, poses: Sequence[str], ridge: float) -> float:
        """RMS error over the poses, each predicted from the others."""
        squares = []
        for pose in poses:
            out = groups == pose
            size, weights = self.solve(~out, ridge)
            answer = self.before[out] * size + self.activity[out] @ weights
            answer = _clipped(self.names, answer)
            error = ((answer - self.targets[out]) ** 2).mean(axis=1)
            squares.append(np.average(error, weights=self.row_weights[out]))
        return float(np.sqrt(np.mean(squares)))


def _clipped(names: Sequence[str], values: np.ndarray) -> np.ndarray:
    """ARKit's coefficients limited to 0 to 1; others have no common bounds."""
    return np.clip(values, 0.0, 1.0) if tuple(names) == ARKIT52.coefficients else values


def _other(side: str) -> str:
    return ".right" if side == "left" else ".left"


def _baseline_of(activity: np.ndarray, muscles: Sequence[str]) -> np.ndarray:
    inputs = default_model().card.inputs
    lacking = [muscle for muscle in muscles if muscle not in inputs]
    if lacking:
        raise EiferError(
            f"The baseline does not know the muscle '{lacking[0]}'.",
            "Let the gains start from nothing.",
        )
    values = np.zeros((len(activity), len(inputs)), np.float32)
    values[:, [inputs.index(muscle) for muscle in muscles]] = activity
    return default_model().run(values)
