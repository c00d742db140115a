"""From a film with electrodes to the same film without: behind button, command and script."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ...models.translator import load_translator
from ..errors import Cancelled, EiferError
from ..files import atomic_path, cache_folder, write_error
from ..progress import OnProgress
from ..version import software_version
from .decode import PICTURES_HZ, open_video
from .film import Video
from .job_faces import model_sha256, source_of
from .job_pool import Pool
from .landmarker import FaceLandmarker
from .options import Who
from .remove_join import join
from .remove_pieces import SUFFIX, Note, is_whole, read_note
from .remove_source import Original
from .remove_target import check_target
from .remove_video import Counts
from .remove_whose import look_for
from .remove_work import Cleaning, clean_piece, pieces_of
from .segments import Segment, processes

#: Of the frames with a face, the share on which something has to be glued for a film to count as
#: one with electrodes.
_LEAST_SHARE = 0.02
_NOT_WORTH_A_PROCESS = 48
#: Work of a process that was killed is taken away after two days.
_LEFT_S = 2 * 86400.0
_FOLDER = "clean films"


@dataclass(frozen=True)
class CleanFilm:
    """What became of a film.

    Attributes
    ----------
    path : pathlib.Path
        The new film.
    frames, face_frames, covered_frames : int
        Frames; those that show a face; those on whose face something was glued.
    covered : float
        The share of the face's square that was replaced, on average over all frames.
    has_electrodes : bool
        False where nothing was found; the pictures are the original's then.
    sound : str
        "copied", "encoded again", or "none".
    translator, translator_sha256 : str
        Which network.
    frames_per_s : float
        Of this run; 0 where all was done before.
    damage : tuple of str
        Places that were left out.
    """

    path: Path
    frames: int
    face_frames: int
    covered_frames: int
    covered: float
    has_electrodes: bool
    sound: str
    translator: str
    translator_sha256: str
    frames_per_s: float = 0.0
    damage: tuple[str, ...] = ()

    def describe(self) -> str:
        """One line for a person."""
        if not self.has_electrodes:
            return f"No electrodes were found, so {self.path.name} shows what the original shows."
        words = f"{self.frames} frames, {self.covered_frames} with electrodes"
        missing = self.frames - self.face_frames
        words += f", {missing} without a face" if missing else ""
        sound = "silent" if self.sound == "none" else f"sound {self.sound}"
        return f"{words}; {sound}."


def remove_electrodes(
    video: str | Path,
    out: str | Path,
    model: str | Path | None = None,
    on_progress: OnProgress | None = None,
    *,
    who: Who = "largest",
    workers: int | None = None,
    overwrite: bool = False,
    should_stop: Callable[[], bool] | None = None,
    **reading: Any,
) -> CleanFilm:
    """Write a film again without the electrodes, cables and tape on a face.

    Work that was stopped or killed goes on when it is started again with the same choices.

    Parameters
    ----------
    video : path-like
        Whatever `decode.open_video` reads.
    out : path-like
        The new film, ``.mp4``: upright, in the original's size, at its times, with its sound.
    model : path-like, optional
        A translator of the user's; by default the one that comes with the add-on.
    on_progress : callable, optional
        Called with the number of frames done and of all; it may raise `Cancelled`.
    who : str, int or tuple
        Whose face: "largest", "central", a person's number, (frame, x, y) in pixels, or "all".
    workers : int, optional
        Processes; None is one for each core, 1 works in this process.
    overwrite : bool
        Whether `out` may be replaced.
    should_stop : callable, optional
        Asked after each frame; when it says True, the work ends with `Cancelled`.
    **reading
        How the film is read: ``start``, ``stop`` and ``step`` (first frame, the one after the
        last, every how-many-th frame), ``rate_hz`` of an image sequence, ``keep_going`` to leave
        damaged places out.

    Returns
    -------
    CleanFilm

    Raises
    ------
    EiferError
        When the film cannot be read or shows no face, `out` cannot be written or is the film
        itself, or the model is no translator.
    """
    target, how = Path(out), Reading.of(reading)
    film = open_video(video, rate_hz=how.rate_hz)
    check_target(film, target, overwrite=overwrite)
    job = _Job(film, how, who, None if model is None else str(Path(model)), workers)
    began = time.monotonic()
    notes, fresh = job.work(on_progress or _nobody, should_stop or _never)
    spent = time.monotonic() - began
    counts = sum((note.counts for note in notes), Counts())
    if counts.face_frames == 0:
        others = "" if model is None else f" after {Path(model).name} took the electrodes off"
        remedy = (
            "Choose a film in which a face is seen from the front, larger than a twentieth of "
            "the picture's height."
        )
        if others:  # a network that was hardly trained paints over the face that it was given
            remedy += " If it is one, train the model longer, or try without --model."
        raise EiferError(f"No face was found in {film.path.name}{others}.", remedy)
    done = job.finish(target, notes, counts, overwrite=overwrite)
    return replace(done, frames_per_s=round(fresh / spent, 2) if spent > 0 else 0.0)


def _nobody(_done: int, _total: int) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Reading:
    """What of a film is read, and how; see `remove_electrodes`."""

    start: int = 0
    stop: int | None = None
    step: int = 1
    rate_hz: float = PICTURES_HZ
    keep_going: bool = False

    @classmethod
    def of(cls, choices: Mapping[str, Any]) -> Reading:
        """Options by name; those that are None are as usual."""
        given = {name: value for name, value in choices.items() if value is not None}
        known = [entry.name for entry in fields(cls)]
        for name in given:
            if name not in known:
                raise EiferError(
                    f"Cleaning a film has no option '{name}'.",
                    f"Its options are {', '.join(known)}.",
                )
        return cls(**given)

    @property
    def is_whole(self) -> bool:
        """Whether every frame is wanted."""
        return (self.start, self.stop, self.step) == (0, None, 1)


class _Job:
    """One film on its way."""

    def __init__(
        self, film: Video, reading: Reading, who: Who, model: str | None, workers: int | None
    ) -> None:
        if workers is not None and workers < 1:
            raise EiferError(f"{workers} processes do no work.", "Give at least 1.")
        film.frames(reading.start, reading.stop, reading.step)  # says what is wrong with the range
        self._film, self._reading, self._who = film, reading, who
        self._model, self._translator = model, load_translator(model)
        self._workers = workers
        self._original = Original.of(film)
        self._segments = pieces_of(film, reading.start, reading.stop, reading.step)
        self._folder = _work_folder(self._key())
        self._paths = [self._folder / f"{one.start:08d}{SUFFIX}" for one in self._segments]

    def _key(self) -> dict[str, Any]:
        """What the pieces depend on."""
        return {
            "source": source_of(self._film), "translator": self._translator.sha256,
            "landmarks": model_sha256(), "software": software_version(),
            "reading": asdict(self._reading), "who": self._who,
        }  # fmt: skip

    def work(self, tell: OnProgress, should_stop: Callable[[], bool]) -> tuple[list[Note], int]:
        """Clean what is left; the notes of all pieces, and how many frames were left."""
        step = self._reading.step
        head = self._key()
        left = [
            (segment, path)
            for segment, path in zip(self._segments, self._paths, strict=True)
            if not is_whole(path, {**head, "segment": [segment.start, segment.stop]})
        ]
        total = sum(segment.count(step) for segment in self._segments)
        fresh = sum(segment.count(step) for segment, _ in left)
        before = total - fresh
        tell(before, total)
        if left:
            tools = self._translator, FaceLandmarker()
            rule, look = look_for(self._film, tools, self._who, self._reading.start,
                                  self._reading.stop, self._reading.step)  # fmt: skip
            how = Cleaning(
                step,
                self._reading.keep_going,
                rule,
                look,
                self._original.colours,
                self._model,
                head,
            )
            facts = self._film.facts
            count = processes(self._workers, len(left), facts.width * facts.height)

            def count_up(done: int) -> None:
                tell(before + done, total)

            if count < 2 or fresh < _NOT_WORTH_A_PROCESS:
                self._alone(tools, how, left, count_up, should_stop)
            else:
                self._together(how, left, count, count_up, should_stop)
        notes = [read_note(path) for path in self._paths]
        if should_stop() or any(note is None for note in notes):
            raise Cancelled(f"The cleaning of {self._film.path.name}")
        tell(total, total)
        return [note for note in notes if note is not None], fresh

    def _alone(
        self,
        tools: tuple[Any, FaceLandmarker],
        how: Cleaning,
        left: Sequence[tuple[Segment, Path]],
        on_done: Callable[[int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        before = 0
        for segment, path in left:

            def count(done: int, before: int = before) -> None:
                on_done(before + done)

            clean_piece(self._film, tools, how, segment, path, count, should_stop)
            before += segment.count(self._reading.step)
            if should_stop():
                return

    def _together(
        self,
        how: Cleaning,
        left: Sequence[tuple[Segment, Path]],
        count: int,
        on_done: Callable[[int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        index = self._folder / "index.npz"
        self._film.save_index(index)
        request = {
            "path": str(self._film.path), "index": str(index), "rate_hz": self._reading.rate_hz,
            "how": asdict(how),
        }  # fmt: skip
        whole = {segment.number: segment.count(self._reading.step) for segment, _ in left}

        def counts(done: Mapping[int, int]) -> None:
            on_done(sum(whole[k] if done[k] < 0 else done[k] for k in done))

        pool = Pool(
            self._film.path.name, request, count, counts, should_stop, module="video.remove_work"
        )
        pool.run([segment for segment, _ in left], [path for _, path in left])

    def finish(
        self, target: Path, notes: Sequence[Note], counts: Counts, *, overwrite: bool
    ) -> CleanFilm:
        """Put the pieces together and take them away."""
        translator = self._translator
        found = counts.covered_frames >= max(_LEAST_SHARE * counts.face_frames, 1)
        about = (
            f"Electrodes removed by EIFER {software_version()} with {translator.name} "
            f"({translator.sha256[:12]})"
        )
        whole = self._reading.is_whole
        with atomic_path(target, overwrite=overwrite) as temporary:
            if not found and self._can_be_copied() and whole:
                shutil.copyfile(self._film.path, temporary)
                sound = "copied" if self._film.facts.has_sound else "none"
            else:
                sound = join(
                    self._paths, notes, self._original, temporary, whole=whole, about=about
                )
        shutil.rmtree(self._folder, ignore_errors=True)
        damage = tuple(dict.fromkeys(said for note in notes for said in note.damage))
        return CleanFilm(
            target, counts.frames, counts.face_frames, counts.covered_frames,
            round(counts.covered / max(counts.frames, 1), 5), found, sound, translator.name,
            translator.sha256, damage=damage,
        )  # fmt: skip

    def _can_be_copied(self) -> bool:
        return self._original.is_film and self._film.path.suffix.lower() == SUFFIX


def _work_folder(key: Mapping[str, Any]) -> Path:
    """A folder for the pieces, the same for the same work."""
    base = cache_folder() / _FOLDER
    for left in base.glob("*") if base.is_dir() else ():
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_S:
                shutil.rmtree(left, ignore_errors=True)
    text = json.dumps(dict(key), sort_keys=True)
    folder = base / hashlib.sha256(text.encode()).hexdigest()[:24]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    return folder
