"""A head as the landmark network sees it: 478 points that are linear in identity and expression.

The whole mesh is read once. Per frame only the points are evaluated: template + identity · β +
units · u, where the units are those of the head, so that a fitted u drives the head itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..heads.model import HeadModel
from ..heads.surface import head_hash
from ..heads.units import with_arkit_units

#: Landmarks of the lids' rims, and of the lips' outer and inner rims.
LIDS = (
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
    263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249,
)  # fmt: skip
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip


@dataclass(frozen=True)
class LandmarkModel:
    """The landmarks of a head, in m in the head's own axes.

    Attributes
    ----------
    template : numpy.ndarray
        (478, 3) on the neutral mean face.
    identity : numpy.ndarray
        (478, 3, n_identity) per unit of an identity coefficient.
    units : numpy.ndarray
        (478, 3, 52) per unit of an ARKit coefficient.
    joint : numpy.ndarray
        (3,) the root joint, about which a head turns.
    joint_identity, joint_units : numpy.ndarray
        (3, n_identity) and (3, 52): how the root joint moves with the coefficients.
    """

    template: np.ndarray
    identity: np.ndarray
    units: np.ndarray
    joint: np.ndarray
    joint_identity: np.ndarray
    joint_units: np.ndarray

    @property
    def n_identity(self) -> int:
        """Number of identity coefficients."""
        return self.identity.shape[2]

    def neutral(self, identity: np.ndarray) -> np.ndarray:
        """The landmarks (478, 3) of a person's neutral face."""
        return np.asarray(self.template + self.identity @ identity)

    def root(self, identity: np.ndarray, units: np.ndarray) -> np.ndarray:
        """The root joint (n, 3) of a person with expressions (n, 52)."""
        return np.asarray(self.joint + self.joint_identity @ identity + units @ self.joint_units.T)


def landmark_model(head: HeadModel) -> LandmarkModel:
    """The landmarks of a head as a linear model; found once for each head.

    Parameters
    ----------
    head : HeadModel
        Landmarks and units are found where it has none.

    Returns
    -------
    LandmarkModel

    Raises
    ------
    EiferError
        When no face is recognised on the head.
    """
    head = with_arkit_units(head)
    assert head.landmarks is not None
    return _model(_Keyed(head_hash(head, "units", "identity_basis", "joint_regressor"), head))


class _Keyed:
    """A head that is looked up by the hash of its content."""

    def __init__(self, key: str, head: HeadModel) -> None:
        self.key, self.head = key, head

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.key == self.key


@lru_cache(maxsize=4)
def _model(keyed: _Keyed) -> LandmarkModel:
    head = keyed.head
    assert head.landmarks is not None
    assert head.units is not None
    corners = head.triangles[head.landmarks.triangles]
    weights = head.landmarks.barycentric.astype(np.float64)

    def at(field: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nk...->n...", weights, field[corners].astype(np.float64))

    root = head.joint_regressor[0].astype(np.float64)
    units = np.moveaxis(head.units, 0, 2)
    return LandmarkModel(
        at(head.template), at(head.identity_basis), at(units), root @ head.template,
        np.tensordot(root, head.identity_basis, axes=1), np.tensordot(root, units, axes=1),
    )  # fmt: skip
