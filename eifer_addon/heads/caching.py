"""Results about a head that are found once and kept under the hash of its content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import cache_folder, load_npz, write_error


def cache_path(folder: str, name: str) -> Path:
    """The file of a kept result; its folder is there afterwards.

    Raises
    ------
    EiferError
        When the folder cannot be made.
    """
    path = cache_folder() / folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path.parent, error) from error
    return path


def read_kept(
    path: Path, kind: str, version: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays and metadata of a kept result; None when it is to be found anew.

    A file that is absent, damaged or of another version is no error: it can be made again.
    """
    try:
        arrays, meta, found = load_npz(path, kind, version)
    except EiferError:
        return None
    return (arrays, meta) if found == version else None
