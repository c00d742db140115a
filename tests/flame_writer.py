"""Writes synthetic heads as FLAME files, byte for byte in the ways FLAME files were written.

No FLAME data is in the project, so tests make their own: smooth deterministic bases on a
sphere-like head in FLAME's layout. ``"2020"`` is a protocol-2 pickle as Python 2 wrote it:
byte strings, arrays in ``chumpy.ch.Ch`` and the sparse regressor under SciPy's old module path.
``"2023open"`` is Python 3's plain NumPy and SciPy; ``"npz"`` is NumPy's own archive.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

N_VERTICES = 5023
N_TRIANGLES = 9976
N_IDENTITY, N_EXPRESSION, N_CORRECTIVES = 300, 100, 36
#: Root, neck, jaw, left eye and right eye of the synthetic head, in m.
JOINTS = np.array([
    [0, -0.12, -0.02], [0, -0.06, -0.01], [0, -0.02, 0.01], [0.03, 0.03, 0.06], [-0.03, 0.03, 0.06]
])  # fmt: skip
STYLES = ("2020", "2023open", "npz")


def synthetic_arrays(
    seed: int = 0,
    n_vertices: int = N_VERTICES,
    n_expression: int = N_EXPRESSION,
    dtype: type = np.float64,
) -> dict[str, np.ndarray]:
    """The seven arrays of a FLAME model, smooth and the same for the same seed.

    Returns
    -------
    dict of str to numpy.ndarray
        ``v_template`` (V, 3), ``f`` (F, 3), ``shapedirs`` (V, 3, 300 + n_expression),
        ``posedirs`` (V, 3, 36), ``J_regressor`` (5, V) dense, ``weights`` (V, 5) and
        ``kintree_table`` (2, 5); 5,023 vertices come with FLAME's 9,976 triangles.
    """
    random = np.random.default_rng(seed)
    template = _ellipsoid(n_vertices)
    n_triangles = N_TRIANGLES if n_vertices == N_VERTICES else 2 * n_vertices - 5
    faces = _strip(n_vertices, n_triangles)
    n_shapes = N_IDENTITY + n_expression
    distance = np.linalg.norm(template[:, None] - JOINTS[None], axis=2)
    weights = np.exp(-((distance / 0.05) ** 2)) + 1e-9
    near = np.exp(-((distance / 0.04) ** 2)).T
    near[near < np.sort(near, axis=1)[:, [-min(40, n_vertices)]]] = 0
    return {
        "v_template": template.astype(dtype),
        "f": faces,
        "shapedirs": _waves(random, template, n_shapes, 4e-3).astype(dtype),
        "posedirs": _waves(random, template, N_CORRECTIVES, 2e-3).astype(dtype),
        "J_regressor": (near / near.sum(axis=1, keepdims=True)).astype(dtype),
        "weights": (weights / weights.sum(axis=1, keepdims=True)).astype(dtype),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64),
    }


def _ellipsoid(n: int) -> np.ndarray:
    """Points in a spiral from pole to pole: a head of 0.15 x 0.24 x 0.19 m."""
    index = np.arange(n) + 0.5
    height, turn = 1 - 2 * index / n, np.pi * (1 + 5**0.5) * index
    ring = np.sqrt(1 - height**2)
    sphere = np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], axis=1)
    return sphere * [0.075, 0.12, 0.095]


def _strip(n_vertices: int, n_triangles: int) -> np.ndarray:
    """Triangles whose corners exist, three different ones each."""
    first = np.arange(n_triangles) % (n_vertices - 2)
    step = np.arange(n_triangles) // (n_vertices - 2)
    third = (first + 2 + step) % n_vertices
    return np.stack([first, first + 1, third], axis=1).astype(np.uint32)


def _waves(random: np.random.Generator, points: np.ndarray, count: int, scale: float) -> np.ndarray:
    """Smooth displacement fields (V, 3, count) in m per unit, fading with their number."""
    frequency = random.normal(0, 25, (3, 3, count))
    phase = random.uniform(0, 2 * np.pi, (3, count))
    amplitude = random.normal(0, scale, (3, count)) / np.sqrt(1 + np.arange(count))
    return amplitude * np.sin(np.einsum("vc,cdk->vdk", points, frequency) + phase)


def write_flame(
    path: str | Path,
    style: str = "2020",
    seed: int = 0,
    n_vertices: int = N_VERTICES,
    arrays: Mapping[str, Any] | None = None,
    **replaced: Any,
) -> dict[str, Any]:
    """Write a FLAME file and return the arrays that are in it.

    Parameters
    ----------
    path : path-like
        The file to write.
    style : str
        One of `STYLES`.
    seed, n_vertices : int
        For the synthetic arrays.
    arrays : mapping, optional
        All seven arrays, instead of synthetic ones.
    **replaced
        Single arrays by their FLAME key (``v_template=…``), or ``template=…``; a value of None
        leaves the key out.
    """
    content: dict[str, Any] = dict(synthetic_arrays(seed, n_vertices) if arrays is None else arrays)
    if "template" in replaced:
        replaced["v_template"] = replaced.pop("template")
    content.update(replaced)
    content = {key: value for key, value in content.items() if value is not None}
    if style == "npz":
        with Path(path).open("wb") as stream:
            np.savez(stream, **content)
    else:
        Path(path).write_bytes(flame_pickle(content, style))
    return content


def flame_pickle(content: Mapping[str, Any], style: str = "2020") -> bytes:
    """The bytes of a FLAME pickle with this content."""
    if style == "2020":
        return _Python2Pickle(_as_chumpy(content)).data()
    if style == "2023open":
        return pickle.dumps(_as_plain(content), protocol=4)
    raise ValueError(f"no style {style}")


def _as_plain(content: Mapping[str, Any]) -> dict[str, Any]:
    regressor = content.get("J_regressor")
    plain = dict(content)
    if isinstance(regressor, np.ndarray):
        plain["J_regressor"] = scipy.sparse.csc_matrix(regressor)
    return plain


class Chumpy:
    """Stands for ``chumpy.ch.Ch`` around an array while it is written."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


