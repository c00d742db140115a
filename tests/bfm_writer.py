"""Writes small Basel Face Models in the official layouts, their content from the open head.

Nothing of the Basel Face Model is in the project. The face of the open head takes its place: cut
out in front of the ears, in the units and with the keys of the official files. Its expressions are
the open head's own ARKit units, mixed by a random rotation, so that what a coefficient does, and
what a retarget must make of it, is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from remeshed import remesh
from scipy.io import savemat

from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.heads.parts import head_parts
from eifer.eifer_addon.heads.transfer import with_landmarks
from eifer.eifer_addon.spaces import ARKIT_NAMES

N_IDENTITY = 80
#: Units that a face model cut in front of the ears has no skin for.
_NO_SKIN = ("tongueOut",)


@dataclass(frozen=True)
class SyntheticBfm:
    """A face as the files describe it.

    Attributes
    ----------
    mean : numpy.ndarray
        (V, 3) in m, in the Basel Face Model's own axes.
    triangles : numpy.ndarray
        (F, 3) from 0.
    identity, expression : numpy.ndarray
        (V, 3, k) in m per standard deviation.
    mixing : numpy.ndarray
        (n_expression, 52): coefficients of each ARKit unit at 1 are its columns.
    colours : numpy.ndarray
        (V, 3) in [0, 1] as on a screen.
    """

    mean: np.ndarray
    triangles: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    mixing: np.ndarray
    colours: np.ndarray


def synthetic_bfm(head: HeadModel, n_expression: int, seed: int = 0) -> SyntheticBfm:
    """Cut the open head's face out and give it a basis of its own."""
    head = with_landmarks(head)
    linear = np.clip(head.colours, 0, 1)
    screen = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    skin = head_parts(head, head.landmarks).skin
    identity = np.moveaxis(head.identity_basis.astype(np.float64), 2, 0)
    return _cut(
        head.template, head.triangles, skin, head.units, identity, screen, n_expression, seed
    )


def another_person(head: HeadModel, n_expression: int, seed: int = 0) -> SyntheticBfm:
    """Another face than the open head's, with other triangles, and grey all over."""
    identity = np.random.default_rng(seed + 100).normal(size=head.n_identity)
    made = remesh(head, identity=identity)
    grey = np.full((len(made.skin), 3), 0.6)
    rows = np.moveaxis(made.arrays["shapedirs"], 2, 0)[:N_IDENTITY]
    return _cut(
        made.arrays["v_template"], made.arrays["f"].astype(np.int64), made.skin, made.units, rows,
        grey, n_expression, seed,
    )  # fmt: skip


def _cut(
    template: np.ndarray,
    triangles: np.ndarray,
    skin: np.ndarray,
    units: np.ndarray,
    identity: np.ndarray,
    colours: np.ndarray,
    n_expression: int,
    seed: int,
) -> SyntheticBfm:
    """The face in front of the ears, its expressions a random mixture of the units."""
    random = np.random.default_rng(seed)
    inside = skin & (template[:, 2] > -0.01) & (np.abs(template[:, 1]) < 0.09)
    corners = triangles[inside[triangles].all(axis=1)]
    used = np.unique(corners)
    number = np.full(len(template), -1)
    number[used] = np.arange(len(used))
    units = units[:, used].astype(np.float64).reshape(len(ARKIT_NAMES), -1)
    shapes = np.delete(units, [ARKIT_NAMES.index(name) for name in _NO_SKIN], axis=0)
    _, spread, basis = np.linalg.svd(shapes, full_matrices=False)
    size = np.maximum(spread / np.sqrt(len(shapes)), spread[0] * 1e-3)
    turn = np.linalg.qr(random.normal(size=(len(shapes), len(shapes))))[0]
    mixed = turn @ (basis * size[:, None])
    mixing = np.zeros((n_expression, len(units)))
    mixing[: len(shapes)] = np.linalg.lstsq(mixed.T, units.T, rcond=None)[0]
    own = identity[:, used].reshape(len(identity), -1)
    # What the units leave of the basis is smooth and means no expression.
    expression = np.concatenate([mixed, own[: n_expression - len(shapes)] * 0.3])
    rows = np.zeros((N_IDENTITY, mixed.shape[1]))
    rows[: min(N_IDENTITY, len(own))] = own[:N_IDENTITY]
    return SyntheticBfm(
        template[used].astype(np.float64) + (0.0, 0.0, 0.05), number[corners],
        _field(rows, len(used)), _field(expression, len(used)), mixing, colours[used],
    )  # fmt: skip


