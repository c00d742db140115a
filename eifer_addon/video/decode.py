"""Open any video: a file, an image sequence, a single picture, a RealSense recording."""

from __future__ import annotations

from pathlib import Path

from ..errors import EiferError
from .bags import BagVideo
from .container import ContainerVideo, Packets
from .film import Frame, Video, VideoFacts
from .pictures import SUFFIXES, is_pattern, open_pictures

__all__ = ["Frame", "Video", "VideoFacts", "open_video"]

PICTURES_HZ = 25.0


def open_video(
    path: str | Path,
    *,
    rate_hz: float = PICTURES_HZ,
    index: Path | None = None,
    threads: bool = True,
) -> Video:
    """Open a video and learn what it holds, without decoding more than its first frame.

    Parameters
    ----------
    path : path-like
        A video file, a RealSense or ROS 1 bag, a picture, a folder of pictures, or a name with
        ``%04d`` or ``####`` where the number of a picture stands.
    rate_hz : float
        Frames per second of an image sequence, which has no times of its own.
    index : pathlib.Path, optional
        What `Video.save_index` kept of this file, so that it need not be looked through again.
    threads : bool
        Whether the decoder may use several cores; False where several processes decode.

    Returns
    -------
    Video
        With `facts`, and `frames` that decodes from the beginning each time it is called.

    Raises
    ------
    EiferError
        When there is nothing there that can be read as a video; names the file.
    """
    path = Path(path)
    if path.is_dir() or is_pattern(path):
        return open_pictures(path, rate_hz)
    if not path.is_file():
        raise EiferError(f"{path} does not exist.", "Choose an existing video.")
    if path.suffix.lower() in SUFFIXES:
        return open_pictures(path, rate_hz)
    if path.suffix.lower() == ".bag":
        return BagVideo(path)
    known = Packets.load(index) if index is not None and index.is_file() else None
    return ContainerVideo(path, known, threads=threads)
