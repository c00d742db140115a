"""The muscle map as a flat schematic of the face, for papers and films.

A map is a product of the activity with weights that do not change, so they are made once; a frame
of a film is then a copy of pixels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError
from .figures import FAINT, INK, STYLE, in_words, is_simulated, need_matplotlib, new_figure
from .files import atomic_path
from .heads.face_canvas import face_features
from .heads.muscle_map import electrode_places, flat_weights, hull, muscles_shown
from .progress import OnProgress
from .signals.activity import Activity
from .video.encode import VideoWriter

#: Perceptually uniform, told apart with every kind of colour vision and in grey print.
COLOUR_MAP = "viridis"
FORMATS = (".png", ".svg")
_DPI = 300
_WIDTH_IN, _HEIGHT_IN = 3.4, 3.6
#: The canvas is drawn so much higher than wide, as faces are.
_ASPECT = 1.1
#: Where the face is drawn, in parts of the figure: left, bottom, width, height.
_FACE_BOX, _BAR_BOX = (0.01, 0.02, 0.8, 0.86), (0.835, 0.22, 0.028, 0.46)
#: Room around the outline in canvas units.
_MARGIN = 2.0
#: Canvas units per pixel of the map.
_STEP = 0.4
_LEVELS = (0.25, 0.5, 0.75)
_OUTLINE_INK = "#555555"
#: A moment without a duration is the mean over so long.
_MOMENT_S = 1.0
#: Where a muscle's name stands, in points beside its electrode, when names are wanted.
_NAME_PT = 3.4
#: Where two electrodes are close, one name goes up and one down; at the rim they point inwards.
_NAME_RISE_PT = {"corrugator": 1.8, "depressor_supercilii": -1.8, "masseter": 4.0}
_INWARD_FROM = 62.0
_NAME_GROUND = {"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.75, "linewidth": 0}


@dataclass(frozen=True)
class Moment:
    """What a map shows.

    Attributes
    ----------
    values : numpy.ndarray
        (n,) activity of `muscles`.
    muscles : tuple of str
        The recorded muscles that have a place on the map.
    title : str
        Which moment, or how many events.
    simulated : bool
        Whether the activity was simulated.
    """

    values: np.ndarray
    muscles: tuple[str, ...]
    title: str
    simulated: bool = False


def moment_at(activity: Activity, seconds: float) -> Moment:
    """The activity at one time, linear between frames.

    Raises
    ------
    EiferError
        When the time lies outside of the recording, or no muscle has a place on the map.
    """
    columns, muscles = _placed(activity)
    times = activity.timestamps
    if len(times) == 0 or not times[0] <= seconds <= times[-1]:
        span = f"{times[0]:.2f} s to {times[-1]:.2f} s" if len(times) else "nothing"
        raise EiferError(
            f"There is no activity at {seconds:g} s: the recording holds {span}.",
            "Choose a time within it.",
        )
    values = np.array([np.interp(seconds, times, activity.values[:, k]) for k in columns])
    return Moment(values, muscles, f"{seconds:.2f} s", is_simulated(activity.source))


def moment_of_event(activity: Activity, name: str) -> Moment:
    """The mean activity over all events of one name.

    An event without a duration counts for one second from its onset.

    Raises
    ------
    EiferError
        When no event has this name, or none lies within the recording.
    """
    columns, muscles = _placed(activity)
    found = [(onset, length or _MOMENT_S) for onset, event, length in activity.events
             if event == name]  # fmt: skip
    if not found:
        known = ", ".join(f"'{event}'" for event in dict.fromkeys(e[1] for e in activity.events))
        raise EiferError(
            f"The recording has no event '{name}'.",
            f"It has {known}." if known else "It has no events at all; use a time instead.",
        )
    times = activity.timestamps
    masks = [(times >= onset) & (times < onset + length) for onset, length in found]
    means = [activity.values[mask].mean(axis=0) for mask in masks if mask.any()]
    if not means:
        raise EiferError(
            f"The event '{name}' lies outside of the recording.", "Choose another event."
        )
    many = f", mean of {len(means)}" if len(means) > 1 else ""
    values = np.mean(means, axis=0)[columns]
    return Moment(values, muscles, f"{name}{many}", is_simulated(activity.source))


def moment_of(activity: Activity, at: float | None = None, event: str | None = None) -> Moment:
    """The moment at a time, or of an event, or without either the strongest."""
    if at is not None:
        return moment_at(activity, at)
    return moment_of_event(activity, event) if event else strongest_moment(activity)


def strongest_moment(activity: Activity) -> Moment:
    """The frame at which the muscles together are the most active."""
    columns, _ = _placed(activity)
    if len(activity) == 0:
        raise EiferError("There is no activity to draw.", "Use a longer recording.")
    frame = int(np.argmax(activity.values[:, columns].sum(axis=1)))
    return moment_at(activity, float(activity.timestamps[frame]))


def _placed(activity: Activity) -> tuple[list[int], tuple[str, ...]]:
    """Columns and names of the muscles that have a place on the map."""
    shown = set(muscles_shown())
    columns = [k for k, muscle in enumerate(activity.muscles) if muscle in shown]
    if not columns:
        raise EiferError(
            "None of the recorded muscles has a place on the map "
            f"({', '.join(activity.muscles) or 'there are none'}).",
            "Map the channels to muscles with a montage.",
        )
    return columns, tuple(activity.muscles[k] for k in columns)


def save_map(
    path: str | Path, moment: Moment, *, names: bool = False, overwrite: bool = True
) -> Path:
    """Draw one moment as a PNG (300 dots per inch) or SVG.

    Parameters
    ----------
    path : path-like
        Ends with ``.png`` or ``.svg``.
    moment : Moment
    names : bool
        Whether the muscles' names stand beside their electrodes.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    EiferError
        For another ending, an existing file, or when matplotlib is missing.
    """
    final = Path(path)
    kind = checked_format(final)
    mpl = need_matplotlib()
    with mpl.rc_context({**STYLE, "svg.fonttype": "none", "svg.hashsalt": "eifer"}):
        figure = _figure(moment, names)
        buffer = io.BytesIO()
        # Without a date the same map is the same file.
        dated = {"Date": None} if kind == "svg" else {}
        figure.savefig(buffer, format=kind, metadata=dated)
    with atomic_path(final, overwrite=overwrite) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return final


def checked_format(path: Path) -> str:
    """``"png"`` or ``"svg"`` by the file's ending; raises `EiferError` for another."""
    if path.suffix.lower() not in FORMATS:
        raise EiferError(
            f"A muscle map cannot be written as '{path.name}'.", "End its name with .png or .svg."
        )
    return path.suffix.lower()[1:]