def _field(rows: np.ndarray, count: int) -> np.ndarray:
    return np.moveaxis(rows.reshape(len(rows), count, 3), 0, 2)


def _flat(field: np.ndarray) -> np.ndarray:
    """(V, 3, k) as (3 V, k)."""
    return field.reshape(-1, field.shape[2])


def write_front(path: Path, face: SyntheticBfm) -> Path:
    """``BFM_model_front.mat`` as Deep3DFaceRecon writes it: decimetres, indices from 1."""
    savemat(path, {
        "meanshape": (face.mean.reshape(1, -1) * 10).astype(np.float32),
        "idBase": (_flat(face.identity) * 10).astype(np.float32),
        "exBase": (_flat(face.expression) * 10).astype(np.float32),
        "meantex": (face.colours.reshape(1, -1) * 255).astype(np.float32),
        # Deep3DFaceRecon's triangles are turned inside out.
        "tri": (face.triangles[:, ::-1] + 1).astype(np.float64),
        "keypoints": np.arange(1, 69, dtype=np.float64)[None],
    }, do_compression=True)  # fmt: skip
    return path


def write_original(folder: Path, face: SyntheticBfm, seed: int = 1) -> Path:
    """``01_MorphableModel.mat`` and its companions: micrometres, more vertices than are used."""
    random = np.random.default_rng(seed)
    count = len(face.mean)
    # The whole model has vertices between those of the expressions, and those more than the front.
    trimmed = np.sort(random.choice(count + 60, count + 30, replace=False))
    front = np.sort(random.choice(count + 30, count, replace=False))
    rows = trimmed[front]
    whole = random.normal(0, 0.05, (count + 60, 3))
    whole[rows] = face.mean
    basis = random.normal(0, 0.001, (count + 60, 3, N_IDENTITY + 5))
    basis[rows, :, :N_IDENTITY] = face.identity
    deviations = np.linspace(2, 1, N_IDENTITY + 5)
    colours = np.full((count + 60, 3), 0.5)
    colours[rows] = face.colours
    savemat(folder / "01_MorphableModel.mat", {
        "shapeMU": (whole.reshape(-1, 1) * 1e6).astype(np.float32),
        "shapePC": (_flat(basis) * 1e6 / deviations).astype(np.float32),
        "shapeEV": deviations[:, None].astype(np.float32),
        "texMU": (colours.reshape(-1, 1) * 255).astype(np.float32),
    }, do_compression=True)  # fmt: skip
    extra = face.expression.shape[2] + 3
    shapes = random.normal(0, 1e-3, (extra, count + 30, 3))
    shapes[: face.expression.shape[2], front] = np.moveaxis(face.expression, 2, 0)
    scale = np.linspace(3, 2, extra)
    with (folder / "Exp_Pca.bin").open("wb") as stream:
        stream.write(np.array([extra], "<i4").tobytes())
        stream.write(random.normal(size=(count + 30) * 3).astype("<f4").tobytes())
        stream.write((shapes * 1e6 / scale[:, None, None]).astype("<f4").tobytes())
    (folder / "std_exp.txt").write_text(" ".join(f"{value:.9e}" for value in scale), "utf-8")
    savemat(folder / "BFM_exp_idx.mat", {"trimIndex": (trimmed + 1.0)[:, None]})
    savemat(folder / "BFM_front_idx.mat", {"idx": (front + 1.0)[:, None]})
    savemat(folder / "facemodel_info.mat", {"tri": face.triangles[:, ::-1] + 1.0})
    return folder / "01_MorphableModel.mat"


def write_2017(path: Path, face: SyntheticBfm) -> Path:
    """``model2017-1_….h5``: millimetres, orthogonal bases beside their variances."""
    with h5py.File(path, "w") as file:
        for part, mean, basis in (
            ("shape", face.mean * 1000 - 1.0, face.identity),
            ("expression", np.ones_like(face.mean), face.expression),
        ):
            flat = _flat(basis) * 1000
            deviations = np.maximum(np.linalg.norm(flat, axis=0), 1e-6)
            file[f"{part}/model/mean"] = mean.reshape(-1).astype(np.float32)
            file[f"{part}/model/pcaBasis"] = (flat / deviations).astype(np.float32)
            file[f"{part}/model/pcaVariance"] = (deviations**2).astype(np.float32)
            file[f"{part}/representer/points"] = (face.mean.T * 1000).astype(np.float32)
            file[f"{part}/representer/cells"] = face.triangles.T.astype(np.int32)
        file["color/model/mean"] = face.colours.reshape(-1).astype(np.float32)
    return path
