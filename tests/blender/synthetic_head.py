"""A smooth head-like shape in FLAME layout with random bases, for tests of the bridge."""

from __future__ import annotations

import numpy as np

from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.spaces import ARKIT_NAMES

_RADII = np.array([0.075, 0.11, 0.09])
_JOINTS = np.array([
    [0.0, -0.10, -0.02], [0.0, -0.05, -0.02], [0.0, -0.01, 0.0],
    [0.03, 0.03, 0.06], [-0.03, 0.03, 0.06],
])  # fmt: skip


def make_head(n_rings: int = 24, n_identity: int = 20, n_expression: int = 60) -> HeadModel:
    """A closed ellipsoid of quads with smooth random bases that also move the joints."""
    random = np.random.default_rng(11)
    template, quads = _ellipsoid(n_rings, 2 * n_rings)

    def basis(count: int, size_m: float) -> np.ndarray:
        waves = random.normal(size=(3, count, 4)) * 18.0
        phases = random.uniform(0, 2 * np.pi, (count, 4))
        bumps = np.sin(np.einsum("vc,ckw->vkw", template, waves) + phases)
        return np.einsum("vkw,kwc->vck", bumps, random.normal(size=(count, 4, 3)) * size_m / 2)

    distances = np.linalg.norm(template[None] - _JOINTS[:, None], axis=2)
    regressor = np.exp(-((distances / 0.04) ** 2))
    regressor /= regressor.sum(axis=1, keepdims=True)
    weights = np.exp(-((distances / 0.05) ** 2)).T
    weights /= weights.sum(axis=1, keepdims=True)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return HeadModel(
        name="synthetic",
        template=template.astype(np.float32),
        triangles=triangles.astype(np.int32),
        identity_basis=basis(n_identity, 0.004).astype(np.float32),
        expression_basis=basis(n_expression, 0.002).astype(np.float32),
        joint_regressor=regressor.astype(np.float32),
        weights=weights.astype(np.float32),
        pose_correctives=basis(36, 0.004).astype(np.float32),
        units=np.moveaxis(basis(len(ARKIT_NAMES), 0.006), 2, 0).astype(np.float32),
        polygons=quads.astype(np.int32),
        colours=np.full((len(template), 3), 0.6, np.float32),
        info={"source": "random smooth bases", "sha256": "0" * 64},
    )


def _ellipsoid(n_rings: int, n_sectors: int) -> tuple[np.ndarray, np.ndarray]:
    polar = np.linspace(0.15, np.pi - 0.15, n_rings)
    azimuth = np.arange(n_sectors) * 2 * np.pi / n_sectors
    p, a = np.meshgrid(polar, azimuth, indexing="ij")
    points = np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], axis=-1)
    ring, sector = np.meshgrid(np.arange(n_rings - 1), np.arange(n_sectors), indexing="ij")
    following = (sector + 1) % n_sectors
    corners = [(ring, sector), (ring + 1, sector), (ring + 1, following), (ring, following)]
    quads = np.stack([(r * n_sectors + s).ravel() for r, s in corners], axis=1)
    return points.reshape(-1, 3) * _RADII, quads
