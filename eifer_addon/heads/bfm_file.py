"""Arrays out of the Basel Face Model's files, read in a child process: numbers, never code.

Three layouts are known. ``BFM_model_front.mat`` is what Deep3DFaceRecon makes of the 2009 model
and of the expressions of Guo et al. (decimetres). ``01_MorphableModel.mat`` is the 2009 model as
its authors give it (micrometres); it has no expressions, so that the files which
Deep3DFaceRecon's code keeps beside it are needed as well. ``model2017-1_….h5`` is the 2017 model
and later ones (millimetres).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import EiferError
from ..signals.readers.isolated import Worker, load_mapped, scratch_file, worker

#: Identity components that Deep3DFaceRecon and FOCUS use; the rest is left in the file.
N_IDENTITY = 80
#: Expressions of Guo et al. that Deep3DFaceRecon uses.
N_EXPRESSION_2009 = 64
REMEDY = (
    "Give BFM_model_front.mat or 01_MorphableModel.mat of 2009, or model2017-1_bfm_nomouth.h5 or "
    "model2017-1_face12_nomouth.h5 of 2017."
)
_M_PER_UM, _M_PER_MM, _M_PER_DM = 1e-6, 1e-3, 0.1
_COMPANIONS = {
    "Exp_Pca.bin": "It comes with the expressions of Guo et al. (Juyong/3DFace).",
    "std_exp.txt": "It lies in the folder BFM of Deep3DFaceRecon_pytorch.",
    "BFM_exp_idx.mat": "It lies in the folder BFM of Deep3DFaceRecon_pytorch.",
    "BFM_front_idx.mat": "It lies in the folder BFM of Deep3DFaceRecon_pytorch.",
    "facemodel_info.mat": "It lies in the folder BFM of Deep3DFaceRecon_pytorch.",
}
_GREY_LEVELS = 255.0


@dataclass(frozen=True)
class BfmArrays:
    """What a Basel Face Model holds, in metres and standard deviations.

    Attributes
    ----------
    name : str
        ``"bfm09"`` or ``"bfm17"``: the basis that coefficients belong to.
    mean : numpy.ndarray
        float64 (V, 3).
    triangles : numpy.ndarray
        int64 (F, 3), from 0; which side is outside is not said.
    identity, expression : numpy.ndarray
        float32 (V, 3, k): displacement in m per standard deviation.
    colours : numpy.ndarray or None
        (V, 3) in [0, 1] as on a screen (sRGB).
    """

    name: str
    mean: np.ndarray
    triangles: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    colours: np.ndarray | None


def read_bfm(path: Path) -> BfmArrays:
    """Read a file of any of the three layouts.

    Raises
    ------
    EiferError
        When it is missing, damaged, none of the three, or lacks one of its companions.
    """
    if not path.is_file():
        raise EiferError(f"{path} does not exist.", "Check the path.")
    with path.open("rb") as stream:
        head = stream.read(8)
    kind = "hdf5" if head == b"\x89HDF\r\n\x1a\n" else "mat"
    if kind == "mat" and path.suffix.lower() != ".mat":
        raise EiferError(f"{path.name} is no Basel Face Model.", REMEDY)
    with worker() as child:
        names = _names(path, kind, child)
        for marks, layout in _LAYOUTS:
            if marks <= names:
                return layout(_Source(path, kind, names, child))
    raise EiferError(f"{path.name} is no Basel Face Model: its arrays have other names.", REMEDY)


def _names(path: Path, kind: str, child: Worker) -> frozenset[str]:
    reply = child.ask(path, {"do": "list", "kind": kind}, "Basel Face Model")
    return frozenset(str(found["name"]) for found in reply["entries"] if found["kind"] == "number")


class _Source:
    """One file while its arrays are taken out."""

    def __init__(self, path: Path, kind: str, names: frozenset[str], child: Worker) -> None:
        self.path, self.kind, self.names, self.child = path, kind, names, child

    def array(self, name: str) -> np.ndarray:
        """The numbers of one array as the file shapes them."""
        if name not in self.names:
            raise EiferError(f"{self.path.name} lacks the array '{name}'.", REMEDY)
        with scratch_file() as scratch:
            request = {"do": "save", "name": name, "out": str(scratch)}
            self.child.ask(self.path, request, "Basel Face Model")
            return load_mapped(scratch)

    def points(self, name: str, scale: float) -> np.ndarray:
        """An array of x, y, z one after the other as float64 (V, 3), scaled."""
        values = np.asarray(self.array(name), np.float64).ravel()
        if len(values) == 0 or len(values) % 3:
            raise EiferError(f"'{name}' of {self.path.name} holds no points in space.", REMEDY)
        return values.reshape(-1, 3) * scale

    def basis(self, name: str, n_vertices: int, most: int) -> np.ndarray:
        """A basis (3 V, k) as float64 (V, 3, up to `most`)."""
        values = self.array(name)
        if values.ndim != 2 or values.shape[0] != 3 * n_vertices or values.shape[1] == 0:
            raise EiferError(
                f"'{name}' of {self.path.name} has the shape {values.shape}, not "
                f"({3 * n_vertices}, components).",
                REMEDY,
            )
        return np.asarray(values[:, :most], np.float64).reshape(n_vertices, 3, -1)

    def row(self, name: str, most: int) -> np.ndarray:
        """An array of one number per component, float64 (up to `most`,)."""
        return np.asarray(self.array(name), np.float64).ravel()[:most]

    def indices(self, name: str, below: int) -> np.ndarray:
        """MATLAB's indices, which start from 1, as int64 from 0."""
        values = np.asarray(self.array(name), np.int64) - 1
        if values.size == 0 or values.min() < 0 or values.max() >= below:
            raise EiferError(
                f"'{name}' of {self.path.name} names vertices that it does not have.", REMEDY
            )
        return values

    def beside(self, name: str) -> Path:
        """A file that belongs to this one and lies in the same folder."""
        path = self.path.parent / name
        if not path.is_file():
            raise EiferError(
                f"{self.path.name} alone holds no expressions; {name} is missing beside it.",
                _COMPANIONS[name],
            )
        return path

    def other(self, name: str) -> _Source:
        """A MAT file that belongs to this one, opened in its place."""
        path = self.beside(name)
        return _Source(path, "mat", _names(path, "mat", self.child), self.child)


