"""Writing the journal of a take: everything that came in and went out, safe from the next crash.

What is written lies in the system's hands at once and survives the end of this process; a thread
asks the disk once a second to keep it for good. The format is in `signals.journal_format`.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import write_error
from ..signals.journal_format import (
    BEAT,
    DATA,
    ENDS,
    FRAM,
    GAPS,
    HEAD,
    MAGIC,
    RECOVERED,
    STAT,
    STOPPED,
    SUFFIX,
    Journal,
    chunk,
    data_content,
    frames_content,
    json_content,
    state_content,
)  # fmt: skip
from ..signals.readers import read_recording
from ..signals.recording import Recording
from .pipeline import Frames

#: What a killed process may lose; the same samples wait nowhere else.
FLUSH_S = 0.04
_SYNC_S, _BEAT_S = 1.0, 1.0
#: A journal that was written to this lately is still being recorded.
_FRESH_S = 3.0


class JournalWriter:
    """One take on disk.

    Parameters
    ----------
    path : path-like
        A new file, or with `append` one whose recording was interrupted.
    header : mapping
        JSON-serialisable; ``channels``, ``units``, ``rate_hz``, ``dtype``, ``settings``, ….
    state : mapping of str to numpy.ndarray
        `LivePipeline.state` before the first sample.
    append : bool
        Go on after the last whole chunk, as another part of the same take.

    Attributes
    ----------
    failure : EiferError or None
        Why writing had to stop; what was written before is whole.
    n_samples : int
        Samples in the take.

    Raises
    ------
    EiferError
        When the file exists, cannot be made, or holds other channels than the header.
    """

    def __init__(
        self,
        path: str | Path,
        header: Mapping[str, Any],
        state: Mapping[str, np.ndarray],
        *,
        append: bool = False,
    ) -> None:
        self.path = Path(path)
        self.failure: EiferError | None = None
        self.n_samples = self.n_frames = self._number = 0
        self._samples: list[np.ndarray] = []
        self._received: list[np.ndarray] = []
        self._times: list[np.ndarray] = []
        self._frames: list[Frames] = []
        self._touched = self._flushed = time.monotonic()
        self._file = self._reopened(header) if append else self._created()
        self._size = os.lseek(self._file, 0, os.SEEK_END)
        self.started = self._touched
        if not append:
            self._write(MAGIC)
        part = {**header, "part": self._number, "first_sample": self.n_samples}
        self._put(HEAD, json_content(part))
        self._put(STAT, state_content(state))
        self._done = threading.Event()
        self._syncer = threading.Thread(target=self._sync, name="journal", daemon=True)
        self._syncer.start()

    def _created(self) -> int:
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
            return os.open(self.path, flags, 0o666)
        except FileExistsError as error:
            raise EiferError(f"{self.path} exists already.", "Choose another name.") from error
        except OSError as error:
            raise write_error(self.path, error) from error

    def _reopened(self, header: Mapping[str, Any]) -> int:
        journal = Journal(self.path)
        whole = journal.whole_bytes
        same = all(
            journal.header.get(key) == json.loads(json.dumps(header.get(key)))
            for key in ("channels", "dtype", "rate_hz", "muscles", "space")
        )
        if not same:
            raise EiferError(
                f"The source has other channels than {self.path.name}.", "Record another take."
            )
        self._number = len(journal.chunks)
        rows = [journal.samples(found) for found in journal.of_kind(DATA)]
        self.n_samples = rows[-1].first + rows[-1].count if rows else 0
        for found in journal.of_kind(FRAM)[-1:]:
            first, times, _, _ = journal.frames(found)
            self.n_frames = first + len(times)
            del times, _  # views of the mapped file
        journal.close()
        try:
            file = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            os.ftruncate(file, whole)
        except OSError as error:
            raise write_error(self.path, error) from error
        return file

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self._size

    def add(
        self, samples: np.ndarray, received: np.ndarray, times: np.ndarray, frames: Frames
    ) -> None:
        """Keep the next samples and what came out of them.

        Parameters
        ----------
        samples : numpy.ndarray
            (n, n_channels) in the stream's own type; must not change afterwards.
        received, times : numpy.ndarray
            float64 (n,): the sender's time stamps, and those without jitter.
        frames : Frames
        """
        if len(samples):
            self._samples.append(samples)
            self._received.append(received)
            self._times.append(times)
        if len(frames):
            self._frames.append(frames)

    def note(self, kind: bytes, **values: Any) -> None:
        """Write a chunk of JSON behind all samples so far; it names the sample that follows."""
        self._write_pending()
        self._put(kind, json_content({"sample": self.n_samples, **values}))

    def gap(self, missing: int, reason: str) -> None:
        """Mark samples that never came; nothing is put in their place."""
        self.note(GAPS, missing=missing, reason=reason)

    def flush(self, now: float) -> None:
        """Write what has waited long enough, and a sign of life when nothing came.

        Parameters
        ----------
        now : float
            `time.monotonic`.
        """
        if now - self._flushed >= FLUSH_S:
            self._flushed = now
            self._write_pending()
        if now - self._touched >= _BEAT_S:
            self._put(BEAT)

    def close(self, reason: str = STOPPED, **values: Any) -> None:
        """Write what waits and the end mark with further JSON `values`, and wait for the disk."""
        if not self._done.is_set():
            self._write_pending()
            self._put(ENDS, json_content({"sample": self.n_samples, "reason": reason, **values}))
            self._done.set()
            self._syncer.join(timeout=5.0)
            with contextlib.suppress(OSError):  # of a full disk `failure` tells already
                os.close(self._file)

    def _write_pending(self) -> None:
        if self._samples:
            samples = np.concatenate(self._samples)
            received, times = np.concatenate(self._received), np.concatenate(self._times)
            period = float(times[-1] - times[0]) / max(1, len(times) - 1)
            basis = (float(times[0]), period)
            self._put(DATA, data_content(self.n_samples, basis, received, samples))
            self.n_samples += len(samples)
            self._samples, self._received, self._times = [], [], []
        if self._frames:
            frames = Frames.joined(self._frames)
            content = frames_content(
                self.n_frames, frames.timestamps, frames.activity, frames.coefficients
            )
            self._put(FRAM, content)
            self.n_frames += len(frames)
            self._frames = []

    def _put(self, kind: bytes, content: bytes = b"") -> None:
        self._write(chunk(kind, self._number, content))
        self._number += 1

    def _write(self, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self._fail(error)
            return
        self._size += len(data)
        self._touched = time.monotonic()

    def _fail(self, error: OSError) -> None:
        """Stop for good, with a file that ends with its last whole chunk."""
        self.failure = write_error(self.path, error)
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._size)

    def _sync(self) -> None:
        ended = False
        while not ended:
            ended = self._done.wait(_SYNC_S)
            try:
                os.fsync(self._file)
            except OSError as error:
                if self.failure is None:
                    self.failure = write_error(self.path, error)
                return


def read_journal(path: str | Path, segment: int | None = None) -> Recording:
    """The samples of a journal.

    Parameters
    ----------
    path : path-like
    segment : int, optional
        Which stretch of a take with gaps, from 0.

    Returns
    -------
    Recording
    """
    choices = {} if segment is None else {"segment": segment}
    return read_recording(path, format="eiflog", **choices)


def unfinished(folder: str | Path, fresh_s: float = _FRESH_S) -> tuple[Path, ...]:
    """Journals in `folder` that were cut off, so that they can be offered for recovery.

    Parameters
    ----------
    folder : path-like
    fresh_s : float
        A file that was written to in the last `fresh_s` seconds belongs to a running session.

    Returns
    -------
    tuple of pathlib.Path
        Those that neither the user ended nor `settle` did, the oldest first. Files that hold no
        header are left out: there is nothing in them.
    """
    found = []
    for path in Path(folder).glob(f"*{SUFFIX}"):
        try:
            written = path.stat().st_mtime
            if time.time() - written < fresh_s:
                continue
            journal = Journal(path)
            end = journal.end
            journal.close()
        except (EiferError, OSError):
            continue
        if end is None or end.get("reason") not in (STOPPED, RECOVERED):
            found.append((written, path))
    return tuple(path for _, path in sorted(found))


def settle(path: str | Path) -> None:
    """Mark a journal that was cut off as dealt with; its samples stay as they are."""
    journal = Journal(path)
    whole, number = journal.whole_bytes, len(journal.chunks)
    journal.close()
    end = chunk(ENDS, number, json_content({"reason": RECOVERED}))
    try:
        with Path(path).open("r+b") as stream:
            stream.truncate(whole)
            stream.seek(whole)
            stream.write(end)
    except OSError as error:
        raise write_error(Path(path), error) from error
