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


#: x264's look ahead by macroblock tree reads memory that nobody wrote where a film is a few frames
#: long: 11 of 300 films of the same three frames had other bytes, 0 of 300 without it.
SAME_BYTES = {"x264-params": "mbtree=0"}


class VideoWriter:
    """Write RGB frames as an H.264 mp4 that every player and browser opens.

    Parameters
    ----------
    path : path-like
        The file to write (give it a temporary name from `files.atomic_path`).
    fps : float
        Frames per second.
    threads : int, optional
        Of the encoder; with a given number, the same frames give the same bytes on any machine.
        None leaves it to the number of cores.
    """

    def __init__(self, path: str | Path, fps: float, *, threads: int | None = None) -> None:
        self._path = Path(path)
        self._threads = threads
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
            if self._threads is not None:
                self._stream.codec_context.thread_count = self._threads
                self._stream.options = self._stream.options | SAME_BYTES
        picture = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(frame[:height, :width]), format="rgb24"
        )
        self._send(picture)

    def _send(self, picture: av.VideoFrame | None) -> None:
        """Encode a frame, or with None what is still held back."""
        try:
            self._container.mux(self._stream.encode(picture))
        except av.error.FFmpegError as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> EiferError:
        reason = getattr(error, "strerror", None) or error
        return EiferError(
            f"The film {self._path.name} could not be written: {reason}.",
            "Check the free space of its folder.",
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._stream is not None and kind is None:
                self._send(None)
        finally:
            try:
                self._container.close()
            except av.error.FFmpegError as failure:
                if kind is None:
                    raise self._failed(failure) from failure


def read_image(path: str | Path) -> np.ndarray:
    """An image file as uint8 RGB, shape (height, width, 3).

    Raises
    ------
    EiferError
        When the file is missing or holds no whole picture.
    """
    try:
        with av.open(str(path)) as container:
            pixels: np.ndarray = next(container.decode(video=0)).to_ndarray(format="rgb24")
    except (OSError, av.error.FFmpegError, StopIteration) as error:
        raise EiferError(
            f"{path} holds no readable picture.",
            "Check that it is an image, and that its disk is not full.",
        ) from error
    return pixels