def _front(source: _Source) -> BfmArrays:
    """``BFM_model_front.mat``, written by Deep3DFaceRecon; its bases are scaled already."""
    mean = source.points("meanshape", _M_PER_DM)
    count = len(mean)
    colours = source.points("meantex", 1 / _GREY_LEVELS) if "meantex" in source.names else None
    return BfmArrays(
        "bfm09", mean, _corners(source.indices("tri", count), source),
        (source.basis("idBase", count, N_IDENTITY) * _M_PER_DM).astype(np.float32),
        (source.basis("exBase", count, N_EXPRESSION_2009) * _M_PER_DM).astype(np.float32),
        colours,
    )  # fmt: skip


def _original(source: _Source) -> BfmArrays:
    """``01_MorphableModel.mat`` with its companions, cut to the face as Deep3DFaceRecon does."""
    mean = source.points("shapeMU", _M_PER_UM)
    identity = source.basis("shapePC", len(mean), N_IDENTITY)
    identity *= source.row("shapeEV", identity.shape[2]) * _M_PER_UM
    colours = source.points("texMU", 1 / _GREY_LEVELS) if "texMU" in source.names else None
    files = {name: source.beside(name) for name in _COMPANIONS}
    trimmed = _indices_of(source, "BFM_exp_idx.mat", "trimIndex", len(mean))
    front = _indices_of(source, "BFM_front_idx.mat", "idx", len(trimmed))
    expression = _guo(files["Exp_Pca.bin"], files["std_exp.txt"], len(trimmed))[front]
    rows = trimmed[front]
    info = source.other("facemodel_info.mat")
    return BfmArrays(
        "bfm09", mean[rows], _corners(info.indices("tri", len(rows)), info),
        identity[rows].astype(np.float32), expression.astype(np.float32),
        None if colours is None else colours[rows],
    )  # fmt: skip


