"""A head model out of any file that holds one."""

from __future__ import annotations

from pathlib import Path

from .bfm import is_bfm, load_bfm
from .flame_file import load_flame
from .model import HeadModel


def load_head_file(path: str | Path) -> HeadModel:
    """Read the user's FLAME file or Basel Face Model, or a head that EIFER saved.

    Raises
    ------
    EiferError
        When the file is none of these, or is damaged.
    """
    return load_bfm(path) if is_bfm(path) else load_flame(path)