class Sparse:
    """Stands for ``scipy.sparse.csc.csc_matrix`` of Python 2 while it is written."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = scipy.sparse.csc_matrix(matrix)


def _as_chumpy(content: Mapping[str, Any]) -> dict[str, Any]:
    """FLAME 2020: bases and weights in chumpy, a sparse regressor, and the keys we do not need."""
    wrapped: dict[str, Any] = {"bs_style": "lbs", "bs_type": "lrotmin"}
    for key, value in content.items():
        if key in ("v_template", "shapedirs", "weights") and isinstance(value, np.ndarray):
            wrapped[key] = Chumpy(value)
        elif key == "J_regressor" and isinstance(value, np.ndarray):
            wrapped[key] = Sparse(value)
        else:
            wrapped[key] = value
    return wrapped


class _Python2Pickle:
    """Protocol 2 as Python 2's cPickle wrote it: byte strings, old module names."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.out = io.BytesIO()
        self.memo = 0
        self.out.write(b"\x80\x02")
        self.dict(content)
        self.out.write(b".")

    def data(self) -> bytes:
        """The pickle."""
        return self.out.getvalue()

    def put(self) -> None:
        """Remember the newest value, as Python 2 did with every container and string."""
        small = self.memo < 256
        self.out.write(b"q" + bytes([self.memo]) if small else b"r" + struct.pack("<I", self.memo))
        self.memo += 1

    def value(self, value: Any) -> None:
        """Write any value that FLAME files hold."""
        if isinstance(value, Chumpy):
            self.instance("chumpy.ch", "Ch", self.chumpy_state(value))
        elif isinstance(value, Sparse):
            self.instance("scipy.sparse.csc", "csc_matrix", self.sparse_state(value))
        elif isinstance(value, np.ndarray):
            self.array(value)
        elif isinstance(value, Mapping):
            self.dict(value)
        elif isinstance(value, set):
            self.set(value)
        else:
            self.plain(value)

    def plain(self, value: Any) -> None:
        """None, booleans, whole numbers, byte strings and tuples."""
        if value is None or isinstance(value, bool):
            self.out.write({None: b"N", True: b"\x88", False: b"\x89"}[value])
        elif isinstance(value, int):
            small = 0 <= value < 256
            self.out.write(b"K" + bytes([value]) if small else b"J" + struct.pack("<i", value))
        elif isinstance(value, str | bytes):
            self.string(value.encode("latin-1") if isinstance(value, str) else value)
        elif isinstance(value, tuple):
            self.out.write(b"(")
            for item in value:
                self.value(item)
            self.out.write(b"t")
            self.put()
        else:
            raise TypeError(f"FLAME files hold no {type(value).__name__}")

    def string(self, text: bytes) -> None:
        """SHORT_BINSTRING or BINSTRING, which Python 3 reads with encoding='latin1'."""
        small = len(text) < 256
        self.out.write(b"U" + bytes([len(text)]) if small else b"T" + struct.pack("<i", len(text)))
        self.out.write(text)
        self.put()

    def name(self, module: str, name: str) -> None:
        """A GLOBAL."""
        self.out.write(f"c{module}\n{name}\n".encode("latin-1"))
        self.put()

    def dict(self, content: Mapping[str, Any]) -> None:
        """A dict, filled in one go."""
        self.out.write(b"}")
        self.put()
        self.out.write(b"(")
        for key, value in content.items():
            self.plain(key)
            self.value(value)
        self.out.write(b"u")

    def set(self, items: set[Any]) -> None:
        """``__builtin__.set`` called with a list."""
        self.name("__builtin__", "set")
        self.out.write(b"(]")
        self.put()
        for item in sorted(items):
            self.plain(item)
            self.out.write(b"a")
        self.out.write(b"t")
        self.put()
        self.out.write(b"R")
        self.put()

    def instance(self, module: str, name: str, state: Mapping[str, Any]) -> None:
        """A new-style object: class, no arguments, NEWOBJ, state."""
        self.name(module, name)
        self.out.write(b")\x81")
        self.put()
        self.dict(state)
        self.out.write(b"b")

    def array(self, array: np.ndarray) -> None:
        """``numpy.core.multiarray._reconstruct`` and its state."""
        self.name("numpy.core.multiarray", "_reconstruct")
        self.name("numpy", "ndarray")
        self.plain((0,))
        self.string(b"b")
        self.out.write(b"\x87")
        self.put()
        self.out.write(b"R")
        self.put()
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        self.out.write(b"(")
        self.plain(1)
        self.plain(tuple(int(size) for size in array.shape))
        self.dtype(array.dtype)
        self.plain(fortran)
        self.string(array.tobytes(order="F" if fortran else "C"))
        self.out.write(b"t")
        self.put()
        self.out.write(b"b")

    def dtype(self, dtype: np.dtype[Any]) -> None:
        """``numpy.dtype('f8', 0, 1)`` and its state."""
        self.name("numpy", "dtype")
        self.plain((dtype.str[1:], 0, 1))
        self.out.write(b"R")
        self.put()
        order = "|" if dtype.itemsize == 1 else "<"
        self.plain((3, order, None, None, None, -1, -1, 0))
        self.out.write(b"b")

    @staticmethod
    def chumpy_state(value: Chumpy) -> dict[str, Any]:
        """What ``Ch.__getstate__`` leaves of its attributes."""
        return {
            "_dirty_vars": {"x"}, "_itr": None, "_depends_on_deps": None, "_status": "new",
            "x": value.array,
        }  # fmt: skip

    @staticmethod
    def sparse_state(value: Sparse) -> dict[str, Any]:
        """The attributes of SciPy's csc matrices in 2017."""
        return {
            "_shape": (int(value.matrix.shape[0]), int(value.matrix.shape[1])),
            "maxprint": 50, "indices": value.matrix.indices, "indptr": value.matrix.indptr,
            "data": value.matrix.data, "_has_sorted_indices": True,
        }  # fmt: skip
