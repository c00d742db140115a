"""Arrays out of a FLAME file: from the nodes of a pickle or the members of an ``.npz``.

Every size is compared with the bytes that are really there before anything is allocated.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import EiferError
from .flame_pickle import REMEDY, Node, read_pickle

#: The largest file that is read; FLAME models have about 53 MB.
MAX_FILE_BYTES = 256 * 2**20
MAX_VERTICES = 200_000
_MAX_AXES = 4
#: Five times the vertices; a longer array of an archive is not even unpacked.
_MAX_AXIS = 1_000_000
#: chumpy selections of selections; two are seen in files.
_MAX_NESTING = 8
_INDEX_BYTES = 4
#: The eight numbers in the state of a simple NumPy dtype: version, byte order, no fields.
_DTYPE_STATE = 8
#: NumPy types it without saying what its functions take and give.
_format: Any = np.lib.format
_NUMBERS = frozenset({"f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "?"})


#: What is read of a FLAME file; the last is an expression basis kept apart from the identity.
FLAME_KEYS = (
    "v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table",
    "exprdirs",
)  # fmt: skip
#: How a pickled dict begins: with its protocol, or before protocol 2 with the dict itself.
_PICKLED_DICT = b"\x80(}"


class BadArrayError(ValueError):
    """What is wrong with one array; the reader of the file adds its key and the file's name."""


def read_tables(data: bytes, where: Path) -> dict[str, Any]:
    """The keys of a FLAME file with values that :func:`to_array` understands.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : pathlib.Path
        Its name, for the sentence of an error.

    Raises
    ------
    EiferError
        When it is neither a pickled dict nor an ``.npz``, or is damaged.
    """
    if not data:
        raise EiferError(f"{where} is empty.", REMEDY)
    if data.startswith(b"PK"):
        return _read_zip(data, where)
    if data[0] not in _PICKLED_DICT:
        raise EiferError(
            f"{where} is not a FLAME model: it is neither a pickle nor an .npz archive.", REMEDY
        )
    return read_pickle(data, where)


def to_array(value: Any) -> np.ndarray:
    """The array that a value of a FLAME file stands for.

    Parameters
    ----------
    value : Node or numpy.ndarray or list or tuple
        NumPy arrays, chumpy wrappers around them, plain lists of numbers.

    Raises
    ------
    BadArrayError
        When it stands for none, or its bytes do not fill its shape.
    """
    return _to_array(value, 0)


def to_dense(value: Any, shape: tuple[int, int]) -> np.ndarray:
    """A matrix of a known shape, written out if the file holds it sparse.

    Raises
    ------
    BadArrayError
        When the value is no matrix of that shape.
    """
    if not (isinstance(value, Node) and value.kind in ("csc", "csr")):
        return to_array(value)
    state = _state(value)
    found = state.get("_shape", state.get("shape"))
    if found != shape:
        raise BadArrayError(f"is a sparse matrix of shape {_show(found)}, not {shape}")
    starts, indices, numbers = (_sparse_part(state, part) for part in ("indptr", "indices", "data"))
    lines, width = shape if value.kind == "csr" else shape[::-1]
    whole = starts.dtype.kind in "iu" and indices.dtype.kind in "iu"
    if not whole or numbers.dtype.kind != "f" or len(starts) != lines + 1:
        raise BadArrayError("is a sparse matrix with damaged parts")
    counts = np.diff(starts.astype(np.int64))
    used = int(starts[-1])
    most = min(len(indices), len(numbers), lines * width)
    if starts[0] != 0 or (counts < 0).any() or used > most:
        raise BadArrayError("is a sparse matrix whose index does not fit its values")
    columns = indices[:used].astype(np.int64)
    if used and (columns.min() < 0 or columns.max() >= width):
        raise BadArrayError("is a sparse matrix with entries outside its shape")
    dense = np.zeros((lines, width), np.float64)
    np.add.at(
        dense, (np.repeat(np.arange(lines), counts.astype(np.int64)), columns), numbers[:used]
    )
    return dense if value.kind == "csr" else dense.T


