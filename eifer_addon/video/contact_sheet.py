"""A contact sheet: the film's frames in the first row, below them a row for each method.

The avatar in every tile is posed as the method's track says and seen as the film's camera saw the
face, so that it lies where the face lies, as in figures of the field's papers. Where a track is of
another head than the avatar, as FLAME's without its file, only its turn and expression mean
something there: the avatar is moved and scaled over the face that the detector finds.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..figures import FAINT, INK, STYLE, need_matplotlib, new_figure, pixels
from ..heads.model import HeadModel
from ..heads.retarget import retarget
from ..spaces import ARKIT52
from ..track import Camera, ExpressionTrack
from .compare_avatar import PAPER, Avatar, View
from .crop import Region, sample
from .decode import open_video
from .film import Frame, Video
from .landmarker import FaceLandmarker

#: The face's landmarks fill this part of a tile, and lie so much of it below the middle.
_FACE_SHARE, _FACE_BELOW = 0.60, 0.06
#: A row of a track belongs to a frame when it is no further away than this part of a frame.
_SAME_FRAME = 0.6
_SECONDS_WITHOUT_RATE = 1 / 25
_GAP_PX, _DPI = 6, 100
#: In pixels per pixel of a tile: room for the labels on the left and on top, and their size.
_LEFT, _TOP, _TITLE, _TEXT = 0.13, 0.19, 0.13, 0.062
_MOST_SAMPLES = 6


@dataclass(frozen=True)
class _Row:
    """A method: its track as the avatar takes it, and whether it is of the avatar's own head."""

    label: str
    track: ExpressionTrack
    avatar: Avatar
    camera: Camera
    is_own: bool

    def at(self, time_s: float, tolerance_s: float) -> int | None:
        """The track's row at a time of the film, None in gaps and where there is none."""
        times = self.track.timestamps
        if not len(times):
            return None
        nearest = int(np.argmin(np.abs(times - time_s)))
        there = abs(times[nearest] - time_s) <= tolerance_s
        return nearest if there and self.track.confidence[nearest] > 0 else None


def contact_sheet(
    rows: Mapping[str, ExpressionTrack],
    video_path: str | Path,
    frames: Sequence[int],
    head: HeadModel | None = None,
    *,
    size: int = 224,
    title: str = "",
    rate_hz: float | None = None,
) -> np.ndarray:
    """Draw the film's frames and, in a row for each method, the avatar as its track says.

    Parameters
    ----------
    rows : mapping of str to ExpressionTrack
        Label to track, from top to bottom, in any space; their timestamps are the film's.
    video_path : path-like
        The film they come from.
    frames : sequence of int
        Numbers of the frames in the film, from left to right.
    head : HeadModel, optional
        The avatar; tracks in another space than its own are carried to it. None: the open head.
    size : int
        Pixels of an edge of a tile.
    title : str
        A line above the sheet.
    rate_hz : float, optional
        Frames per second of an image sequence.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 3).

    Raises
    ------
    EiferError
        When the film has no such frame, no row or frame is given, or matplotlib, which draws the
        labels, is missing.
    """
    need_matplotlib()
    if not frames or not rows:
        raise EiferError("A contact sheet needs at least one frame and one track.", "Name some.")
    video = open_video(video_path) if rate_hz is None else open_video(video_path, rate_hz=rate_hz)
    pictures = [_frame(video, number) for number in frames]
    methods = _rows(rows, head, (video.facts.width, video.facts.height))
    columns = [_column(methods, picture, _tolerance(video), size) for picture in pictures]
    captions = [f"frame {p.index}\n{p.timestamp_s:.2f} s" for p in pictures]
    return _sheet(columns, ["film", *rows], captions, size, title)


def _tolerance(video: Video) -> float:
    rate = video.facts.rate_hz
    return _SAME_FRAME * (1 / rate if rate > 0 else _SECONDS_WITHOUT_RATE)


