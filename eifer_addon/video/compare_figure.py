"""The curves of several methods in one plot, and below them how far they are apart."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..figures import FAINT, HAIR, INK, STYLE, need_matplotlib, new_figure, round_below
from ..files import atomic_path
from ..spaces import ARKIT_NAMES
from .compare import Aligned, Disagreement

#: Okabe and Ito's palette (2008), the darker ones first.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#222222")
#: The left side, or a movement without sides, and the right one.
_SIDES: tuple[Any, Any] = ("-", (0, (3, 1.5)))
_CURVES, _DPI = 9, 200
_WIDTH_IN, _ROW_IN, _EXTRA_IN = 7.2, 0.62, 0.95
#: What moves by less than this is not worth a curve.
_STILL = 0.02
#: A panel reaches at least so far, so that jitter does not look like expression.
_LOWEST_TOP = 0.2
_FORMATS = ("png", "svg", "pdf")


def curve_names(aligned: Aligned, count: int = _CURVES) -> dict[str, tuple[str, ...]]:
    """The movements that differ most over the film in any method, in ARKit's order.

    A movement is judged by the span between the 5th and the 95th percentile of its coefficient.

    Returns
    -------
    dict
        Name without side to the coefficients: one, or those of the left and the right side.
    """
    span = dict.fromkeys(ARKIT_NAMES, 0.0)
    for method in aligned.values:
        rows = method[np.isfinite(method[:, 0])]
        if len(rows):
            low, high = np.percentile(rows, (5, 95), axis=0)
            for name, moved in zip(ARKIT_NAMES, high - low, strict=True):
                span[name] = max(span[name], float(moved))
    sides: dict[str, list[str]] = {}
    for name in ARKIT_NAMES:
        sides.setdefault(_without_side(name), []).append(name)
    moving = {stem: max(span[name] for name in names) for stem, names in sides.items()}
    strongest = sorted(moving, key=lambda stem: -moving[stem])[:count]
    kept = [stem for stem in sides if stem in strongest and moving[stem] >= _STILL]
    return {stem: tuple(sides[stem]) for stem in kept}


def _without_side(name: str) -> str:
    """``"mouthSmileLeft"`` as ``"mouthSmile"``; ``"jawLeft"`` is a movement of its own."""
    stem = name.removesuffix("Left").removesuffix("Right")
    return name if stem in {"jaw", "mouth"} else stem


def save_curves(
    path: str | Path, aligned: Aligned, apart: Disagreement, marks: np.ndarray,
    *, title: str = "", overwrite: bool = True,
) -> Path:  # fmt: skip
    """Draw the curves of all methods.

    Parameters
    ----------
    path : path-like
        ``.png``, ``.svg`` or ``.pdf``.
    aligned : Aligned
    apart : Disagreement
    marks : numpy.ndarray
        Rows of `aligned.times` that are marked: the frames of the contact sheet.
    title : str
        Above the curves.

    Raises
    ------
    EiferError
        For another ending, or when matplotlib is missing.
    """
    goal = Path(path)
    kind = goal.suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        raise EiferError(
            f"A figure cannot be written as '{goal.suffix}'.", "Use .png, .svg or .pdf."
        )
    mpl = need_matplotlib()
    with mpl.rc_context({**STYLE, "svg.fonttype": "path"}):
        figure = _draw(aligned, apart, marks, title)
        packed = io.BytesIO()
        figure.savefig(packed, format=kind)
    with atomic_path(goal, overwrite=overwrite) as temporary:
        temporary.write_bytes(packed.getvalue())
    return goal


def _draw(aligned: Aligned, apart: Disagreement, marks: np.ndarray, title: str) -> Any:
    names = curve_names(aligned)
    several = len(aligned.labels) > 1
    n_rows = len(names) + (2 if several else 0)
    height = _ROW_IN * max(n_rows, 1) + _EXTRA_IN
    figure = new_figure(_WIDTH_IN, height, _DPI)
    # The two rows of the disagreement are one panel of double height.
    heights = [1.0] * len(names) + ([2.0] if several else [])
    grid = figure.add_gridspec(
        max(len(heights), 1), 1, height_ratios=heights or [1.0], hspace=0.16, left=0.172,
        right=0.985, top=1 - 0.55 / height, bottom=0.4 / height,
    )  # fmt: skip
    panels = [figure.add_subplot(grid[k]) for k in range(len(heights))]
    for panel, (stem, sides) in zip(panels, names.items(), strict=False):
        _draw_curves(panel, aligned, stem, sides)
    if several:
        _draw_apart(panels[-1], aligned, apart)
    for panel in panels:
        _finish(panel, aligned, marks, is_last=panel is panels[-1])
    _legend(figure, aligned, height, title)
    return figure


def _colour(k: int) -> str:
    return _COLOURS[k % len(_COLOURS)]


def _draw_curves(panel: Any, aligned: Aligned, stem: str, sides: tuple[str, ...]) -> None:
    """A movement in all methods; its right side is dashed."""
    columns = [ARKIT_NAMES.index(name) for name in sides]
    for k in range(len(aligned.labels)):
        for column, dashes in zip(columns, _SIDES, strict=False):
            values = aligned.values[k, :, column]
            panel.plot(aligned.times, values, color=_colour(k), linestyle=dashes, linewidth=0.9)
    top = min(max(float(np.nanmax(aligned.values[..., columns])), _LOWEST_TOP), 1.0)
    panel.set_ylim(-0.05 * top, 1.08 * top)
    panel.set_yticks([0.0, round_below(top)])
    panel.set_ylabel(_in_words(stem), rotation=0, ha="right", va="center", labelpad=4)


def _draw_apart(panel: Any, aligned: Aligned, apart: Disagreement) -> None:
    panel.fill_between(aligned.times, 0, np.nan_to_num(apart.mm), color=HAIR, linewidth=0)
    panel.plot(aligned.times, apart.mm, color=INK, linewidth=0.9)
    worst = np.nanmax(apart.mm) if np.isfinite(apart.mm).any() else 1.0
    panel.set_ylim(0, max(float(worst) * 1.1, 0.1))
    panel.set_ylabel(
        "disagreement,\nmm between\nlandmarks", rotation=0, ha="right", va="center", labelpad=4
    )


def _finish(panel: Any, aligned: Aligned, marks: np.ndarray, *, is_last: bool) -> None:
    """Only what is needed: the time below the last panel, a line at each frame of the sheet."""
    for mark in marks:
        panel.axvline(aligned.times[mark], color=FAINT, linewidth=0.5, linestyle=(0, (1, 2)))
    first, last = float(aligned.times[0]), float(aligned.times[-1])
    panel.set_xlim(first, last if last > first else first + 1)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    panel.tick_params(labelbottom=is_last)
    if is_last:
        panel.set_xlabel("time in s", labelpad=2)


def _legend(figure: Any, aligned: Aligned, height: float, title: str) -> None:
    mpl = need_matplotlib()
    line = mpl.lines.Line2D
    lines = [line([], [], label=label, color=_colour(k)) for k, label in enumerate(aligned.labels)]
    lines += [line([], [], label=side, color=FAINT, linestyle=dashes, linewidth=0.9)
              for side, dashes in zip(("left", "right"), _SIDES, strict=True)]  # fmt: skip
    figure.legend(
        handles=lines, loc="upper left", bbox_to_anchor=(0.162, 1 - 0.24 / height),
        ncols=min(len(lines), 6), frameon=False, handlelength=1.8, columnspacing=1.4,
        borderaxespad=0.1,
    )  # fmt: skip
    if title:
        figure.text(0.172, 1 - 0.08 / height, title, va="top", weight="bold", size=8)


def _in_words(name: str) -> str:
    """``"mouthSmileLeft"`` as ``"mouth smile left"``."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name)
