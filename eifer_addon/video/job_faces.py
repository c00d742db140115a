"""The wanted face in every frame of a film: pieces, processes, journals, and whose face it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..assets import asset_path
from ..errors import Cancelled, EiferError
from ..files import sha256_of, write_error
from ..version import software_version
from .decode import PICTURES_HZ
from .face_tracks import FaceTrack, choose_face, face_rows
from .film import Video
from .job_pool import Pool
from .job_worker import Following, follow_segment
from .journal import SUFFIX, is_complete, read_end, usable
from .landmarker import N_LANDMARKS, FaceLandmarker
from .options import VideoOptions
from .remove_follow import is_written, removal_of, without_electrodes, write_clean_film
from .segments import Segment, plan, processes
from .segments_joined import joined_frames

#: So few frames are done before another process is ready.
_NOT_WORTH_A_PROCESS = 120


class FilmFaces:
    """Follows the faces of a film into a folder and finds the wanted one.

    Parameters
    ----------
    video : Video
    options : VideoOptions
    folder : pathlib.Path
        For the journals; what lies there of an earlier run is used.
    source : mapping
        What film it is; see `source_of`.

    Attributes
    ----------
    total : int
        Frames that are wanted.
    damage : tuple of str
        A sentence for each place of the film that was left out, after `follow`.
    """

    def __init__(
        self, video: Video, options: VideoOptions, folder: Path, source: Mapping[str, Any]
    ) -> None:
        self._video, self._options, self._folder = video, options, folder
        self._segments = plan(video, options.start, options.stop, options.step)
        head = {
            "source": dict(source), "model": model_sha256(), "software": software_version(),
            "step": options.step, "max_faces": options.max_faces, "keep_going": options.keep_going,
        }  # fmt: skip
        self._removal = removal_of(video, options)
        if self._removal is not None:
            head["removal"] = self._removal
        self._how = Following(
            options.step, options.max_faces, options.keep_going, head, self._removal
        )
        self._paths = [folder / f"{segment.start:08d}{SUFFIX}" for segment in self._segments]
        self.total = sum(segment.count(options.step) for segment in self._segments)
        self.damage: tuple[str, ...] = ()

    def follow(
        self,
        on_done: Callable[[int], None],
        should_stop: Callable[[], bool],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> FaceTrack:
        """Work, then choose.

        Parameters
        ----------
        on_done : callable
            Called with the number of frames that are done.
        should_stop : callable
            When it says True, what is done by then is taken.
        meanwhile : callable
            Called once, when other processes work if there are any.

        Raises
        ------
        EiferError
            When a frame cannot be decoded, or the wanted face is not there.
        """
        left = [
            (segment, path)
            for segment, path in zip(self._segments, self._paths, strict=True)
            if not self._is_done(segment, path)
        ]
        for _, path in left:  # one of another film, or damaged
            path.unlink(missing_ok=True)
        todo, paths = [segment for segment, _ in left], [path for _, path in left]
        before = self.total - sum(self._count(segment) for segment in todo)
        on_done(before)
        facts = self._video.facts
        count = processes(self._options.workers, len(todo), facts.width * facts.height)
        if count < 2 or self.total < _NOT_WORTH_A_PROCESS:
            meanwhile()
            self._alone(todo, paths, lambda done: on_done(before + done), should_stop)
        else:
            pool = self._pool(count, todo, lambda done: on_done(before + done), should_stop)
            pool.run(todo, paths, meanwhile)
        return self._chosen()

    def _is_done(self, segment: Segment, path: Path) -> bool:
        head = self._how.head_of(segment)
        return is_complete(path, head) and is_written(path, self._removal, head)

    @property
    def shown(self) -> Video:
        """The film as its faces were followed: without electrodes where that was wanted."""
        return without_electrodes(self._video, self._removal)

    def write_clean(self, out: Path) -> bool:
        """Write the film without electrodes; False where the work was stopped before its end."""
        if self._removal is None:
            return False
        wanted = self._options
        whole = (wanted.start, wanted.stop, wanted.step) == (0, None, 1)
        return write_clean_film(self._video, self._removal, self._paths, out, whole=whole)

    @property
    def removal(self) -> dict[str, Any]:
        """What a result tells of the removal of electrodes; empty without any."""
        known = self._removal
        if known is None:
            return {}
        return {
            "electrodes_removed": True, "translator": known["name"],
            "translator_sha256": known["sha256"],
        }  # fmt: skip

    def _count(self, segment: Segment) -> int:
        return segment.count(self._options.step)

    def _alone(
        self,
        todo: list[Segment],
        paths: list[Path],
        on_done: Callable[[int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        landmarker, before, stopped = FaceLandmarker(), 0, False

        def stop() -> bool:
            nonlocal stopped
            stopped = stopped or should_stop()
            return stopped

        for segment, path in zip(todo, paths, strict=True):
            if stop():
                return

            def count(done: int, before: int = before) -> None:
                on_done(before + done)

            follow_segment(self._video, landmarker, self._how, segment, path, count, stop)
            before += self._count(segment)

    def _pool(
        self,
        count: int,
        todo: list[Segment],
        on_done: Callable[[int], None],
        should_stop: Callable[[], bool],
    ) -> Pool:
        whole = {segment.number: self._count(segment) for segment in todo}
        index = self._folder / "index.npz"
        self._video.save_index(index)
        request = {
            "path": str(self._video.path), "index": str(index),
            "rate_hz": self._options.rate_hz or PICTURES_HZ, "how": asdict(self._how),
        }  # fmt: skip

        def counts(done: Mapping[int, int]) -> None:
            on_done(sum(whole[k] if done[k] < 0 else done[k] for k in done))

        return Pool(self._video.path.name, request, count, counts, should_stop)

    def _chosen(self) -> FaceTrack:
        """The wanted person's rows; the landmarks stay on disk."""
        paths = usable(self._paths)
        ends = [read_end(path) for path in paths]
        for path, end in zip(paths, ends, strict=True):
            if path.suffix == SUFFIX and not end.complete:
                raise EiferError(f"{path} was damaged during the work.", "Start the work again.")
        self.damage = tuple(dict.fromkeys(said for end in ends for said in end.damage))
        facts = self._video.facts
        size = facts.width, facts.height
        n = sum(1 for _ in joined_frames(self._segments, paths))
        if n == 0:
            raise Cancelled(f"The work on {self._video.path.name}")
        one = choose_face(
            joined_frames(self._segments, paths), size, self._video.path.name, self._options.who
        )
        path = self._folder / "landmarks"
        try:
            with path.open("wb") as file:
                frames = joined_frames(self._segments, paths)
                track = face_rows(frames, n, one, size, lambda row: file.write(row.tobytes()))
        except OSError as error:
            raise write_error(path, error) from error
        return replace(track, landmarks=landmarks_of(path, n))