def _figure(moment: Moment, names: bool, dpi: float = _DPI) -> Any:
    """The whole figure: face, legend, title."""
    figure = new_figure(_WIDTH_IN, _HEIGHT_IN, dpi)
    axes = figure.add_axes(_FACE_BOX)
    low, high = hull().min(axis=0) - _MARGIN, hull().max(axis=0) + _MARGIN
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect=_ASPECT)
    axes.axis("off")
    image = _draw_field(axes, moment)
    _draw_face(axes)
    _draw_electrodes(axes, moment, names)
    _draw_legend(figure, image, moment)
    return figure


def _draw_field(axes: Any, moment: Moment) -> Any:
    """The map within the face's outline, with faint lines of equal activity."""
    x, y, weights = _grid(moment.muscles)
    field = _field(weights, moment.values).reshape(len(y), len(x))
    edges = (x[0] - _STEP / 2, x[-1] + _STEP / 2, y[0] - _STEP / 2, y[-1] + _STEP / 2)
    image = axes.imshow(
        field, origin="lower", extent=edges, cmap=COLOUR_MAP, vmin=0.0, vmax=1.0,
        interpolation="bilinear",
    )  # fmt: skip
    image.set_clip_path(_smooth_patch(axes))
    lines = axes.contour(x, y, field, levels=_LEVELS, colors="white", linewidths=0.35, alpha=0.55)
    lines.set_clip_path(_smooth_patch(axes))
    return image


