"""Whole recordings through a model: all frames at once, frame by frame, or with a look ahead.

A model that knows what came before or comes after was made for one frame rate, and one with
causally filtered activity for its delay. Frames are brought to that rate and delay before, and the
answers back to the frames that were asked about.
"""

from __future__ import annotations

import numpy as np

from ..eifer_addon.errors import EiferError
from .sessions import Model
from .streaming import FrameRunner

SPREAD, AFTER, FILTER_DELAY = "spread", "frames_after", "filter_delay_ms"
_SAME_RATE, _SAME_DELAY_S = 1e-3, 5e-4


def looks_ahead(model: Model) -> bool:
    """Whether the model sees frames that are still to come."""
    return int(model.card.normalisation.get(AFTER, 0)) > 0


def run_frames(
    model: Model, values: np.ndarray, rate_hz: float, delay_ms: float = 0.0
) -> tuple[np.ndarray, np.ndarray | None]:
    """Answers of a model for all frames.

    Parameters
    ----------
    model : Model
        Per frame, windowed, recurrent, or with a look ahead.
    values : numpy.ndarray
        (n_frames, n_inputs) in the order of the card.
    rate_hz : float
        Frames per second.
    delay_ms : float
        By which the values are late already (causal filters).

    Returns
    -------
    answers : numpy.ndarray
        (n_frames, n_outputs) float32.
    spread : numpy.ndarray or None
        The same shape: the standard deviation that the model expects of its error; None where it
        does not tell.

    Raises
    ------
    EiferError
        When a value is not a number.
    """
    own = float(model.card.rate_hz or 0.0)
    shift_s = (float(model.card.normalisation.get(FILTER_DELAY, delay_ms)) - delay_ms) / 1e3
    runner = None if looks_ahead(model) else FrameRunner(model)
    if runner is not None and not runner.remembers:
        found = model.run_all(values)
        return found[model.output_names[0]], _spread(model, found)
    _check(values)
    times = np.arange(len(values)) / rate_hz
    grid = times
    if own and abs(own / rate_hz - 1.0) > _SAME_RATE:
        grid = np.arange(int(np.floor(times[-1] * own + 1e-6)) + 2) / own if len(times) else times
    moved = grid is not times or abs(shift_s) > _SAME_DELAY_S
    frames = _between(grid - shift_s, times, values) if moved else values
    if runner is None:
        found = model.run_all(frames[None])
        answers, spread = found[model.output_names[0]][0], _spread(model, found)
        spread = None if spread is None else spread[0]
    else:
        answers, spread = runner.run_all(frames)
    if grid is times:
        return answers, spread
    return (
        _between(times, grid, answers),
        None if spread is None else _between(times, grid, spread),
    )


def _spread(model: Model, found: dict[str, np.ndarray]) -> np.ndarray | None:
    return found.get(str(model.card.normalisation.get(SPREAD, "")))


def _check(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        frame = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise EiferError(
            f"The activity holds a value that is not a number at frame {frame}.",
            "Mend or drop the frame before.",
        )


def _between(wanted: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (n, k) at other times, linearly; a missing channel stays missing."""
    if not len(times):
        return values
    columns = [np.interp(wanted, times, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)
