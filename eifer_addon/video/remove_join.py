"""Pieces of a clean film and the original's sound become one mp4, without decoding either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..errors import EiferError
from .remove_pieces import Note
from .remove_source import Original, Sound

#: The table of contents before the pictures, so that a browser begins to play at once.
_FAST = {"movflags": "+faststart"}


def join(
    pieces: Sequence[Path],
    notes: Sequence[Note],
    original: Original,
    out: Path,
    *,
    whole: bool,
    about: str,
) -> str:
    """Write the film.

    Parameters
    ----------
    pieces : sequence of pathlib.Path
    notes : sequence of Note
        Of the pieces.
    original : Original
    out : pathlib.Path
        A temporary name that ends in ``.mp4``.
    whole : bool
        Whether the film is wanted from its beginning to its end, and so with all of its sound.
    about : str
        The comment in the file.

    Returns
    -------
    str
        What became of the sound: "copied", "encoded again", or "none".

    Raises
    ------
    EiferError
        When it cannot be written.
    """
    used = [(path, note) for path, note in zip(pieces, notes, strict=True) if note.indices]
    ticks = _ticks([t for _, note in used for t in note.times_s], original.tick)
    first_s = original.clock.picture_s
    begin_s = first_s + float(ticks[0] * original.tick)
    step = int(np.median(np.diff(ticks))) if len(ticks) > 1 else _one_frame(original.tick)
    end_s = first_s + float((ticks[-1] + step) * original.tick)
    starts = [first_s] if original.clock.sound_s is None else [first_s, original.clock.sound_s]
    # What is cut out begins at 0; a whole film keeps its times, but for an idle beginning of all.
    offset_s = max(min(starts), 0.0) if whole else begin_s
    span = (-float("inf"), float("inf")) if whole else (begin_s, end_s)
    shift = round((first_s - offset_s) / float(original.tick))
    try:
        with av.open(str(out), "w", format="mp4", container_options=_FAST) as output:
            output.metadata["comment"] = about
            with av.open(str(used[0][0])) as template:
                stream = output.add_stream_from_template(template.streams.video[0])
            stream.time_base = original.tick
            sound = Sound(original, output, *span, offset_s)
            try:
                _mux(output, stream, sound, [path for path, _ in used], ticks + shift, step)
            finally:
                sound.close()
            return sound.how
    except (OSError, av.error.FFmpegError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise EiferError(
            f"The clean film of {original.path.name} could not be written: {reason}.",
            "Check the free space of its folder.",
        ) from error


def _mux(
    output: Any, stream: Any, sound: Sound, paths: Sequence[Path], ticks: np.ndarray, step: int
) -> None:
    tick, n = Fraction(stream.time_base), len(ticks)
    for k, packet in enumerate(_packets(paths)):
        packet.stream = stream
        packet.time_base = tick
        packet.pts = packet.dts = int(ticks[k])
        packet.duration = int(ticks[k + 1] - ticks[k]) if k + 1 < n else step
        # The sound in between, because a container keeps in memory what cannot be put in order.
        output.mux(list(sound.until(float(ticks[k] * tick))))
        output.mux(packet)
    output.mux(list(sound.until(float("inf"))))


def _packets(paths: Sequence[Path]) -> Iterator[Any]:
    for path in paths:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.size:
                    yield packet


def _ticks(times_s: Sequence[float], tick: Fraction) -> np.ndarray:
    """Times in whole ticks, int64, each later than the one before."""
    ticks = np.rint(np.array(times_s) / float(tick)).astype(np.int64)
    return np.asarray(np.maximum.accumulate(ticks - np.arange(len(ticks))) + np.arange(len(ticks)))


def _one_frame(tick: Fraction) -> int:
    return max(round(1 / 25 / tick), 1)
