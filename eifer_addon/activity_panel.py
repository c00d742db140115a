"""The envelopes beside the face, as frames of a video.

A page of the recording is drawn once in full and once faded; a frame is the two halves put
together at the cursor, which costs a copy of pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import EiferError
from .figures import (
    STYLE,
    in_words,
    is_simulated,
    muscle_rows,
    need_matplotlib,
    new_figure,
    pixels,
    thin,
)
from .signals.activity import Activity

#: A recording up to this long is one page; longer ones turn pages of `_PAGE_S`.
_ONE_PAGE_S, _PAGE_S = 30.0, 20.0
_DPI = 100
#: A moment's name stays this long.
_MOMENT_S = 3.0
_PAPER, _INK, _FAINT, _HAIR, _CURSOR = "#1b1d21", "#e8e8e8", "#a3a7ad", "#3a3d44", "#ffffff"
#: Okabe and Ito's sky blue and orange: their lighter pair, for a dark ground.
_SIDES = {"left": "#56B4E9", "right": "#E69F00", "": "#009E73"}
_FADED = 0.42
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.31, 0.955, 0.875, 0.085
_CAPTION = (0.885, 0.945)


class EnvelopePanel:
    """Frames of the envelopes of one activity at one size.

    Parameters
    ----------
    activity : Activity
        What is drawn; simulated activity is labelled so.
    size : tuple of int
        Width and height in pixels, at least 240 each.
    """

    def __init__(self, activity: Activity, size: tuple[int, int]) -> None:
        self.width, self.height = size
        if min(size) < 240:
            raise EiferError(
                f"A panel of {size[0]} x {size[1]} pixels is too small to read.",
                "Use at least 240 x 240.",
            )
        if len(activity) == 0:
            raise EiferError("There is no activity to draw.", "Use a longer recording.")
        self.activity = activity
        whole = len(activity) / activity.rate_hz
        self.page_s = whole if whole <= _ONE_PAGE_S else _PAGE_S
        self._page: tuple[int, np.ndarray, np.ndarray] | None = None
        self._captions: dict[str, np.ndarray] = {}

    def frame(self, time_s: float) -> np.ndarray:
        """The panel at `time_s`, uint8 (height, width, 3)."""
        since = min(
            max(time_s - self.activity.start_s, 0.0),
            (len(self.activity) - 1) / self.activity.rate_hz,
        )
        number = int(since // self.page_s)
        full, faded = self._drawn_page(number)
        image = faded.copy()
        left, right = round(_LEFT * self.width), round(_RIGHT * self.width)
        at = left + (since - number * self.page_s) / self.page_s * (right - left)
        cursor = round(at)
        image[:, :cursor] = full[:, :cursor]
        top, bottom = (round((1 - y) * self.height) for y in (_TOP, _BOTTOM))
        thick = max(1, round(self.width / 400))
        image[top:bottom, cursor : cursor + thick] = 255
        self._put_caption(image, time_s)
        return image

    def _put_caption(self, image: np.ndarray, time_s: float) -> None:
        name = next(
            (
                name
                for onset, name, length in reversed(self.activity.events)
                if onset <= time_s < onset + (length or _MOMENT_S)
            ),
            "",
        )
        if name not in self._captions:
            self._captions[name] = self._caption(name)
        strip = self._captions[name]
        first = round((1 - _CAPTION[1]) * self.height)
        image[first : first + len(strip)] = strip

    def _drawn_page(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if self._page is None or self._page[0] != number:
            with need_matplotlib().rc_context(dict(STYLE)):
                full = self._draw(number)
            paper = np.array([int(_PAPER[k : k + 2], 16) for k in (1, 3, 5)], np.float32)
            faded = full.copy()
            left, right = round(_LEFT * self.width), round(_RIGHT * self.width)
            top, bottom = (round((1 - y) * self.height) for y in (_TOP, _BOTTOM))
            part = full[top:bottom, left:right].astype(np.float32)
            faded[top:bottom, left:right] = np.round(paper + (part - paper) * _FADED)
            self._page = (number, full, faded)
        return self._page[1], self._page[2]

    def _font(self, share: float) -> float:
        """A font size in points for letters of `share` of the panel's smaller side."""
        return max(6.0, share * min(self.width, self.height) * 72 / _DPI)

    def _draw(self, number: int) -> np.ndarray:
        figure = self._figure()
        axes = figure.add_axes((_LEFT, _BOTTOM, _RIGHT - _LEFT, _TOP - _BOTTOM))
        axes.set_facecolor(_PAPER)
        start = self.activity.start_s + number * self.page_s
        self._curves(axes, start)
        axes.set_xlim(start, start + self.page_s)
        axes.set_yticks([])
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(_FAINT)
        axes.tick_params(colors=_FAINT, labelsize=self._font(0.024))
        axes.set_xlabel("time (s)", color=_FAINT, fontsize=self._font(0.026), labelpad=1)
        self._title(figure)
        return pixels(figure)

    def _figure(self, height: int | None = None) -> Any:
        return new_figure(self.width / _DPI, (height or self.height) / _DPI, _DPI, facecolor=_PAPER)

    def _curves(self, axes: Any, start: float) -> None:
        activity = self.activity
        first = max(0, math.floor((start - activity.start_s) * activity.rate_hz))
        last = first + math.ceil(self.page_s * activity.rate_hz) + 1
        times, values = activity.timestamps[first:last], activity.values[first:last]
        top = max(1.3, float(np.percentile(activity.values, 99.8)))
        rows = muscle_rows(activity)
        for row, (muscle, columns) in enumerate(rows):
            axes.axhline(-row, color=_HAIR, linewidth=0.7, zorder=1)
            for side, column in columns.items():
                time_s, curve = thin(times, values[:, column], 4 * self.width)
                curve = np.clip(curve, 0, top) / top * 0.92 - row
                colour = _SIDES.get(side, _INK)
                shade = colour if len(columns) == 1 else _INK  # two colours over each other are mud
                axes.fill_between(time_s, -row, curve, color=shade, alpha=0.13, linewidth=0)
                axes.plot(time_s, curve, color=colour, linewidth=self.width / 560, zorder=3)
            axes.text(-0.02, 0.3 - row, in_words(muscle), ha="right", va="center", color=_INK,
                      fontsize=self._font(0.026), transform=axes.get_yaxis_transform())  # fmt: skip
        for onset, _, length in activity.events:
            if length == 0 and times[0] <= onset <= times[-1]:
                axes.axvline(onset, color=_FAINT, linewidth=0.6, zorder=1)
        axes.set_ylim(-len(rows) + 0.9, 1.0)

    def _title(self, figure: Any) -> None:
        simulated = is_simulated(self.activity.source)
        title = "Simulated muscle activity" if simulated else "Muscle activity"
        figure.text(0.03, 0.965, title, color=_INK, weight="bold", va="center",
                    fontsize=self._font(0.036))  # fmt: skip
        sides = {side for _, columns in muscle_rows(self.activity) for side in columns}
        for side, x in (("left", 0.868), ("right", 0.975)):
            if side in sides:
                figure.text(x, 0.965, side, color=_SIDES[side], weight="bold", ha="right",
                            va="center", fontsize=self._font(0.03))  # fmt: skip

    def _caption(self, name: str) -> np.ndarray:
        """The strip that says what the face does now."""
        height = round((_CAPTION[1] - _CAPTION[0]) * self.height)
        figure = self._figure(height)
        figure.text(0.03, 0.5, name, color=_FAINT, va="center", fontsize=self._font(0.034))
        return pixels(figure)[:, : self.width]


_latest: EnvelopePanel | None = None


def envelope_panel(activity: Activity, time_s: float, size: tuple[int, int]) -> np.ndarray:
    """The envelopes of all muscles with a cursor at `time_s`.

    Parameters
    ----------
    activity : Activity
        What is drawn; simulated activity is labelled so.
    time_s : float
        Time of the frame, clipped to the activity.
    size : tuple of int
        Width and height in pixels.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3). The first frame of a page costs some 0.3 s, every further one
        below a millisecond.

    Raises
    ------
    EiferError
        When matplotlib is missing or the size is too small to read.
    """
    global _latest
    if (
        _latest is None
        or _latest.activity is not activity
        or (_latest.width, _latest.height) != tuple(size)
    ):
        _latest = EnvelopePanel(activity, size)
    return _latest.frame(time_s)
