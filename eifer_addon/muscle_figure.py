"""The muscle map as a flat schematic of the face, for papers: one face, or several on one sheet.

A map is a product of the activity with weights that do not change, so they are made once.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError
from .figures import FAINT, INK, STYLE, in_words, need_matplotlib, new_figure
from .files import atomic_path
from .heads.face_canvas import face_features
from .heads.muscle_map import electrode_places, flat_weights, hull
from .muscle_moments import Moment

#: Perceptually uniform, told apart with every kind of colour vision and in grey print.
COLOUR_MAP = "viridis"
FORMATS = (".png", ".svg")
DPI = 300
#: A sheet is as wide as a journal's column, or with several faces as two columns.
ONE_IN, TWO_IN = 3.4, 7.2
#: Height of a face by its width: the canvas is drawn so much higher than wide, as faces are.
_ASPECT = 1.1
#: Around the faces in inches: the legend at the right, and below; a title and the sides above.
_LEGEND_IN, _BELOW_IN, _TITLE_IN, _SIDES_IN, _GAP_IN = 0.62, 0.2, 0.22, 0.14, 0.1
#: Lines and discs are thinner on faces narrower than this.
_FULL_IN = 2.68
#: Width of the colour bar, its distance from the faces, and its height at most.
_BAR_IN, _BAR_GAP_IN, _BAR_TALL_IN = 0.1, 0.08, 1.7
#: Room around the outline in canvas units.
_MARGIN = 2.0
#: Canvas units per pixel of the map.
_STEP = 0.4
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_OUTLINE_INK = "#555555"
#: Where a muscle's name stands, in points beside its electrode, when names are wanted.
_NAME_PT = 3.4
#: Where two electrodes are close, one name goes up and one down; at the rim they point inwards.
_NAME_RISE_PT = {"corrugator": 1.8, "depressor_supercilii": -1.8, "masseter": 4.0}
_INWARD_FROM = 62.0
_NAME_GROUND = {"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.75, "linewidth": 0}
#: Without a date the same map is the same file; without a type it names no other host.
_ABOUT = {"Date": None, "Type": None, "Format": None, "Creator": "EIFER", "Title": "Muscle map"}
#: Matplotlib names a document type on another host; readers that check would have to fetch it.
_DOCTYPE = re.compile(rb"<!DOCTYPE[^>]*>\s*")


def save_map(
    path: str | Path, moment: Moment | Sequence[Moment], *, names: bool = False,
    columns: int = 4, limit: float = 1.0, overwrite: bool = True,
) -> Path:  # fmt: skip
    """Draw moments as a PNG (300 dots per inch) or SVG, several as small maps with one legend.

    Parameters
    ----------
    path : path-like
        Ends with ``.png`` or ``.svg``.
    moment : Moment or sequence of Moment
    names : bool
        Whether the muscles' names stand beside their electrodes.
    columns : int
        Faces in a row, at most.
    limit : float
        The activity of the last colour; 1 makes sheets comparable.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    EiferError
        For another ending, an existing file, or when matplotlib is missing.
    """
    final = Path(path)
    kind = checked_format(final)
    moments = (moment,) if isinstance(moment, Moment) else tuple(moment)
    mpl = need_matplotlib()
    with mpl.rc_context({**STYLE, "svg.fonttype": "none", "svg.hashsalt": "eifer"}):
        figure = draw(moments, names=names, columns=columns, limit=limit)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=_ABOUT if kind == "svg" else {})
    drawn = buffer.getvalue()
    with atomic_path(final, overwrite=overwrite) as temporary:
        temporary.write_bytes(_DOCTYPE.sub(b"", drawn, count=1) if kind == "svg" else drawn)
    return final


def checked_format(path: Path) -> str:
    """``"png"`` or ``"svg"`` by the file's ending; raises `EiferError` for another."""
    if path.suffix.lower() not in FORMATS:
        raise EiferError(
            f"A muscle map cannot be written as '{path.name}'.", "End its name with .png or .svg."
        )
    return path.suffix.lower()[1:]