def _sparse_part(state: Mapping[str, Any], part: str) -> np.ndarray:
    array = to_array(state.get(part))
    if array.ndim != 1:
        raise BadArrayError("is a sparse matrix with damaged parts")
    return array


def _state(node: Node) -> dict[str, Any]:
    # Objects with slots carry a pair (dict, slots).
    state = node.state[0] if isinstance(node.state, tuple) and node.state else node.state
    if not isinstance(state, dict):
        raise BadArrayError(f"is a {node.kind} object without content")
    return state


def _to_array(value: Any, depth: int) -> np.ndarray:
    if depth > _MAX_NESTING:
        raise BadArrayError("is nested too deeply")
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Node):
        if value.kind == "array":
            return _reconstructed(value)
        if value.kind == "buffer":
            return _buffered(value)
        if value.kind == "chumpy":
            return _to_array(_state(value).get("x"), depth + 1)
        if value.kind == "chumpy select":
            return _selected(_state(value), depth)
        if value.kind == "huge":
            raise BadArrayError("is larger than that of any head")
        raise BadArrayError(f"is a {value.kind} object, not an array of numbers")
    if value is None:
        raise BadArrayError("is missing")
    raise BadArrayError(f"is of the kind {type(value).__name__}, not an array of numbers")


def _selected(state: Mapping[str, Any], depth: int) -> np.ndarray:
    """``chumpy.reordering.Select``: entries of another array by their flat index."""
    source = _to_array(state.get("a"), depth + 1).reshape(-1)
    index = _to_array(state.get("idxs"), depth + 1).reshape(-1)
    # Indices of a byte or two would make a small file grow when they are widened.
    if index.dtype.kind not in "iu" or index.dtype.itemsize < _INDEX_BYTES or not len(index):
        raise BadArrayError("selects from another array without usable indices")
    if index.min() < 0 or index.max() >= len(source):
        raise BadArrayError("selects entries that do not exist")
    shape = _shape(state.get("preferred_shape", index.shape))
    if math.prod(shape) != len(index):
        raise BadArrayError(f"does not fill its shape {_show(shape)}")
    return source[index].reshape(shape)


def _reconstructed(node: Node) -> np.ndarray:
    """``_reconstruct`` and its state: (version, shape, dtype, Fortran order, bytes)."""
    state = node.state
    if not isinstance(state, tuple) or len(state) not in (4, 5):
        raise BadArrayError("is an array without content")
    shape, dtype, fortran, raw = state[-4:]
    return _filled(raw, dtype, shape, "F" if fortran is True else "C")


def _buffered(node: Node) -> np.ndarray:
    """``numpy.core.numeric._frombuffer``: (bytes, dtype, shape, order)."""
    if len(node.args) != 4:
        raise BadArrayError("is an array without content")
    raw, dtype, shape, order = node.args
    return _filled(raw, dtype, shape, "F" if order == "F" else "C")


def _filled(raw: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    """An array over bytes that exist, after its shape was found to fit them exactly."""
    kind, axes, content = _dtype(dtype), _shape(shape), _bytes(raw)
    if math.prod(axes) * kind.itemsize != len(content):
        raise BadArrayError(
            f"claims the shape {_show(axes)}, which does not fit the {len(content)} bytes it has"
        )
    array = np.frombuffer(content, kind)
    return array.reshape(axes, order="F" if order == "F" else "C")


def _dtype(value: Any) -> np.dtype[Any]:
    if not (isinstance(value, Node) and value.kind == "dtype" and value.args):
        raise BadArrayError("has no number format")
    name = value.args[0]
    name = name.decode("latin-1") if isinstance(name, bytes) else name
    if not isinstance(name, str) or name not in _NUMBERS:
        raise BadArrayError(f"holds {ascii(name)[:20]}, not plain numbers")
    state = value.state
    if not isinstance(state, tuple) or len(state) != _DTYPE_STATE or state[2:5] != (None,) * 3:
        raise BadArrayError("has a number format that is not plain")
    order = state[1].decode("latin-1") if isinstance(state[1], bytes) else state[1]
    if order not in ("<", ">", "|", "="):
        raise BadArrayError("has a number format without byte order")
    # "|" is for single bytes, which have none.
    return np.dtype(name if order == "|" else order + name)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) > _MAX_AXES:
        raise BadArrayError("has no usable shape")
    if not all(type(size) is int and size >= 0 for size in value):
        raise BadArrayError("has no usable shape")
    return tuple(value)