def _frame(video: Video, number: int) -> Frame:
    """One frame of the film."""
    if not 0 <= number < video.facts.n_frames:
        raise EiferError(
            f"{video.path.name} has {video.facts.n_frames} frames, none with number {number}.",
            f"Choose among 0 to {video.facts.n_frames - 1}.",
        )
    found = next(video.frames(number, number + 1), None)
    if found is None:
        raise EiferError(
            f"Frame {number} of {video.path.name} cannot be decoded.", "Choose another frame."
        )
    return found


def _rows(
    tracks: Mapping[str, ExpressionTrack], head: HeadModel | None, picture: tuple[int, int]
) -> list[_Row]:
    from ..heads.open_head import load_open_head

    avatar = Avatar(head or load_open_head())
    found = []
    for label, track in tracks.items():
        camera = track.camera or avatar.default_camera(*picture)
        own = avatar.takes(track) and avatar.fits(track)
        found.append(_Row(label, _taken(track, avatar), avatar, camera, own))
    return found


def _taken(track: ExpressionTrack, avatar: Avatar) -> ExpressionTrack:
    """The track as the avatar takes it."""
    if avatar.takes(track):
        return track
    hub = ARKIT52.name if avatar.head.units is not None else None
    return retarget(track, hub or avatar.head)


def _column(
    methods: Sequence[_Row], frame: Frame, tolerance_s: float, size: int
) -> list[np.ndarray | None]:
    """The film's tile and one for each method, None where a method has nothing."""
    posed: list[tuple[_Row, np.ndarray] | None] = []
    for row in methods:
        number = row.at(frame.timestamp_s, tolerance_s)
        posed.append(None if number is None else (row, row.avatar.vertices(row.track, number)))
    seen = [_points(*one) for one in posed if one is not None and one[0].track.camera is not None]
    face = _face_in(frame.image, seen)
    view = _view(frame.image, seen if face is None else [face], size)
    drawn = (one and _draw(*one, view, face) for one in posed)
    return [_cut(frame.image, view), *drawn]


def _points(row: _Row, vertices: np.ndarray) -> np.ndarray:
    """Pixels (n, 2) of the film at which a method sees the face's landmarks."""
    return row.camera.project(row.avatar.face_points(vertices))


def _draw(row: _Row, vertices: np.ndarray, view: View, face: np.ndarray | None) -> np.ndarray:
    """A method's tile; an avatar that is another head than the track's is laid over the face."""
    points = _points(row, vertices)
    if not row.is_own and face is not None and len(face) == len(points):
        view = _over(view, points, face)
    return row.avatar.draw(vertices, row.camera, view)


def _over(view: View, points: np.ndarray, face: np.ndarray) -> View:
    """The view in which points (n, 2) lie over those of a face, moved and scaled, not turned."""
    local, goal = points - points.mean(axis=0), face - face.mean(axis=0)
    scale = float(np.sqrt((goal**2).sum() / max(float((local**2).sum()), 1e-9)))
    dx, dy = face.mean(axis=0) - scale * points.mean(axis=0)
    left, top = (view.left - float(dx)) / scale, (view.top - float(dy)) / scale
    return View(left, top, view.edge / scale, view.size)


def _view(image: np.ndarray, faces: Sequence[np.ndarray], size: int) -> View:
    """The part of the picture around the face, the median of where points (n, 2) show it."""
    boxes = [np.concatenate([points.min(axis=0), points.max(axis=0)]) for points in faces]
    box = np.median(boxes, axis=0) if boxes else np.full(4, np.nan)
    if not np.isfinite(box).all():
        height, width = image.shape[:2]
        edge = float(min(height, width))
        return View((width - edge) / 2, (height - edge) / 2, edge, size)
    edge = max(float((box[2:] - box[:2]).max()) / _FACE_SHARE, 8.0)
    x, y = (box[:2] + box[2:]) / 2
    return View(float(x) - edge / 2, float(y) - edge * (0.5 + _FACE_BELOW), edge, size)


def _face_in(image: np.ndarray, seen: Sequence[np.ndarray]) -> np.ndarray | None:
    """Landmarks (478, 2) of the face in a picture: where methods see it, else the largest one."""
    found = [face.landmarks[:, :2].astype(np.float64) for face in _landmarker().detect(image)]
    if not found:
        return None
    if seen:
        middle = np.median([points.mean(axis=0) for points in seen], axis=0)
        return min(found, key=lambda face: float(np.linalg.norm(face.mean(axis=0) - middle)))
    return max(found, key=lambda face: float(np.prod(np.ptp(face, axis=0))))