def draw(
    moments: Sequence[Moment], *, names: bool = False, columns: int = 4, limit: float = 1.0
) -> Any:
    """The whole sheet: faces with titles, one legend, what 0 and 1 mean.

    Raises
    ------
    EiferError
        When there is nothing to draw, or `columns` or `limit` are no positive numbers.
    """
    if not moments or columns < 1 or not 0 < limit < np.inf:
        raise EiferError(
            f"{len(moments)} maps in {columns} columns up to an activity of {limit:g} cannot be "
            "drawn.",
            "Use numbers above 0.",
        )
    across = min(columns, len(moments))
    down = -(-len(moments) // across)
    wide = ONE_IN if across == 1 else TWO_IN
    face_in = (wide - _LEGEND_IN - _GAP_IN * across) / across
    low, high = _extent()
    tall_in = face_in * _ASPECT * (high[1] - low[1]) / (high[0] - low[0])
    high_in = down * (tall_in + _TITLE_IN) + _SIDES_IN + _BELOW_IN
    figure = new_figure(wide, high_in, DPI)
    image: Any = None
    for number, moment in enumerate(moments):
        row, column = divmod(number, across)
        left = _GAP_IN / 2 + column * (face_in + _GAP_IN)
        bottom = high_in - _SIDES_IN - (row + 1) * (tall_in + _TITLE_IN)
        box = (left / wide, bottom / high_in, face_in / wide, tall_in / high_in)
        image = draw_face(figure, moment, box, names=names, limit=limit, size=face_in / _FULL_IN)
        _draw_title(figure, moment, box, high_in, row, small=across > 1)
        if number == 0:
            _draw_sides(figure, box, high_in, small=across > 2)
    _draw_legend(figure, image, moments, wide, high_in, limit)
    return figure


def _extent() -> tuple[np.ndarray, np.ndarray]:
    """The part of the canvas that is drawn: lower left and upper right."""
    return hull().min(axis=0) - _MARGIN, hull().max(axis=0) + _MARGIN


def draw_face(
    figure: Any, moment: Moment, box: tuple[float, ...], *, names: bool, limit: float, size: float
) -> Any:
    """One face; the picture that the colour bar explains."""
    axes = figure.add_axes(box)
    low, high = _extent()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect=_ASPECT)
    axes.axis("off")
    image = _draw_field(axes, moment, limit)
    _draw_face(axes, min(1.0, max(0.55, size)))
    _draw_electrodes(axes, moment, names, 7.0 * min(1.0, max(0.35, size)))
    return image


def _draw_field(axes: Any, moment: Moment, limit: float) -> Any:
    """The map within the face's outline, with faint lines of equal activity."""
    x, y, weights = grid(moment.sites)
    values = field(weights, moment.values).reshape(len(y), len(x))
    edges = (x[0] - _STEP / 2, x[-1] + _STEP / 2, y[0] - _STEP / 2, y[-1] + _STEP / 2)
    image = axes.imshow(
        values, origin="lower", extent=edges, cmap=COLOUR_MAP, vmin=0.0, vmax=limit,
        interpolation="bilinear",
    )  # fmt: skip
    # A picture fits its axes to itself.
    axes.set_aspect(_ASPECT)
    low, high = _extent()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    image.set_clip_path(_smooth_patch(axes))
    levels = [tick * limit for tick in _TICKS[1:-1]]
    lines = axes.contour(x, y, values, levels=levels, colors="white", linewidths=0.35, alpha=0.55)
    lines.set_clip_path(_smooth_patch(axes))
    return image


