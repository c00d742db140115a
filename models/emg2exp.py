"""From muscle activity to an expression track, with any model of the kind ``emg2exp``."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..eifer_addon.errors import EiferError
from ..eifer_addon.seals import RECIPE, opened_note, sealed
from ..eifer_addon.signals.activity import Activity
from ..eifer_addon.spaces import ExpressionSpace, get_space
from ..eifer_addon.track import ExpressionTrack
from ..eifer_addon.version import software_version
from .choosing import BASELINE, is_named, open_model
from .emg_schemes import scheme_of, scheme_of_channels
from .sequences import looks_ahead, run_frames
from .sessions import WEIGHTS, Model, load_model

_OTHER_SIDE = {"left": "right", "right": "left"}
#: 0 would mark a gap.
_LEAST_CONFIDENCE = 0.01


@functools.cache
def default_model() -> Model:
    """The model that is used when none is named: the baseline of the muscle table."""
    return load_model(WEIGHTS / "emg2exp_baseline.onnx", kind="emg2exp")


def emg_to_expression(
    activity: Activity,
    model: Model | str | Path | None = None,
    *,
    fill: str = "rest",
) -> ExpressionTrack:
    """Turn muscle activity into expression coefficients.

    Models may work frame by frame, on a window of frames, or carry a state along. One that was
    made for another frame rate or for causally filtered activity gets what it was made for.

    Parameters
    ----------
    activity : Activity
        Normalised activity (n_frames, n_muscles).
    model : Model, str or path-like, optional
        A model of the kind ``emg2exp``, by its name (``"emg2exp_fridlund"``) or file; the
        baseline when None.
    fill : {"rest", "mirror"}
        What a muscle does that was not recorded: it rests (a trained model is told that it was not
        recorded), or it copies the same muscle of the other side where that was recorded. Copying
        invents symmetry; the track says so.

    Returns
    -------
    ExpressionTrack
        In the space of the model's card, with the activity's timestamps, and the muscles that
        were missing or mirrored in its provenance. Where the model tells how sure it is, the
        confidence is the share of a usual movement's variance in what is expected of movement and
        error together, and the provenance sums the error up; else it is 1.

    Raises
    ------
    EiferError
        When no muscle of the activity is known to the model, it was trained on another electrode
        scheme, or a value is not a number.
    """
    chosen = model if isinstance(model, Model) else _load(model)
    check_scheme(scheme_of(activity), chosen)
    prediction = predict(activity, chosen, fill=fill)
    return ExpressionTrack(
        get_space(chosen.card.space),
        prediction.coefficients,
        activity.timestamps,
        prediction.confidence,
        provenance=_provenance(activity, chosen, prediction.notes)
        | prediction.summary()
        | _recipe(activity, chosen, prediction.coefficients, fill, model),
    )


@dataclass(frozen=True)
class Prediction:
    """What a model says about every frame.

    Attributes
    ----------
    space : ExpressionSpace
    coefficients : numpy.ndarray
        float32 (n_frames, n_coefficients), within the bounds of the space.
    spread : numpy.ndarray or None
        float32 (n_frames, n_coefficients): the expected error, one standard deviation.
    moving : numpy.ndarray
        bool (n_coefficients,): those that moved in the model's training.
    typical : float
        Usual size of a movement, RMS over those coefficients.
    notes : dict of str to list
        As for :func:`input_columns`.
    """

    space: ExpressionSpace
    coefficients: np.ndarray
    spread: np.ndarray | None
    moving: np.ndarray
    typical: float
    notes: Mapping[str, list[str]]

    @property
    def confidence(self) -> np.ndarray:
        """float32 (n_frames,): 1 where no error is expected, 0.5 where it is as large as usual."""
        if self.spread is None or not self.typical:
            return np.ones(len(self.coefficients), np.float32)
        error = (self.spread[:, self.moving].astype(np.float64) ** 2).mean(axis=1)
        found = self.typical**2 / (self.typical**2 + error)
        return np.maximum(found, _LEAST_CONFIDENCE).astype(np.float32)

    def summary(self) -> dict[str, Any]:
        """The expected error in a few numbers, for the provenance."""
        if self.spread is None or not len(self.spread):
            return {}
        names = np.array(self.space.coefficients)[self.moving]
        mean = self.spread[:, self.moving].mean(axis=0)
        return {
            "expected_error": round(float(np.sqrt((mean**2).mean())), 4) if len(mean) else 0.0,
            "expected_errors": {
                str(n): round(float(e), 4) for n, e in zip(names, mean, strict=True)
            },
            "mean_confidence": round(float(self.confidence.mean()), 3),
        }  # fmt: skip


def predict(activity: Activity, model: Model, *, fill: str = "rest") -> Prediction:
    """Coefficients with the error that is expected of each, frame by frame.

    Parameters
    ----------
    activity, model, fill
        As for :func:`emg_to_expression`.
    """
    inputs, notes = _inputs(activity, model, fill)
    space = get_space(model.card.space)
    answers, spread = run_frames(model, inputs, activity.rate_hz, activity.delay_ms)
    told = model.card.normalisation.get("moving")
    moving = np.array([told is None or name in told for name in space.coefficients])
    return Prediction(
        space, space.clip(answers).astype(np.float32, copy=False), spread, moving,
        float(model.card.normalisation.get("typical", 0.0)), notes,
    )  # fmt: skip


def check_scheme(scheme: str, model: Model) -> None:
    """Refuse a model that was trained on other electrodes than were used.

    Parameters
    ----------
    scheme : str
        What is known of the electrodes; empty where nothing is.
    model : Model

    Raises
    ------
    EiferError
        When both schemes are known and differ.
    """
    trained = str(model.card.normalisation.get("scheme", ""))
    if trained and scheme and trained != scheme:
        raise EiferError(
            f"The model '{model.card.name}' was trained on {trained.title()}'s electrodes, but the "
            f"channels are those of {scheme.title()}'s scheme.",
            f"Choose a model for {scheme.title()}'s scheme, or the baseline.",
        )


def check_live(model: Model, channels: Mapping[str, str]) -> Model:
    """Refuse a model that cannot run live, or was trained on other electrodes; else it is given.

    Parameters
    ----------
    model : Model
    channels : mapping of str to str
        The recording's channel by muscle.
    """
    if looks_ahead(model):
        raise EiferError(
            f"The model '{model.card.name}' needs frames that are still to come.",
            "Choose a causal model or one that works frame by frame.",
        )
    check_scheme(scheme_of_channels(tuple(channels.values())), model)
    return model


def missing_value(model: Model) -> float:
    """What stands in a model's input for a muscle that was not recorded."""
    return float(model.card.normalisation.get("missing", 0.0))


