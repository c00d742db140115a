"""Recordings that EIFER itself saved (``Recording.save``, ``.npz``)."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Recording
from .base import Choices, Reader, Row, channel_rows, damaged

_SUFFIX, _ZIP = ".npz", b"PK\x03\x04"
#: Samples of EMG shrink to a tenth at best; what unfolds to far more is no recording.
_MOST_BYTES, _MOST_TIMES = 256 << 20, 50


def _read(path: Path, _choices: Choices) -> Recording:
    """The whole recording in memory; a file that unfolds out of proportion is refused unread."""
    try:
        with zipfile.ZipFile(path) as archive:
            unfolded = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise damaged(path, "recording of EIFER's", str(error) or "no archive") from error
    if unfolded > max(_MOST_BYTES, _MOST_TIMES * path.stat().st_size):
        raise EiferError(
            f"{path.name} claims to hold {unfolded >> 20} MB, far more than its size allows.",
            "Save the recording again.",
        )
    recording = Recording.load(path)
    # The samples' origin stays known under its own names; the file that was read is this one.
    origin = dict(recording.source)
    source = {**origin, "file": str(path), "sha256": sha256_of(path), "format": "eifer"}
    if origin.get("file"):
        source["saved_from"] = {"file": origin["file"], "sha256": origin.get("sha256", "")}
    return replace(recording, source=source)


def _contents(path: Path) -> list[Row]:
    recording = _read(path, Choices())
    return channel_rows(
        recording.channels, recording.units, recording.rate_hz, recording.n_samples
    )  # fmt: skip


READER = Reader(
    "eifer", "recordings that EIFER saved (.npz)",
    lambda path, head: head.startswith(_ZIP) and path.suffix.lower() == _SUFFIX, _read, _contents,
)  # fmt: skip
