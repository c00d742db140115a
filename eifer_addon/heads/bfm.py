"""The Basel Face Model of the user as a head: what coefficients of Deep3DFace and FOCUS mean.

We ship nothing of the Basel Face Model (Paysan et al., AVSS 2009; Gerig et al., FG 2018). A user
who has it gives its file once (:func:`import_bfm`); from then on tracks in ``bfm09:e64`` and
``bfm17:e100`` can be carried to any other head.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import EiferError
from ..files import sha256_of
from .bfm_file import REMEDY, BfmArrays, read_bfm
from .model import N_CORRECTIVES, HeadModel
from .transfer import with_landmarks
from .units import ArkitUnits, units_of

LICENCE = "Basel Face Model licence of the user's file (not for commercial use)"
SUFFIXES = (".mat", ".h5", ".hdf5")
#: Root, neck, jaw, left and right eye from the tip of the nose in m, as on the open head: the
#: model has no joints, but a head that is turned needs a neck to turn on.
_JOINTS_FROM_NOSE = np.array([
    [0, -0.104, -0.155], [0, -0.073, -0.143], [0, 0.003, -0.103],
    [0.029, 0.036, -0.042], [-0.029, 0.036, -0.042],
])  # fmt: skip
#: Where FOCUS puts the origin of the 2017 model's axes, in m (its `world_center`).
_CENTRE_2017 = np.array([0.0, 0.0, 0.1])
_HEAD_SIZE_M = (0.08, 0.6)
_MAX_DISPLACEMENT_M = 0.2
_NOSE_WIDTH_M = 0.01
#: Triangles of the face beyond which a file is no face model.
_MOST_VERTICES = 200_000


def is_bfm(path: str | Path) -> bool:
    """Whether a file's name is of the kind that Basel Face Models have."""
    return Path(path).suffix.lower() in SUFFIXES


def load_bfm(path: str | Path) -> HeadModel:
    """Read a Basel Face Model as a head.

    Parameters
    ----------
    path : path-like
        ``BFM_model_front.mat`` (Deep3DFaceRecon's), ``01_MorphableModel.mat`` with
        ``Exp_Pca.bin``, ``std_exp.txt``, ``BFM_exp_idx.mat``, ``BFM_front_idx.mat`` and
        ``facemodel_info.mat`` beside it, or ``model2017-1_bfm_nomouth.h5`` or
        ``model2017-1_face12_nomouth.h5``.

    Returns
    -------
    HeadModel
        ``bfm09`` or ``bfm17``, in metres and in the axes that the networks use: of 2009 the mean
        vertex is the origin, of 2017 the point 100 mm before the model's own. Identity and
        expression are in standard deviations. It turns as one piece: the jaw is in the
        expression.

    Raises
    ------
    EiferError
        When the file is none of these, is damaged, or lacks a file that belongs to it.
    """
    source = Path(path)
    arrays = read_bfm(source)
    _check(arrays, source)
    origin = arrays.mean.mean(axis=0) if arrays.name == "bfm09" else _CENTRE_2017
    template = arrays.mean - origin
    count = len(template)
    weights = np.zeros((count, len(_JOINTS_FROM_NOSE)), np.float32)
    weights[:, 0] = 1
    colours = None if arrays.colours is None else _linear(arrays.colours).astype(np.float32)
    return HeadModel(
        name=arrays.name, template=template.astype(np.float32),
        triangles=_outward(template, arrays.triangles).astype(np.int32),
        identity_basis=arrays.identity, expression_basis=arrays.expression,
        joint_regressor=_regressor(template).astype(np.float32), weights=weights,
        pose_correctives=np.zeros((count, 3, N_CORRECTIVES), np.float32), colours=colours,
        info={
            "source": f"Basel Face Model, {source.name}", "licence": LICENCE,
            "sha256": sha256_of(source),
        },
    )  # fmt: skip


def import_bfm(path: str | Path) -> ArkitUnits:
    """Fit the retarget matrix of a Basel Face Model once, so that its tracks can be carried.

    Parameters
    ----------
    path : path-like
        As for :func:`load_bfm`.

    Returns
    -------
    ArkitUnits
        The 52 units as combinations of the model's expressions, kept among EIFER's cached
        results under the basis's name; `error` says how well each is followed.

    Raises
    ------
    EiferError
        As :func:`load_bfm`, or when no face is recognised on the model.
    """
    from .open_head import load_open_head

    return units_of(with_landmarks(load_bfm(path)), load_open_head())


def _check(arrays: BfmArrays, path: Path) -> None:
    """Refuse arrays that are no face in metres, or do not belong together."""
    count = len(arrays.mean)
    for name, values in (
        ("mean", arrays.mean), ("identity", arrays.identity), ("expression", arrays.expression),
    ):  # fmt: skip
        if not np.isfinite(values).all():
            raise EiferError(f"The {name} of {path.name} holds values that are not numbers.", "")
        if len(values) != count:
            raise EiferError(f"The {name} of {path.name} has {len(values)} vertices.", REMEDY)
    size = float(np.ptp(arrays.mean, axis=0).max())
    if count > _MOST_VERTICES or not _HEAD_SIZE_M[0] < size < _HEAD_SIZE_M[1]:
        raise EiferError(
            f"{path.name} holds {count} vertices in {size * 1000:.0f} mm, which is no face.", REMEDY
        )
    if max(float(np.abs(b).max()) for b in (arrays.identity, arrays.expression)) > (
        _MAX_DISPLACEMENT_M
    ):
        raise EiferError(f"A component of {path.name} tears the face apart.", REMEDY)
    if arrays.triangles.min() < 0 or arrays.triangles.max() >= count:
        raise EiferError(f"The triangles of {path.name} name vertices it does not have.", REMEDY)
    if arrays.colours is not None and arrays.colours.shape != arrays.mean.shape:
        raise EiferError(f"The colours of {path.name} have other vertices than its mean.", REMEDY)


def _outward(template: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles counter-clockwise from outside; the files differ in it.

    A face that looks along +z shows more of its front than of its back.
    """
    a, b, c = (template[triangles[:, k]] for k in range(3))
    forward = np.cross(b - a, c - a)[:, 2].sum()
    return triangles if forward > 0 else triangles[:, ::-1]


def _regressor(template: np.ndarray) -> np.ndarray:
    """(5, V): joints as fixed combinations of vertices, at their places from the nose's tip.

    Each is the mean vertex moved by the smallest weights that reach the joint.
    """
    middle = np.abs(template[:, 0] - np.median(template[:, 0])) < _NOSE_WIDTH_M
    tip = template[np.argmax(np.where(middle, template[:, 2], -np.inf))]
    joints = tip + _JOINTS_FROM_NOSE
    system = np.column_stack([template, np.ones(len(template))])
    goal = np.column_stack([joints, np.ones(len(joints))])
    return np.asarray(goal @ np.linalg.pinv(system))


def _linear(colours: np.ndarray) -> np.ndarray:
    """Linear RGB of colours in [0, 1] as on a screen (IEC 61966-2-1)."""
    shown = np.clip(colours, 0, 1)
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