def _show(value: Any) -> str:
    return ascii(value)[:60]


def _bytes(value: Any) -> bytes | bytearray:
    """Bytes as Python 2 and 3 write them into protocols 2 to 5."""
    if isinstance(value, Node) and value.kind == "encode" and value.args:
        value = value.args[0]
    if isinstance(value, Node) and value.kind in ("bytes", "bytearray") and not value.args:
        return b""
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError as error:
            raise BadArrayError("holds text instead of bytes") from error
    if isinstance(value, bytes | bytearray):
        return value
    raise BadArrayError("holds objects instead of numbers")


#: What damaged zip archives and array headers raise while they are read.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError, KeyError,
    TypeError, IndexError, struct.error, SyntaxError, MemoryError,
    tokenize.TokenError,
)  # fmt: skip


def is_head_model(data: bytes, where: Path) -> bool:
    """Whether the bytes are an ``.npz`` that `HeadModel.save` wrote; its sizes are checked.

    Raises
    ------
    EiferError
        When it would unpack to more than its members hold.
    """
    if not data.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = _members(archive, where)
            if not {"meta.npy", "template.npy"} <= members.keys():
                return False
            for info in members.values():
                with archive.open(info) as stream:
                    _member_header(stream, info)
    except _ZIP_ERRORS as error:
        raise _damaged_zip(where) from error
    return True


def _damaged_zip(where: Path) -> EiferError:
    return EiferError(f"{where} is not a readable .npz: it breaks off or is damaged.", REMEDY)


def _read_zip(data: bytes, where: Path) -> dict[str, Any]:
    """The arrays of an ``.npz``; members that are not plain numbers become nodes."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return {
                name.removesuffix(".npy"): _read_member(archive, info)
                for name, info in _members(archive, where).items()
                if name.removesuffix(".npy") in FLAME_KEYS
            }
    except _ZIP_ERRORS as error:
        raise _damaged_zip(where) from error


def _members(archive: zipfile.ZipFile, where: Path) -> dict[str, zipfile.ZipInfo]:
    """The members by name, or a refusal when they unpack to more than any head model needs."""
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > MAX_FILE_BYTES:
        raise EiferError(
            f"{where} would unpack to {unpacked / 2**20:.0f} MB, more than any FLAME model has.",
            REMEDY,
        )
    return {info.filename: info for info in archive.infolist()}


def _member_header(
    stream: IO[bytes], info: zipfile.ZipInfo
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and number format of a member whose bytes fit them exactly."""
    version = _format.read_magic(stream)
    first = version == (1, 0)
    read_header = _format.read_array_header_1_0 if first else _format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    # Negative sizes and a shape that wants more than the member holds end here, unallocated.
    size = math.prod(shape) * dtype.itemsize
    fits = size == info.file_size - stream.tell() and min(shape, default=0) >= 0
    if not (fits or dtype.hasobject):
        raise ValueError("a shape that does not fit its bytes")
    return shape, fortran, dtype


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray | Node:
    """One array of an ``.npz``, or a node that says why it is none."""
    with archive.open(info) as stream:
        shape, fortran, dtype = _member_header(stream, info)
        if dtype.str[1:] not in _NUMBERS or len(shape) > _MAX_AXES:
            return Node("pickled", ())
        if max(shape, default=0) > _MAX_AXIS:
            return Node("huge", ())
        body = stream.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
