"""Files that are whole or absent: atomic writes, versioned ``.npz``, hashes, folders.

Every file the add-on writes goes through :func:`atomic_path`, so that a full disk or a
killed process never leaves half a file under the final name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import lzma
import os
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError

_META_KEY = "meta"
#: Everything that NumPy, zipfile and json raise for damaged bytes.
_DAMAGE = (
    OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, NotImplementedError,
    SyntaxError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
    tokenize.TokenError,
)  # fmt: skip
_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space or choose another folder."),
    errno.EFBIG: ("the file grew larger than is allowed there", "Choose another folder."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space or choose another folder."),
    errno.EACCES: ("there is no permission to write there", "Choose a folder you may write to."),
    errno.EPERM: ("there is no permission to write there", "Choose a folder you may write to."),
    errno.EROFS: ("the folder is read-only", "Choose a folder you may write to."),
    errno.ENOENT: ("its folder does not exist", "Create the folder first."),
    errno.ENOTDIR: ("a part of its path is a file, not a folder", "Choose another folder."),
    errno.EISDIR: ("a folder has this name", "Choose another file name."),
}


def write_error(path: Path, error: OSError) -> EiferError:
    """Say in one sentence why `path` could not be written."""
    reason, remedy = _REASONS.get(
        error.errno or 0, (error.strerror or str(error), "Choose another folder.")
    )
    return EiferError(f"{path} could not be written: {reason}.", remedy)


@contextlib.contextmanager
def atomic_path(path: str | Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it to `path` when the block succeeds.

    Parameters
    ----------
    path : path-like
        The final file name.
    overwrite : bool
        When False, an existing file is an error and stays as it is.

    Yields
    ------
    pathlib.Path
        A file name in the same folder and with the same suffix, to be written by the caller.

    Raises
    ------
    EiferError
        When the file exists and may not be replaced, or the system refuses the write.
    """
    final = Path(path)
    if not overwrite and final.exists():
        raise EiferError(f"{final} exists already.", "Choose another name or allow overwriting.")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{final.stem}.", suffix=final.suffix, dir=final.parent or "."
        )
        os.close(handle)
    except OSError as error:
        raise write_error(final, error) from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; a result should have the permissions of any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(final)
    except OSError as error:
        raise write_error(final, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> Path:
    """Make a folder for results, with those above it; `EiferError` when that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    return folder


def save_npz(
    path: str | Path,
    kind: str,
    format_version: int,
    arrays: Mapping[str, np.ndarray],
    meta: Mapping[str, Any],
    *,
    overwrite: bool = True,
) -> Path:
    """Write arrays and JSON metadata as one versioned ``.npz``.

    Parameters
    ----------
    path : path-like
        The file to write.
    kind : str
        What the file is, for example ``"expression_track"``; checked on loading.
    format_version : int
        The version of this kind of file.
    arrays : mapping of str to numpy.ndarray
        Arrays without object dtype.
    meta : mapping
        JSON-serialisable metadata.

    Returns
    -------
    pathlib.Path
        The path that was written.
    """
    header = json.dumps({"kind": kind, "format_version": format_version, "meta": dict(meta)})
    final = Path(path)
    # Packed in memory first: a zip that meets a full disk complains once more when it is freed.
    packed = io.BytesIO()
    np.savez_compressed(packed, **{_META_KEY: np.array(header)}, **arrays)  # type: ignore[arg-type]
    with atomic_path(final, overwrite=overwrite) as temporary:
        temporary.write_bytes(packed.getvalue())
    return final


def load_npz(
    path: str | Path, kind: str, newest_version: int
) -> tuple[dict[str, np.ndarray], dict[str, Any], int]:
    """Read what :func:`save_npz` wrote.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
    meta : dict
    format_version : int

    Raises
    ------
    EiferError
        When the file is missing, is of another kind, is damaged or is too new.
    """
    source = Path(path)
    try:
        with np.load(source, allow_pickle=False) as archive:
            header = json.loads(str(archive[_META_KEY]))
            found, version, meta = header["kind"], int(header["format_version"]), header["meta"]
            arrays = {name: archive[name] for name in archive.files if name != _META_KEY}
    except FileNotFoundError as error:
        raise EiferError(f"{source} does not exist.", "Check the path.") from error
    except _DAMAGE as error:
        raise EiferError(
            f"{source} is not a readable EIFER file ({kind}): it is damaged or of another kind.",
            "Choose a file that EIFER saved, or make it again.",
        ) from error
    if found != kind:
        raise EiferError(f"{source} holds {found}, not {kind}.", "Choose the right file.")
    if version > newest_version:
        raise EiferError(
            f"{source} was written by a newer EIFER (format {version} of {kind}).",
            "Update the add-on.",
        )
    return arrays, meta, version


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes as hexadecimal text."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


_user_folder: Path | None = None


def set_user_folder(folder: Path | None) -> None:
    """Let Blender's bridge name the extension's user folder (rules forbid the extension's own)."""
    global _user_folder
    _user_folder = folder


def cache_folder() -> Path:
    """Folder for things that can be made again; created when absent.

    ``EIFER_CACHE`` overrides; inside Blender it is the extension's user folder.
    """
    chosen = os.environ.get("EIFER_CACHE")
    if chosen:
        folder = Path(chosen)
    elif _user_folder is not None:
        folder = _user_folder / "cache"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        folder = (Path(root) if root else Path.home() / ".cache") / "eifer"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    return folder


def models_folder() -> Path:
    """Folder for networks that the user imported; created when absent.

    ``EIFER_MODELS`` overrides. It is no cache, because nothing here can be made again without the
    user's checkpoint, and it is the same in Blender and outside, so that a model that was
    imported on the command line is found by the extension.
    """
    chosen = os.environ.get("EIFER_MODELS")
    if chosen:
        folder = Path(chosen)
    else:
        root = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
        folder = (Path(root) if root else Path.home() / ".local" / "share") / "eifer" / "models"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    return folder
