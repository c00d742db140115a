"""Arrays of an npz that somebody else wrote: no pickles, and no size the file has no bytes for."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import EiferError

_MOST_BYTES = 1 << 29
#: The others raise errors of their own on damaged bytes.
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (
    OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, NotImplementedError,
    SyntaxError, MemoryError, OverflowError, zipfile.BadZipFile, zlib.error, tokenize.TokenError,
    struct.error,
)  # fmt: skip


def names_of(path: Path) -> frozenset[str]:
    """Names of the arrays in an npz, without reading them."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except FileNotFoundError as error:
        raise EiferError(f"{path} does not exist.", "Check the path.") from error
    except _DAMAGE as error:
        raise EiferError(
            f"{path.name} is no npz file, or a damaged one.", "Export it again."
        ) from error
    for info in infos:
        if info.compress_type not in _PACKINGS:
            raise EiferError(
                f"'{info.filename[:40]}' in {path.name} is packed in a way NumPy does not use.",
                "Save it again with numpy.savez.",
            )
    return frozenset(info.filename.removesuffix(".npy") for info in infos)


def load_numbers(path: Path, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """Arrays of real numbers as float64.

    Parameters
    ----------
    path : pathlib.Path
    wanted : iterable of str
        Names in the archive.

    Raises
    ------
    EiferError
        Naming file and array: damaged, pickled, larger than 512 MB, or no numbers.
    """
    found: dict[str, np.ndarray] = {}
    for name in wanted:
        try:
            with zipfile.ZipFile(path) as archive:
                _check_size(archive, f"{name}.npy")
            with np.load(path, allow_pickle=False) as arrays:
                values = np.asarray(arrays[name])
        except _DAMAGE as error:
            raise EiferError(
                f"The array '{name}' of {path.name} cannot be read: it is damaged, pickled or too "
                "large.",
                "Save it again as plain numbers with numpy.savez.",
            ) from error
        if values.dtype.kind not in "fiub":
            raise EiferError(
                f"The array '{name}' of {path.name} holds {values.dtype}, not numbers.",
                "Save it again as plain numbers with numpy.savez.",
            )
        found[name] = values.astype(np.float64)
    return found


def _check_size(archive: zipfile.ZipFile, member: str) -> None:
    """Refuse an array whose header claims more than there is, or than fits."""
    info = archive.getinfo(member)
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = header(stream)
    needed = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or needed > min(info.file_size, _MOST_BYTES):
        raise ValueError(f"{needed} bytes in {member}")
