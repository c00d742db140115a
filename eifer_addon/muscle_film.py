"""The flat muscle map over time: a frame of a film is a copy of pixels and one product."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import EiferError
from .figures import STYLE, is_simulated, need_matplotlib
from .files import atomic_path
from .muscle_figure import draw, field, grid
from .muscle_moments import Moment, Placed, moment_at
from .progress import OnProgress
from .signals.activity import Activity
from .video.encode import VideoWriter


class MapFrames:
    """Frames of the map over time, as pixels.

    Parameters
    ----------
    activity : Activity
    height : int
        Of a frame in pixels.
    names : bool
        Whether the muscles' names are written.
    scheme : str, optional
        As for :func:`.electrodes.sites_of`.
    limit : float
        The activity of the last colour.
    """

    def __init__(
        self, activity: Activity, height: int, *, names: bool = False, scheme: str | None = None,
        limit: float = 1.0,
    ) -> None:  # fmt: skip
        self._activity, self._scheme = activity, scheme
        placed = Placed.of(activity, scheme)
        if len(activity) == 0:
            raise EiferError("There is no activity to draw.", "Use a longer recording.")
        blank = Moment(
            np.zeros(len(placed.muscles)), placed.muscles, " ", is_simulated(activity.source),
            placed.sites, moment_at(activity, float(activity.timestamps[0]), scheme).strong,
        )  # fmt: skip
        with need_matplotlib().rc_context(STYLE):
            self._figure = draw([blank], names=names, limit=limit)
            self._figure.set_dpi(height / self._figure.get_figheight())
        axes = self._figure.axes[0]
        self._image, self._title = axes.images[0], self._figure.texts[0]
        self._front = [self._image, *axes.lines, *axes.collections, *axes.texts, self._title]
        for artist in self._front:
            artist.set_animated(True)
        self._figure.canvas.draw()
        self._page = self._figure.canvas.copy_from_bbox(self._figure.bbox)
        self._weights = grid(placed.sites)[2]

    def frame(self, seconds: float) -> np.ndarray:
        """The map at one time, uint8 (height, width, 3); held at both ends of the recording."""
        times = self._activity.timestamps
        held = float(np.clip(seconds, times[0], times[-1]))
        values = moment_at(self._activity, held, self._scheme).values
        self._image.set_data(field(self._weights, values).reshape(self._image.get_array().shape))
        self._title.set_text(f"{seconds:.2f} s")
        canvas = self._figure.canvas
        canvas.restore_region(self._page)
        for artist in self._front:
            self._figure.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_film(
    path: str | Path, activity: Activity, *, fps: float = 25.0, height: int = 720,
    names: bool = False, scheme: str | None = None, limit: float = 1.0, overwrite: bool = True,
    on_progress: OnProgress | None = None,
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
    names, scheme, limit
        As for :class:`MapFrames`.
    overwrite : bool
        Whether an existing file is replaced.
    on_progress : callable, optional
        Called with (frames done, frames in all).
    """
    final = Path(path)
    frames = MapFrames(activity, height, names=names, scheme=scheme, limit=limit)
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
