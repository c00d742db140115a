"""The ICT FaceKit head (MIT) as a `HeadModel`: an unseen head with ARKit-like shapes of its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.spaces import ARKIT_NAMES


@cache
def ict_head(folder: Path) -> HeadModel:
    """The neutral head, in m, with ten identities and no joints' weights beside the root's.

    Parameters
    ----------
    folder : pathlib.Path
        The shared data folder.
    """
    with np.load(folder / "heads" / "ict_facekit_float16.npz", allow_pickle=False) as data:
        template = data["neutral"].astype(np.float32) / 100
        quads = data["faces"].astype(np.int32)
        identity = np.moveaxis(data["identity"][:10].astype(np.float32) / 100, 0, 2)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    triangles = triangles[(triangles >= 0).all(axis=1)]
    count = len(template)
    weights = np.zeros((count, 5), np.float32)
    weights[:, 0] = 1
    return HeadModel(
        name="ict", template=template, triangles=triangles, identity_basis=identity,
        expression_basis=np.zeros((count, 3, 0), np.float32),
        joint_regressor=np.full((5, count), 1 / count, np.float32), weights=weights,
        pose_correctives=np.zeros((count, 3, 36), np.float32),
        info={"licence": "MIT", "source": "ICT-VGL/ICT-FaceKit"},
    )  # fmt: skip


@cache
def ict_units(folder: Path) -> dict[str, np.ndarray]:
    """ICT's own shapes under their ARKit names, float32 (V, 3) in m.

    ICT splits browInnerUp and cheekPuff into sides; ARKit's is their sum.
    """
    with np.load(folder / "heads" / "ict_facekit_float16.npz", allow_pickle=False) as data:
        names, shapes = list(data["names"]), data["expr"].astype(np.float32) / 100
    found = {
        name.replace("_L", "Left").replace("_R", "Right"): shape
        for name, shape in zip(names, shapes, strict=True)
    }
    for name in ("browInnerUp", "cheekPuff"):
        found[name] = found[f"{name}Left"] + found[f"{name}Right"]
    return {name: found[name] for name in ARKIT_NAMES if name in found}