def landmarks_of(path: Path, n: int) -> np.ndarray:
    """Landmarks (n, 478, 3) that stay on disk until they are looked at."""
    return np.memmap(path, np.float32, "r", shape=(n, N_LANDMARKS, 3))


def source_of(video: Video) -> dict[str, Any]:
    """What film it is: file name, size in bytes, and sha256 of all that belongs to it."""
    files = video.files
    sums = [sha256_of(file) for file in files]
    if len(files) > 1:
        names = "".join(f"{file.name} {one}\n" for file, one in zip(files, sums, strict=True))
        sums = [hashlib.sha256(names.encode()).hexdigest()]
    size = sum(file.stat().st_size for file in files)
    return {"name": video.path.name, "size": size, "sha256": sums[0]}


def folder_name(video: Video, options: VideoOptions, source: Mapping[str, Any]) -> str:
    """A name for the folder of a film's work that no other work has."""
    choices = {
        name: value
        for name, value in asdict(options).items()
        if name in {"start", "stop", "step", "max_faces", "rate_hz", "keep_going"}
    }
    if options.remove_electrodes:
        choices |= {"translator": options.translator}  # fmt: skip
    text = json.dumps([dict(source), choices, software_version(), model_sha256()], sort_keys=True)
    return f"{video.path.stem[:40]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def model_sha256() -> str:
    """Which networks look for faces."""
    return sha256_of(asset_path("face_landmarker.task"))
