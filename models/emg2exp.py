"""From muscle activity to an expression track, with any model of the kind ``emg2exp``."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..eifer_addon.errors import EiferError
from ..eifer_addon.seals import RECIPE, opened_note, sealed
from ..eifer_addon.signals.activity import Activity
from ..eifer_addon.spaces import get_space
from ..eifer_addon.track import ExpressionTrack
from ..eifer_addon.version import software_version
from .sessions import WEIGHTS, Model, load_model
from .streaming import FrameRunner

_OTHER_SIDE = {"left": "right", "right": "left"}


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

    Models may work frame by frame, on a window of frames, or carry a state along.

    Parameters
    ----------
    activity : Activity
        Normalised activity (n_frames, n_muscles).
    model : Model or path-like, optional
        A model of the kind ``emg2exp``; the baseline when None.
    fill : {"rest", "mirror"}
        What a muscle does that was not recorded: it rests (0), or it copies the same muscle of
        the other side where that was recorded. Copying invents symmetry; the track says so.

    Returns
    -------
    ExpressionTrack
        In the space of the model's card, with the activity's timestamps, confidence 1, and the
        muscles that were missing or mirrored in its provenance.

    Raises
    ------
    EiferError
        When no muscle of the activity is known to the model, or a value is not a number.
    """
    chosen = model if isinstance(model, Model) else _load(model)
    inputs, notes = _inputs(activity, chosen, fill)
    space = get_space(chosen.card.space)
    coefficients = space.clip(_run(chosen, inputs)).astype(np.float32, copy=False)
    return ExpressionTrack(
        space,
        coefficients,
        activity.timestamps,
        np.ones(len(activity), np.float32),
        provenance=_provenance(activity, chosen, notes)
        | _recipe(activity, chosen, coefficients, fill, model),
    )


def _run(model: Model, inputs: np.ndarray) -> np.ndarray:
    """All frames at once, which is faster, unless the model has a memory."""
    runner = FrameRunner(model)
    if not runner.remembers:
        return model.run(inputs)
    if not np.isfinite(inputs).all():
        frame = int(np.argwhere(~np.isfinite(inputs))[0, 0])
        raise EiferError(
            f"The activity holds a value that is not a number at frame {frame}.",
            "Mend or drop the frame before.",
        )
    return runner.run(inputs)


def _recipe(
    activity: Activity, used: Model, coefficients: np.ndarray, fill: str, model: Any
) -> dict[str, Any]:
    """How to make the track again, where the activity says how it was made itself."""
    note = opened_note(activity.source.get(RECIPE), activity.values)
    if note is None or isinstance(model, Model):
        return {}
    note |= {
        "fill": fill, "model": "" if model is None else str(Path(model).absolute()),
        "model_sha256": used.sha256,
    }  # fmt: skip
    return {RECIPE: sealed(note, coefficients)}


def _load(model: str | Path | None) -> Model:
    return default_model() if model is None else load_model(model, kind="emg2exp")


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
    inputs = np.zeros((len(activity), len(columns)), np.float32)
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