def field(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The map; where the spline swings beyond what was measured anywhere, that is not shown."""
    return np.clip(weights @ values, 0.0, max(0.0, float(values.max())))


@lru_cache(maxsize=4)
def grid(sites: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X and y of the map's pixels and the sites' weights (n_y * n_x, n_sites) there."""
    low, high = hull().min(axis=0) - _STEP, hull().max(axis=0) + _STEP
    x, y = (np.arange(low[k], high[k] + _STEP, _STEP) for k in range(2))
    canvas = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return x, y, flat_weights(canvas, sites)


def _smooth_patch(axes: Any) -> Any:
    """The face's outline as an invisible shape to cut with."""
    mpl = need_matplotlib()
    return mpl.patches.Polygon(_smooth(hull()), closed=True, transform=axes.transData)


def _smooth(line: np.ndarray, per_step: int = 8) -> np.ndarray:
    """A smooth curve through the points of a line (n, 2); closed when the line is."""
    from scipy.interpolate import make_interp_spline

    step = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(step)])
    closed = bool(np.allclose(line[0], line[-1]))
    curve = make_interp_spline(along, line, k=3, bc_type="periodic" if closed else "natural")
    return np.asarray(curve(np.linspace(0.0, along[-1], per_step * len(line))))


def _draw_face(axes: Any, thick: float) -> None:
    """Outline, eyes, brows, nose and lips."""
    axes.plot(*_smooth(hull()).T, color=_OUTLINE_INK, linewidth=thick)
    for name, line in face_features().items():
        corners = name.startswith(("lips", "eye"))
        curve = line if corners else _smooth(line)
        axes.plot(*curve.T, color="white", linewidth=0.7 * thick, alpha=0.85,
                  solid_joinstyle="round")  # fmt: skip


def _draw_electrodes(axes: Any, moment: Moment, names: bool, size: float) -> None:
    places = electrode_places(moment.sites)
    axes.scatter(*places.T, s=size, facecolor="white", edgecolor=INK, linewidth=0.5, zorder=3)
    if not names:
        return
    for (x, y), site in zip(places, moment.sites, strict=True):
        stem = site.rpartition(".")[0] or site
        outward = (1 if x > 0 else -1) * (-1 if abs(x) > _INWARD_FROM else 1)
        axes.annotate(
            in_words(stem), (x, y), (outward * _NAME_PT, _NAME_RISE_PT.get(stem, 0.0)),
            textcoords="offset points", ha="left" if outward > 0 else "right", va="center",
            fontsize=3.8, color=INK, bbox=_NAME_GROUND,
        )  # fmt: skip


def _draw_title(
    figure: Any, moment: Moment, box: tuple[float, ...], high_in: float, row: int, *, small: bool
) -> None:
    left, bottom, width, height = box
    # In the first row the sides stand below the titles.
    above = 0.06 + (0 if row else _SIDES_IN)
    figure.text(
        left + width / 2, bottom + height + above / high_in, moment.title, ha="center",
        fontsize=7.0 if small else 8.0,
    )  # fmt: skip


def _draw_sides(figure: Any, box: tuple[float, ...], high_in: float, *, small: bool) -> None:
    left, bottom, width, height = box
    for x, side, align in ((left, "right", "left"), (left + width, "left", "right")):
        figure.text(
            x, bottom + height + 0.05 / high_in, f"subject's {side}", ha=align, color=FAINT,
            fontsize=5.0 if small else 6.0,
        )  # fmt: skip


def _draw_legend(
    figure: Any, image: Any, moments: Sequence[Moment], wide: float, high_in: float, limit: float
) -> None:
    """Colour bar, and what its numbers mean."""
    tall = min(_BAR_TALL_IN, 0.62 * (high_in - _TITLE_IN - _SIDES_IN - _BELOW_IN))
    middle = (high_in - _TITLE_IN - _SIDES_IN + _BELOW_IN) / 2
    bar = figure.add_axes((
        (wide - _LEGEND_IN + _BAR_GAP_IN) / wide, (middle - tall / 2) / high_in,
        _BAR_IN / wide, tall / high_in,
    ))  # fmt: skip
    scale = figure.colorbar(image, cax=bar, extend="max", ticks=[t * limit for t in _TICKS])
    scale.outline.set_linewidth(0.5)
    bar.set_ylabel("muscle activity (normalised)")
    bar.tick_params(length=2)
    strong = " or ".join(dict.fromkeys(moment.strong for moment in moments))
    note = f"0: rest    1: {strong}"
    note += "    (simulated)" if any(moment.simulated for moment in moments) else ""
    figure.text(1 - 0.06 / wide, 0.07 / high_in, note, ha="right", color=FAINT, fontsize=4.8)
