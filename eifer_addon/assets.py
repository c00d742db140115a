"""The built assets: where they lie and what to do when they were not built."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import EiferError

#: What the assets folder holds after set-up; it is packed into the extension but not committed.
#: liblsl is Linux's only: elsewhere pylsl brings it, and the zips are packed without it.
ASSET_NAMES = ("open_head.npz", "face_landmarker.task", "liblsl.so")


def assets_folder() -> Path:
    """The folder of the built assets; ``EIFER_ASSETS`` overrides it."""
    named = os.environ.get("EIFER_ASSETS")
    return Path(named) if named else Path(__file__).resolve().parent / "assets"


def asset_path(name: str) -> Path:
    """Path of a built asset.

    Parameters
    ----------
    name : str
        ``"open_head.npz"``, ``"face_landmarker.task"`` or ``"liblsl.so"``.

    Raises
    ------
    EiferError
        When there is no such asset, or it was not built.
    """
    if name not in ASSET_NAMES:
        raise EiferError(f"There is no asset '{name}'.", f"Use one of {', '.join(ASSET_NAMES)}.")
    path = assets_folder() / name
    if not path.is_file():
        raise EiferError(
            f"The asset {name} was not built ({path} is missing).",
            "Run: python -m nox -s assets",
        )
    return path
