"""FLAME files of the user, read safely: 2017, 2019, 2020, 2023 and 2023 Open, pickle or npz.

We ship no FLAME data. A file that the user brings is read as data by
:mod:`~eifer.eifer_addon.heads.flame_pickle`, checked against the layout of Li et al., "Learning
a model of facial shape and expression from 4D scans" (SIGGRAPH Asia 2017), and kept as our own
``.npz`` in the cache under its sha256, so that it is converted once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import cache_folder
from .flame_arrays import (
    FLAME_KEYS,
    MAX_FILE_BYTES,
    MAX_VERTICES,
    BadArrayError,
    is_head_model,
    read_tables,
    to_array,
    to_dense,
)
from .flame_pickle import REMEDY, Node
from .model import N_CORRECTIVES, PARENTS, HeadModel

#: FLAME's shape basis holds 300 identity components, then the expressions.
N_IDENTITY = 300
LICENCE = "FLAME model licence of the user's file"
_CACHE_VERSION = 1
#: A head in metres; a template in millimetres or of a whole body is none.
_HEAD_SIZE_M = (0.02, 2.0)
#: No component of FLAME moves a vertex by a metre per unit; a larger number is damage.
_MAX_DISPLACEMENT_M = 1.0
#: Two triangles a vertex, three corners each, and some to spare.
_MOST_INDICES = 10 * MAX_VERTICES
_WEIGHT_TOLERANCE = 1e-4
_UNSIGNED_MINUS_ONE = 2**32 - 1
_VERSIONS = ("2017", "2019", "2020", "2023")


def load_flame(path: str | Path) -> HeadModel:
    """Read a FLAME file, or a head that `HeadModel.save` wrote.

    Parameters
    ----------
    path : path-like
        A pickle as the FLAME site gives it, or an ``.npz`` with the same keys.

    Returns
    -------
    HeadModel
        Named after the version as far as the file's name tells it (``flame2020``,
        ``flame2023open`` …), else ``flame``; `info` says how it was told.

    Raises
    ------
    EiferError
        When the file cannot be read, is no FLAME model, or asks for code to be run.
    """
    source = Path(path)
    data = _read_bytes(source)
    if is_head_model(data, source):
        return HeadModel.load(source)
    digest = hashlib.sha256(data).hexdigest()
    head = _from_cache(digest)
    if head is None:
        head = _to_cache(digest, parse_flame(data, source))
    return _named(head, source, digest)


def parse_flame(data: bytes, where: Path) -> HeadModel:
    """Make a head of the bytes of a FLAME file.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : pathlib.Path
        Its name, for the sentence of an error.

    Raises
    ------
    EiferError
        When something in it is not as FLAME's layout demands; the sentence names the key.
    """
    return _Layout(read_tables(data, where), where).head()


def flame_name(path: Path, *, open_layout: bool = False) -> tuple[str, str]:
    """The basis name of a FLAME file and the sentence that says how it was told.

    Parameters
    ----------
    path : pathlib.Path
        The file's name and its folder's are looked at (``FLAME2020/generic_model.pkl``).
    open_layout : bool
        Whether the content is plain NumPy as in 2023 Open, without chumpy.
    """
    for part, what in ((path.stem, "file name"), (path.parent.name, "folder's name")):
        lowered = part.lower()
        version = next((year for year in _VERSIONS if year in lowered), None)
        if version is not None:
            suffix = "open" if re.search(r"open", lowered) else ""
            suffix += "_no_jaw" if re.search(r"no.?jaw", lowered) else ""
            return f"flame{version}{suffix}", f"told from the {what}"
    layout = "plain arrays as in 2023 Open" if open_layout else "chumpy objects as before 2023 Open"
    return "flame", f"not told by the file's name; {layout}"


class _Layout:
    """The keys of one file, checked one by one."""

    def __init__(self, tables: Mapping[str, Any], where: Path) -> None:
        self.tables = tables
        self.where = where
        for key in FLAME_KEYS[:-1]:
            if key not in tables:
                raise EiferError(f"{where} is not a FLAME model: it has no '{key}'.", REMEDY)

    def head(self) -> HeadModel:
        """The head model of the file."""
        n_vertices = len(self.array("v_template", (None, 3)))
        if not 0 < n_vertices <= MAX_VERTICES:
            raise self.fail("v_template", f"has {n_vertices} vertices, which is no head")
        template = self.numbers("v_template", (n_vertices, 3))
        self.check_template(template)
        identity, expression = self.bases(n_vertices)
        self.check_tree()
        correctives = self.displacements("posedirs", (n_vertices, 3, N_CORRECTIVES))
        return HeadModel(
            name="flame",
            template=template,
            triangles=self.triangles(n_vertices),
            identity_basis=identity,
            expression_basis=expression,
            joint_regressor=self.numbers("J_regressor", (len(PARENTS), n_vertices)),
            weights=self.weights(n_vertices),
            pose_correctives=correctives,
            info={
                "source": "FLAME",
                "licence": LICENCE,
                "open_layout": not any(_is_chumpy(value) for value in self.tables.values()),
            },
        )

    def fail(self, key: str, reason: str) -> EiferError:
        """The sentence that names the key and the file."""
        return EiferError(f"'{key}' of {self.where} {reason}.", REMEDY)

    def array(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """An array of a shape, in which None stands for any size."""
        value = self.tables[key]
        try:
            if key == "J_regressor" and shape[0] is not None and shape[1] is not None:
                array = to_dense(value, (shape[0], shape[1]))
            else:
                array = to_array(value)
        except BadArrayError as error:
            raise self.fail(key, str(error)) from error
        fits = len(array.shape) == len(shape) and all(
            wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("n" if size is None else str(size) for size in shape)
            raise self.fail(key, f"has the shape {array.shape}, not ({wanted})")
        return array

    def numbers(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """A finite float32 array of a shape."""
        array = self.array(key, shape)
        if array.dtype.kind != "f":
            raise self.fail(key, f"holds {array.dtype}, not floating-point numbers")
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.ascontiguousarray(array, np.float32)
        if not np.isfinite(values).all():
            place = tuple(int(axis) for axis in np.argwhere(~np.isfinite(values))[0])
            raise self.fail(key, f"holds a number that is not finite at {place}")
        return values

    def displacements(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """A basis in metres per unit."""
        values = self.numbers(key, shape)
        largest = float(np.max(np.abs(values), initial=0.0))
        if largest > _MAX_DISPLACEMENT_M:
            raise self.fail(key, f"moves a vertex by {largest:.3g} m per unit, so it is damaged")
        return values

    def integers(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """An int64 array of a shape."""
        array = self.array(key, shape)
        if array.dtype.kind not in "iu":
            raise self.fail(key, f"holds {array.dtype}, not whole numbers")
        if array.size > _MOST_INDICES:
            raise self.fail(key, f"holds {array.size} numbers, more than any head needs")
        return array.astype(np.int64)

    def check_template(self, template: np.ndarray) -> None:
        """The template must be a head in metres."""
        size = float(np.ptp(template, axis=0).max())
        if not _HEAD_SIZE_M[0] <= size <= _HEAD_SIZE_M[1]:
            raise self.fail("v_template", f"spans {size:.3g} m, which is no head in metres")

    def bases(self, n_vertices: int) -> tuple[np.ndarray, np.ndarray]:
        """Identity and expression basis, from one array or two."""
        shapes = self.displacements("shapedirs", (n_vertices, 3, None))
        if "exprdirs" in self.tables:
            return shapes, self.displacements("exprdirs", (n_vertices, 3, None))
        if shapes.shape[2] <= N_IDENTITY:
            raise self.fail(
                "shapedirs",
                f"holds {shapes.shape[2]} components, but FLAME has {N_IDENTITY} of identity "
                "followed by those of expression, so the two cannot be told apart",
            )
        split = (shapes[:, :, :N_IDENTITY], shapes[:, :, N_IDENTITY:])
        return np.ascontiguousarray(split[0]), np.ascontiguousarray(split[1])

    def triangles(self, n_vertices: int) -> np.ndarray:
        """Triangles whose corners exist."""
        faces = self.integers("f", (None, 3))
        outside = np.flatnonzero(((faces < 0) | (faces >= n_vertices)).any(axis=1))
        if not len(faces) or len(outside):
            what = f"triangle {outside[0]} has a corner" if len(outside) else "no triangle has one"
            raise self.fail("f", f"does not fit the {n_vertices} vertices: {what} that is none")
        return faces.astype(np.int32)

    def weights(self, n_vertices: int) -> np.ndarray:
        """Skinning weights, each vertex's summing to one."""
        weights = self.numbers("weights", (n_vertices, len(PARENTS)))
        sums = weights.sum(axis=1, dtype=np.float64)
        wrong = np.flatnonzero(
            (np.abs(sums - 1) > _WEIGHT_TOLERANCE) | (weights.min(axis=1) < -_WEIGHT_TOLERANCE)
        )
        if len(wrong):
            raise self.fail(
                "weights",
                f"has a row that is no set of weights: vertex {wrong[0]}, sum {sums[wrong[0]]:.4g}",
            )
        return weights

    def check_tree(self) -> None:
        """The joints must be root, neck, jaw and two eyes."""
        parents = self.integers("kintree_table", (2, len(PARENTS)))[0]
        found = tuple(-1 if value == _UNSIGNED_MINUS_ONE else int(value) for value in parents)
        if found != PARENTS:
            raise self.fail("kintree_table", f"has the parents {found}, not {PARENTS}")


