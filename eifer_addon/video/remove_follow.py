"""Electrodes off while the faces of a film are followed: the same frames, read and written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ...models.translator import load_translator
from ..files import atomic_path
from ..version import software_version
from .film import Frame, Video
from .landmarker import FaceLandmarker
from .options import VideoOptions
from .remove_cleaner import CleanFrame, Translator
from .remove_join import join
from .remove_pieces import SUFFIX, Colours, PieceWriter, is_whole, read_note
from .remove_source import Original
from .remove_video import CleanedVideo
from .segments import Segment


def removal_of(video: Video, options: VideoOptions) -> dict[str, Any] | None:
    """How electrodes are removed, as it travels to processes; None where they are not.

    Raises
    ------
    EiferError
        When the translator is none.
    """
    if not options.remove_electrodes:
        return None
    translator = load_translator(options.translator)
    colours = Original.of(video).colours if options.clean_film else Colours()
    return {
        "model": options.translator, "sha256": translator.sha256, "name": translator.name,
        "film": options.clean_film is not None,
        "colours": [colours.primaries, colours.transfer, colours.matrix],
    }  # fmt: skip


@cache
def _translator(model: str | None) -> Translator:
    return load_translator(model)


def without_electrodes(
    video: Video, removal: Mapping[str, Any] | None, landmarker: FaceLandmarker | None = None
) -> Video:
    """The film as it is read: as it is, or without electrodes."""
    if removal is None:
        return video
    return CleanedVideo(video, _translator(removal["model"]), landmarker=landmarker)


@contextmanager
def shown(
    video: Video,
    landmarker: FaceLandmarker,
    removal: Mapping[str, Any] | None,
    segment: Segment,
    path: Path,
    head: Mapping[str, Any],
) -> Iterator[tuple[Video, Callable[[], None]]]:
    """A piece of film as it is read, and what is called when it was read to its end.

    Where a clean film is wanted, the piece's own frames are written beside its journal.

    Parameters
    ----------
    video : Video
    landmarker : FaceLandmarker
    removal : mapping or None
        From :func:`removal_of`.
    segment : Segment
    path : pathlib.Path
        The piece's journal.
    head : mapping
        What is noted with the piece.
    """
    if removal is None or not removal["film"]:
        yield without_electrodes(video, removal, landmarker), _nothing
        return
    colours = Colours(*removal["colours"])
    with PieceWriter(path.with_suffix(SUFFIX), head, colours) as piece:

        def write(frame: Frame, found: CleanFrame) -> None:
            # The frames of the next piece are followed only.
            if frame.index < segment.stop:
                piece.add(frame, found)

        translator = _translator(removal["model"])
        clean = CleanedVideo(video, translator, landmarker=landmarker, on_frame=write)
        yield clean, lambda: piece.end(list(clean.damage))


def _nothing() -> None:
    pass


def is_written(path: Path, removal: Mapping[str, Any] | None, head: Mapping[str, Any]) -> bool:
    """Whether the clean film's piece is there, if one is wanted."""
    return removal is None or not removal["film"] or is_whole(path.with_suffix(SUFFIX), head)


def write_clean_film(
    video: Video, removal: Mapping[str, Any], journals: Sequence[Path], out: Path, *, whole: bool
) -> bool:
    """Put the pieces together; False where some of them are not there.

    Parameters
    ----------
    video : Video
    removal : mapping
        From :func:`removal_of`.
    journals : sequence of pathlib.Path
        Those of the pieces.
    out : pathlib.Path
    whole : bool
        Whether every frame of the film was wanted.
    """
    paths = [journal.with_suffix(SUFFIX) for journal in journals]
    notes = [note for note in map(read_note, paths) if note is not None]
    if len(notes) < len(paths):
        return False
    about = (
        f"Electrodes removed by EIFER {software_version()} with {removal['name']} "
        f"({removal['sha256'][:12]})"
    )
    with atomic_path(out) as temporary:
        join(paths, notes, Original.of(video), temporary, whole=whole, about=about)
    return True