def _recipe(
    activity: Activity, used: Model, coefficients: np.ndarray, fill: str, model: Any
) -> dict[str, Any]:
    """How to make the track again, where the activity says how it was made itself."""
    note = opened_note(activity.source.get(RECIPE), activity.values)
    if note is None or isinstance(model, Model):
        return {}
    note |= {"fill": fill, "model": _noted(model), "model_sha256": used.sha256}
    return {RECIPE: sealed(note, coefficients)}


def _noted(model: str | Path | None) -> str:
    """Empty for the baseline, the name of a model that was named, else where its file is."""
    if model is None or str(model) == BASELINE:
        return ""
    return str(model) if is_named(model) else str(Path(model).absolute())


def _load(model: str | Path | None) -> Model:
    return default_model() if model is None else open_model(model, "emg2exp")


def input_columns(
    muscles: Sequence[str], model: Model, fill: str = "rest"
) -> tuple[list[int | None], dict[str, list[str]]]:
    """Which column of an activity each input of a model takes.

    Parameters
    ----------
    muscles : sequence of str
        The activity's columns.
    model : Model
    fill : {"rest", "mirror"}
        As for :func:`emg_to_expression`.

    Returns
    -------
    columns : list of int or None
        One per input of the card; None for a muscle that rests.
    notes : dict of str to list
        ``missing_muscles``, ``mirrored_muscles``, ``unused_muscles``.
    """
    if fill not in ("rest", "mirror"):
        raise EiferError(f"'{fill}' is no way to fill missing muscles.", "Use 'rest' or 'mirror'.")
    wanted, there = model.card.inputs, list(muscles)
    notes: dict[str, list[str]] = {"missing_muscles": [], "mirrored_muscles": []}
    notes["unused_muscles"] = [m for m in there if m not in wanted]
    if not set(wanted) & set(there):
        raise EiferError(
            f"None of the activity's muscles ({', '.join(there) or 'none'}) is known "
            f"to the model '{model.card.name}'.",
            "Map the recording's channels to muscles such as 'zygomaticus.left'.",
        )
    columns: list[int | None] = []
    for name in wanted:
        muscle, _, side = name.rpartition(".")
        other = f"{muscle}.{_OTHER_SIDE.get(side, '')}"
        if name in there:
            columns.append(there.index(name))
        elif fill == "mirror" and other in there:
            columns.append(there.index(other))
            notes["mirrored_muscles"].append(name)
        else:
            columns.append(None)
            notes["missing_muscles"].append(name)
    return columns, notes


def _inputs(activity: Activity, model: Model, fill: str) -> tuple[np.ndarray, dict[str, list[str]]]:
    """Columns in the order of the card, and what became of the muscles."""
    columns, notes = input_columns(activity.muscles, model, fill)
    inputs = np.full((len(activity), len(columns)), missing_value(model), np.float32)
    for k, column in enumerate(columns):
        if column is not None:
            inputs[:, k] = activity.values[:, column]
    return inputs, notes


def _provenance(activity: Activity, model: Model, notes: Mapping[str, list[str]]) -> dict[str, Any]:
    source = dict(activity.source)
    calibration = {
        muscle: {"baseline": float(low), "scale": float(scale)}
        for muscle, low, scale in zip(
            activity.muscles, activity.baseline, activity.scale, strict=True
        )
    }
    return {
        "model": model.card.name,
        "model_sha256": model.sha256,
        "model_card_format": model.card.format_version,
        "model_licence": model.card.licence,
        "software": f"eifer {software_version()}",
        "source": source.get("file", ""),
        "source_sha256": source.get("sha256", ""),
        "simulated": bool(source.get("simulated", False)),
        "filters": list(activity.filters),
        "delay_ms": activity.delay_ms,
        "calibration": calibration,
        **notes,
    }