def _indices_of(source: _Source, file: str, name: str, below: int) -> np.ndarray:
    return source.other(file).indices(name, below).ravel()


def _guo(path: Path, deviations: Path, count: int) -> np.ndarray:
    """Expressions of Guo et al., "CNN-based real-time dense face reconstruction" (TPAMI 2018).

    The file is the number of components as int32, the mean and the components as float32; their
    standard deviations stand in a text file. float64 (count, 3, 64) in m.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        components = int(np.fromfile(stream, "<i4", 1)[0]) if size >= 4 else 0
        wanted = 4 + 12 * count * (components + 1)
        if components < 1 or size != wanted:
            raise EiferError(
                f"{path.name} has {size} bytes, where {count} vertices need {wanted}.",
                "Download it again.",
            )
        stream.seek(12 * count, 1)
        kept = min(components, N_EXPRESSION_2009)
        values = np.fromfile(stream, "<f4", 3 * count * kept).astype(np.float64)
    try:
        scale = np.array([float(word) for word in deviations.read_text("utf-8").split()])
    except (ValueError, OSError) as error:
        raise EiferError(f"{deviations.name} holds no numbers: {error}.", "Get it anew.") from error
    if len(scale) < kept:
        raise EiferError(f"{deviations.name} holds {len(scale)} of {kept} numbers.", "Get it anew.")
    shapes = values.reshape(kept, count, 3) * (scale[:kept, None, None] * _M_PER_UM)
    return np.moveaxis(shapes, 0, 2)


def _later(source: _Source) -> BfmArrays:
    """The 2017 model and later ones, as Gerig et al. give them (FG 2018)."""
    mean = source.points("shape/model/mean", _M_PER_MM)
    parts: dict[str, np.ndarray] = {}
    for part, most in (("shape", N_IDENTITY), ("expression", 1 << 10)):
        basis = source.basis(f"{part}/model/pcaBasis", len(mean), most)
        variance = source.row(f"{part}/model/pcaVariance", basis.shape[2])
        if len(variance) != basis.shape[2] or not (variance >= 0).all():
            raise EiferError(f"The variances of '{part}' in {source.path.name} are wrong.", REMEDY)
        parts[part] = (basis * (np.sqrt(variance) * _M_PER_MM)).astype(np.float32)
    neutral = source.points("expression/model/mean", _M_PER_MM)
    if neutral.shape != mean.shape:
        raise EiferError(f"The parts of {source.path.name} have different vertices.", REMEDY)
    cells = np.asarray(source.array("shape/representer/cells"), np.int64)
    colour = "color/model/mean"
    return BfmArrays(
        "bfm19" if "2019" in source.path.name else "bfm17", mean + neutral,
        _corners(cells if cells.ndim == 2 and cells.shape[1] == 3 else cells.T, source),
        parts["shape"], parts["expression"],
        source.points(colour, 1.0) if colour in source.names else None,
    )  # fmt: skip


def _corners(triangles: np.ndarray, source: _Source) -> np.ndarray:
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise EiferError(
            f"The triangles of {source.path.name} have the shape {triangles.shape}.", REMEDY
        )
    return triangles


_Layout = Callable[[_Source], BfmArrays]
_LAYOUTS: Iterable[tuple[frozenset[str], _Layout]] = (
    (frozenset({"meanshape", "idBase", "exBase", "tri"}), _front),
    (frozenset({"shapeMU", "shapePC", "shapeEV"}), _original),
    (frozenset({"shape/model/mean", "shape/model/pcaBasis", "expression/model/pcaBasis"}), _later),
)
