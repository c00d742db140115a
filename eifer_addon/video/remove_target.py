"""Whether a clean film can be written where it is wanted, asked before any work is done."""

from __future__ import annotations

from pathlib import Path

from ..errors import EiferError
from ..files import write_error
from .film import Video

SUFFIX = ".mp4"


def check_target(film: Video, target: Path, *, overwrite: bool) -> None:
    """Refuse a name for a clean film that cannot be written.

    Raises
    ------
    EiferError
        When it is no mp4 file, the film itself, a folder, there already, or not to be written.
    """
    if target.suffix.lower() != SUFFIX:
        raise EiferError(
            f"A clean film is an mp4 file, which {target.name} is not by its name.",
            f"Name it {target.with_suffix(SUFFIX).name}.",
        )
    if target.is_dir():
        raise EiferError(f"{target} is a folder.", "Name a file in it.")
    if any(target.resolve() == file.resolve() for file in film.files):
        raise EiferError(
            f"{target.name} is the film itself, which is not to be written over.",
            "Choose another name for the clean film.",
        )
    if target.exists() and not overwrite:
        raise EiferError(f"{target} exists already.", "Choose another name or allow overwriting.")
    probe = target.with_name(f".{target.stem}.probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise write_error(target, error) from error