@functools.cache
def _landmarker() -> FaceLandmarker:
    return FaceLandmarker()


def _cut(image: np.ndarray, view: View) -> np.ndarray:
    """A part of the picture as a tile; paper beyond its edges."""
    times = int(np.clip(np.ceil(view.edge / view.size), 1, _MOST_SAMPLES))
    region = Region(view.left + view.edge / 2, view.top + view.edge / 2, view.edge, view.edge)
    fine = sample(image, region, view.size * times, replicate=True)
    tile = fine.reshape(view.size, times, view.size, times, 3).mean(axis=(1, 3))
    centres = (np.arange(view.size) + 0.5) / view.scale
    x, y = view.left + centres, view.top + centres
    height, width = image.shape[:2]
    outside = ((y < 0) | (y > height))[:, None] | ((x < 0) | (x > width))
    tile[outside] = np.array(PAPER) * 255
    return np.asarray((tile + 0.5).astype(np.uint8))


@dataclass(frozen=True)
class _Layout:
    """Where tiles lie on the sheet, in pixels from the top left."""

    columns: int
    rows: int
    size: int
    has_title: bool

    @property
    def left(self) -> int:
        return round(self.size * _LEFT)

    @property
    def top(self) -> int:
        return round(self.size * (_TOP + _TITLE * self.has_title))

    @property
    def shape(self) -> tuple[int, int]:
        step = self.size + _GAP_PX
        return self.top + step * self.rows, self.left + step * self.columns

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Top and left of a tile."""
        step = self.size + _GAP_PX
        return self.top + step * row, self.left + step * column


def _sheet(
    columns: Sequence[Sequence[np.ndarray | None]], labels: Sequence[str],
    captions: Sequence[str], size: int, title: str,
) -> np.ndarray:  # fmt: skip
    """Tiles with their labels on white."""
    mpl = need_matplotlib()
    layout = _Layout(len(columns), len(labels), size, bool(title))
    height, width = layout.shape
    sheet = np.full((height, width, 3), 255, np.uint8)
    for x, column in enumerate(columns):
        for y, tile in enumerate(column):
            row, left = layout.corner(y, x)
            empty = np.full(3, np.rint(np.array(PAPER) * 255).astype(np.uint8))
            sheet[row : row + size, left : left + size] = empty if tile is None else tile
    with mpl.rc_context({**STYLE, "font.size": size * _TEXT * 72 / _DPI}):
        figure = new_figure(width / _DPI, height / _DPI, _DPI)
        figure.figimage(sheet, 0, 0, origin="upper", zorder=-1)
        _write_labels(figure, layout, labels, captions, title)
        for x, column in enumerate(columns):
            for y in [y for y, tile in enumerate(column) if tile is None]:
                row, left = layout.corner(y, x)
                _write(figure, left + size / 2, height - row - size / 2, "not seen", color=FAINT)
        return pixels(figure)


def _write_labels(
    figure: Any, layout: _Layout, labels: Sequence[str], captions: Sequence[str], title: str
) -> None:
    """Frames above the columns, methods left of the rows, the title on top."""
    (height, _), size = layout.shape, layout.size
    for x, caption in enumerate(captions):
        middle = layout.corner(0, x)[1] + size / 2
        _write(figure, middle, height - layout.top + 0.03 * size, caption, va="bottom")
    for y, label in enumerate(labels):
        middle = height - layout.corner(y, 0)[0] - size / 2
        _write(figure, layout.left / 2, middle, label, rotation=90)
    if title:
        _write(figure, layout.left, height - 0.04 * size, title, ha="left", va="top")


def _write(figure: Any, x: float, y: float, text: str, **details: Any) -> None:
    """Text at a place in pixels from the bottom left."""
    chosen = {"color": INK, "ha": "center", "va": "center", "linespacing": 1.1, **details}
    figure.text(x, y, text, transform=None, **chosen)
