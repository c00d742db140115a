"""Small films with known content, in the many ways in which cameras write them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TICKS = 90_000
#: A frame's number is written into its picture in so many black or white cells.
_CELLS = 12
_CELL = 16
SIZE = (_CELLS * _CELL, 64)


def numbered(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture that shows its number in binary: uint8 (H, W, 3)."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    for bit in range(_CELLS):
        picture[:_CELL, bit * _CELL : (bit + 1) * _CELL] = 255 if number >> bit & 1 else 0
    return picture


def number_in(picture: np.ndarray) -> int:
    """The number that a picture shows."""
    cells = picture[4 : _CELL - 4, _CELL // 2 : _CELLS * _CELL : _CELL].mean(axis=(0, 2))
    return int(sum(1 << bit for bit, value in enumerate(cells) if value > 128))


def quadrants(width: int, height: int) -> np.ndarray:
    """Red, green above blue, white: tells every turn and mirroring."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2, 0] = 255
    picture[: height // 2, width // 2 :, 1] = 255
    picture[height // 2 :, : width // 2, 2] = 255
    picture[height // 2 :, width // 2 :] = 255
    return picture


def corners(picture: np.ndarray) -> str:
    """The colours of a picture's quadrants, row by row, as letters of ``rgbw``."""
    height, width = picture.shape[:2]
    letters = ""
    for y in (height // 4, height * 3 // 4):
        for x in (width // 4, width * 3 // 4):
            bright = picture[y, x] > 128
            letters += "w" if bright.all() else "rgb"[int(np.argmax(picture[y, x]))]
    return letters


def write_film(
    path: Path,
    pictures: Sequence[np.ndarray | av.VideoFrame],
    times_s: Sequence[float] | None = None,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
) -> Path:
    """Write pictures at given times (30 frames/s by default) and return the path."""
    times = np.arange(len(pictures)) / 30 if times_s is None else times_s
    ticks = 30 if times_s is None else TICKS
    first = pictures[0]
    size = first.shape[1::-1] if isinstance(first, np.ndarray) else (first.width, first.height)
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.options = options or ({"qp": "8", "preset": "ultrafast"} if "264" in codec else {})
        stream.codec_context.time_base = Fraction(1, ticks)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        if not isinstance(first, np.ndarray):
            for name in ("color_trc", "color_primaries", "colorspace", "color_range"):
                setattr(stream.codec_context, name, getattr(first, name))
        for picture, time_s in zip(pictures, times, strict=True):
            is_frame = not isinstance(picture, np.ndarray)
            frame = picture if is_frame else av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s * ticks), Fraction(1, ticks)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A second of silence in an mp4 without a picture."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=48_000)
        for k in range(46):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48_000, k * 1024
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def hdr_frame(code: np.ndarray, transfer: int) -> av.VideoFrame:
    """BT.2020 code values (H, W, 3) in [0, 1] as 10-bit film with a transfer function (H.273)."""
    red, green, blue = np.moveaxis(code, -1, 0)
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    planes = (
        64 + 876 * luma,
        512 + 896 * (blue - luma) / 1.8814,
        512 + 896 * (red - luma) / 1.4746,
    )
    frame = av.VideoFrame(code.shape[1], code.shape[0], "yuv444p10le")
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        padded[:, : plane.width] = np.rint(values)
        plane.update(padded.tobytes())
    frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = transfer, 9, 9, 1
    return frame