def _is_chumpy(value: Any) -> bool:
    return isinstance(value, Node) and value.kind.startswith("chumpy")


def _read_bytes(source: Path) -> bytes:
    if source.is_dir():
        raise EiferError(f"{source} is a folder.", "Choose the .pkl or .npz file in it.")
    try:
        size = source.stat().st_size
        if size > MAX_FILE_BYTES:
            raise EiferError(
                f"{source} has {size / 2**20:.0f} MB, more than any FLAME model.", REMEDY
            )
        return source.read_bytes()
    except FileNotFoundError as error:
        raise EiferError(f"{source} does not exist.", "Check the path.") from error
    except OSError as error:
        raise EiferError(
            f"{source} could not be read: {error.strerror or error}.",
            "Check the file's permissions.",
        ) from error


def _cache_path(digest: str) -> Path:
    return cache_folder() / "heads" / f"{digest}.v{_CACHE_VERSION}.npz"


def _from_cache(digest: str) -> HeadModel | None:
    """The head of an earlier conversion; None when there is none or it is damaged."""
    try:
        kept = _cache_path(digest)
        return HeadModel.load(kept) if kept.is_file() else None
    except EiferError:
        return None


def _to_cache(digest: str, head: HeadModel) -> HeadModel:
    """Keep the head; when the cache cannot be written, say so in its info and go on."""
    try:
        kept = _cache_path(digest)
        kept.parent.mkdir(parents=True, exist_ok=True)
        head.save(kept)
    except (OSError, EiferError) as error:
        return head.replace(info={**head.info, "cache": f"not kept: {error}"})
    return head


def _named(head: HeadModel, source: Path, digest: str) -> HeadModel:
    name, told = flame_name(source.absolute(), open_layout=bool(head.info.get("open_layout")))
    info = {
        **head.info, "file": source.name, "sha256": digest, "version": f"{name}, {told}",
    }  # fmt: skip
    return head.replace(name=name, info=info)
