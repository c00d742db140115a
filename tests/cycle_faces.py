"""One rendered person with and without electrodes, for tests of the cycles and their ablation.

The open head makes expressions in several poses; its landmarks are those of the head itself, so
that no landmark network is needed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from rendered_faces import COMBINED, raised

from eifer.eifer_addon.heads.model import rodrigues
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import Camera, Light, render
from eifer.models.reconstructors.smirk import cut
from eifer.models.synthetic.drawn_electrodes import draw_on_head
from eifer.models.training.cycle.crops import EDGE, Crops, into_crop, wide_crop
from eifer.models.training.cycle.unpaired import Faces

_SIZE = 360
_LIGHT = Light((0.15, 0.4, 1.0))


@cache
def faces(n_sensor: int = 2, n_normal: int = 2, seed: int = 0, count: int = 32) -> Faces:
    """A person in n pictures with electrodes (and the truth below them) and others without."""
    sensor = _film(n_sensor, seed, 2 * seed, count)
    normal = _film(n_normal, seed, 2 * seed + 1, 0)
    return Faces(f"p{seed}", (sensor,), (normal,))


def _film(n: int, person: int, seed: int, count: int) -> Crops:
    """Crops of n expressions and poses by chance."""
    head, random = load_open_head(), np.random.default_rng(seed)
    assert head.landmarks is not None
    identity = np.random.default_rng(person).normal(0, 1, head.n_identity).clip(-2, 2)
    pictures, points, truth = [], [], []
    for _ in range(n):
        units = raised(list(COMBINED.values())[random.integers(len(COMBINED))])
        vertices = head.shaped(identity, units=units * random.uniform(0.3, 1.0))
        turn = rodrigues(np.radians(random.uniform(-1, 1, 3) * (12, 20, 8)))
        posed = vertices @ turn.T
        landmarks = head.landmarks.positions(posed, head.triangles)
        camera = Camera.facing(landmarks, _SIZE, margin=1.9, distance=0.8)
        drawn = render(posed, head.triangles, head.colours, camera, light=_LIGHT, samples=2)
        seen = camera.project(landmarks)
        matrix = wide_crop(seen)
        worn = draw_on_head(drawn, posed, head, count, seed=person).image if count else drawn.image
        pictures.append(cut(worn, matrix, EDGE).astype(np.uint8))
        truth.append(cut(drawn.image, matrix, EDGE).astype(np.uint8))
        points.append(into_crop(seen, matrix).astype(np.float32))
    return Crops(np.stack(pictures), np.stack(points), np.stack(truth) if count else None)
