"""What every drawn figure shares: matplotlib on demand, colours, names, grouping by muscle.

Matplotlib is not a part of Blender and is never needed for the work itself, only for pictures of
it; it is imported when the first figure is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import EiferError
from .signals.activity import Activity

#: Okabe and Ito's palette (2008), told apart with every kind of colour vision.
LEFT, RIGHT, MIDDLE, WARNING = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SIDE_COLOURS = {"left": LEFT, "right": RIGHT, "": MIDDLE}
INK, FAINT, HAIR = "#222222", "#6b6b6b", "#d4d4d4"

STYLE: Mapping[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7.0,
    "axes.labelsize": 7.0,
    "axes.titlesize": 8.0,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.solid_capstyle": "round",
    "image.interpolation": "nearest",
}


def need_matplotlib() -> Any:
    """The module matplotlib, with the parts that are used here loaded.

    Raises
    ------
    EiferError
        When it is not installed.
    """
    try:
        import matplotlib as mpl
        import matplotlib.backends.backend_agg
        import matplotlib.figure
        import matplotlib.lines
    except ImportError as error:
        raise EiferError(
            "The package matplotlib is missing, so figures cannot be drawn.",
            "Install it where the eifer command runs (python -m pip install matplotlib), or "
            "leave the report out; tracks and keys do not need it.",
        ) from error
    return mpl


def new_figure(width_in: float, height_in: float, dpi: float, **details: Any) -> Any:
    """A figure with its own canvas; no global state, so it is safe in any thread."""
    mpl = need_matplotlib()
    figure = mpl.figure.Figure(figsize=(width_in, height_in), dpi=dpi, **details)
    mpl.backends.backend_agg.FigureCanvasAgg(figure)
    return figure


def pixels(figure: Any) -> np.ndarray:
    """The drawn figure, uint8 (height, width, 3)."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def muscle_rows(activity: Activity) -> list[tuple[str, dict[str, int]]]:
    """Muscles without side, in the activity's order, with the column of each side.

    A channel that names no side and drives both is one column under the side ``""``.
    """
    rows: dict[str, dict[str, int]] = {}
    for column, name in enumerate(activity.muscles):
        stem, dot, side = name.rpartition(".")
        rows.setdefault(stem if dot else name, {})[side if dot else ""] = column
    for columns in rows.values():
        channels = {activity.channels[column] for column in columns.values()}
        if len(columns) > len(channels):
            first = next(iter(columns.values()))
            columns.clear()
            columns[""] = first
    return list(rows.items())


def in_words(muscle: str) -> str:
    """``"frontalis_medialis"`` as ``"frontalis medialis"``."""
    return muscle.replace("_", " ")


def thin(time_s: np.ndarray, values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most about `most` points of a curve (n,), keeping the smallest and largest of each bin.

    A long recording drawn point by point costs seconds and hides peaks between the pixels.
    """
    bins = most // 2
    if len(values) <= 2 * bins:
        return time_s, values
    edges = np.linspace(0, len(values), bins + 1).astype(int)[:-1]
    extremes = np.stack(
        [np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)], axis=1
    )
    return np.repeat(time_s[edges], 2), extremes.ravel()


def is_simulated(*sources: Mapping[str, Any]) -> bool:
    """Whether any of these provenances says so."""
    return any(bool(source.get("simulated")) for source in sources)


def pool_columns(values: np.ndarray, most: int) -> np.ndarray:
    """At most `most` columns, each the largest of its bin, so that short peaks stay visible."""
    if values.shape[1] <= most:
        return values
    edges = np.linspace(0, values.shape[1], most + 1).astype(int)[:-1]
    return np.asarray(np.maximum.reduceat(values, edges, axis=1))


def round_below(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value * 1.0001))