def _field(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The map; where the spline swings beyond what was measured anywhere, that is not shown."""
    return np.clip(weights @ values, 0.0, max(0.0, float(values.max())))


@cache
def _grid(muscles: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X and y of the map's pixels and the muscles' weights (n_y * n_x, n_muscles) there."""
    low, high = hull().min(axis=0) - _STEP, hull().max(axis=0) + _STEP
    x, y = (np.arange(low[k], high[k] + _STEP, _STEP) for k in range(2))
    canvas = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return x, y, flat_weights(canvas, muscles)


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


def _draw_face(axes: Any) -> None:
    """Outline, eyes, brows, nose and lips."""
    axes.plot(*_smooth(hull()).T, color=_OUTLINE_INK, linewidth=1.0)
    for name, line in face_features().items():
        corners = name.startswith(("lips", "eye"))
        curve = line if corners else _smooth(line)
        axes.plot(*curve.T, color="white", linewidth=0.7, alpha=0.85, solid_joinstyle="round")


def _draw_electrodes(axes: Any, moment: Moment, names: bool) -> None:
    places = electrode_places(moment.muscles)
    axes.scatter(*places.T, s=7, facecolor="white", edgecolor=INK, linewidth=0.5, zorder=3)
    if not names:
        return
    for (x, y), muscle in zip(places, moment.muscles, strict=True):
        stem = muscle.rpartition(".")[0]
        outward = (1 if x > 0 else -1) * (-1 if abs(x) > _INWARD_FROM else 1)
        axes.annotate(
            in_words(stem), (x, y), (outward * _NAME_PT, _NAME_RISE_PT.get(stem, 0.0)),
            textcoords="offset points", ha="left" if outward > 0 else "right", va="center",
            fontsize=3.8, color=INK, bbox=_NAME_GROUND,
        )  # fmt: skip


def _draw_legend(figure: Any, image: Any, moment: Moment) -> None:
    """Colour bar, sides, title."""
    bar = figure.add_axes(_BAR_BOX)
    scale = figure.colorbar(image, cax=bar, extend="max", ticks=(0, *_LEVELS, 1))
    scale.outline.set_linewidth(0.5)
    bar.set_ylabel("muscle activity")
    bar.tick_params(length=2)
    left, bottom, width, height = _FACE_BOX
    top = bottom + height + 0.015
    for x, side in ((left, "right"), (left + width, "left")):
        figure.text(
            x + 0.01, top, f"subject's {side}", ha="left" if side == "right" else "right",
            color=FAINT, fontsize=6.0,
        )  # fmt: skip
    figure.text(left + width / 2, 0.95, moment.title, ha="center", fontsize=8.0)
    note = "0: rest    1: strong" + ("    (simulated)" if moment.simulated else "")
    figure.text(0.98, 0.02, note, ha="right", color=FAINT, fontsize=4.8)


class MapFrames:
    """Frames of the map over time, as pixels.

    Parameters
    ----------
    activity : Activity
    height : int
        Of a frame in pixels.
    names : bool
        Whether the muscles' names are written.
    """

    def __init__(self, activity: Activity, height: int, *, names: bool = False) -> None:
        self._activity = activity
        self._columns, muscles = _placed(activity)
        if len(activity) == 0:
            raise EiferError("There is no activity to draw.", "Use a longer recording.")
        blank = Moment(np.zeros(len(muscles)), muscles, " ", is_simulated(activity.source))
        with need_matplotlib().rc_context(STYLE):
            self._figure = _figure(blank, names, dpi=height / _HEIGHT_IN)
        axes = self._figure.axes[0]
        self._image, self._title = axes.images[0], self._figure.texts[-2]
        self._front = [self._image, *axes.lines, *axes.collections, *axes.texts, self._title]
        for artist in self._front:
            artist.set_animated(True)
        self._figure.canvas.draw()
        self._page = self._figure.canvas.copy_from_bbox(self._figure.bbox)
        self._weights = _grid(muscles)[2]

    def frame(self, seconds: float) -> np.ndarray:
        """The map at one time, uint8 (height, width, 3); held at both ends of the recording."""
        times = self._activity.timestamps
        held = float(np.clip(seconds, times[0], times[-1]))
        values = moment_at(self._activity, held).values
        field = _field(self._weights, values)
        self._image.set_data(field.reshape(self._image.get_array().shape))
        self._title.set_text(f"{seconds:.2f} s")
        canvas = self._figure.canvas
        canvas.restore_region(self._page)
        for artist in self._front:
            self._figure.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_film(
    path: str | Path, activity: Activity, *, fps: float = 25.0, height: int = 720,
    names: bool = False, overwrite: bool = True, on_progress: OnProgress | None = None,
) -> Path:  # fmt: skip
    """Write the map over the whole recording as an mp4.

    Parameters
    ----------
    path : path-like
    activity : Activity
    fps : float
        Frames per second.
    height : int
        In pixels.
    names, overwrite : bool
        As for :func:`save_map`.
    on_progress : callable, optional
        Called with (frames done, frames in all).
    """
    final = Path(path)
    frames = MapFrames(activity, height, names=names)
    times = activity.timestamps
    moments = np.arange(times[0], times[-1] + 0.5 / fps, 1.0 / fps)
    with (
        atomic_path(final, overwrite=overwrite) as temporary,
        VideoWriter(temporary, fps) as film,
    ):
        for done, seconds in enumerate(moments, start=1):
            film.write(frames.frame(float(seconds)))
            if on_progress is not None:
                on_progress(done, len(moments))
    return final
