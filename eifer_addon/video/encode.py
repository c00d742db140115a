"""Writing video files through PyAV (FFmpeg's libraries, bundled with the extension)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from ..errors import EiferError

#: x264's constant rate factor: visually lossless for a rendered face.
_QUALITY = "18"


class VideoWriter:
    """Write RGB frames as an H.264 mp4 that every player and browser opens.

    Parameters
    ----------
    path : path-like
        The file to write (give it a temporary name from `files.atomic_path`).
    fps : float
        Frames per second.
    """

    def __init__(self, path: str | Path, fps: float) -> None:
        self._path = Path(path)
        self._fps = Fraction(fps).limit_denominator(100_000)
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Self:
        try:
            self._container = av.open(str(self._path), "w", format="mp4")
        except OSError as error:
            raise EiferError(
                f"{self._path} could not be opened for writing: {error.strerror}.",
                "Choose another folder.",
            ) from error
        return self

    def write(self, frame: np.ndarray) -> None:
        """Add one frame.

        Parameters
        ----------
        frame : numpy.ndarray
            uint8, shape (height, width, 3), RGB; an odd row or column is cut off, because
            H.264's colour planes have half the size.
        """
        height, width = (side - side % 2 for side in frame.shape[:2])
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._fps)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"crf": _QUALITY, "preset": "medium"}
        picture = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(frame[:height, :width]), format="rgb24"
        )
        self._container.mux(self._stream.encode(picture))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None and kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()


def read_image(path: str | Path) -> np.ndarray:
    """An image file as uint8 RGB, shape (height, width, 3)."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        pixels: np.ndarray = frame.to_ndarray(format="rgb24")
        return pixels
