"""The 52 ARKit units on all parts, and their principal components."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ...spaces import ARKIT_NAMES
from ..model import rodrigues
from . import crop, eyes, identity
from .part import Part
from .source import Source

#: Above the rim, units fade in over this distance (dm): the rim never moves.
_UNIT_FADE = 0.45
#: The targets turn the eyes 21 degrees sideways but only 10 up and 16 down; people reach further.
_GAZE_GAIN = {"eyeLookUpLeft": 1.6, "eyeLookDownLeft": 1.3}
N_COMPONENTS = 50
N_SAMPLES = 4000
SEED = 52


def make_units(source: Source, part: Part, neutral: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Displacements (52, V, 3) in dm in `ARKIT_NAMES` order."""
    fade = crop.smooth_step(height / _UNIT_FADE)[:, None]
    raw = even_units(source)
    units = np.stack([part.move(raw[name]) * fade for name in ARKIT_NAMES])
    members = {name: source.mesh.members(group) for name, group in eyes.GROUPS.items()}
    points = part.place(neutral)
    for eye, group in members.items():
        ball = part.tags == eye
        units[:, ball] = 0.0
        centre = eyes.fit_ball(neutral[group]).centre
        for k, name in enumerate(ARKIT_NAMES):
            turn = _gaze(source, raw, neutral, name, eye)
            if turn is not None:
                units[k, ball] = (points[ball] - centre) @ (turn - np.eye(3)).T
    return units


def even_units(source: Source) -> dict[str, np.ndarray]:
    """The targets (19158, 3) in dm by name, left and right exact mirror images.

    Drawn by hand, the two sides differ by up to 1.3 mm (mouthSmile). A head on which people look
    for asymmetry must not have its own.
    """
    raw = {name: source.unit(name) for name in ARKIT_NAMES}
    even = {}
    for name, moved in raw.items():
        other = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        even[name] = (moved + raw[other][source.mirror] * np.array([-1.0, 1.0, 1.0])) / 2.0
    return even


def _gaze(
    source: Source, raw: dict[str, np.ndarray], neutral: np.ndarray, name: str, eye: str
) -> np.ndarray | None:
    """The rotation (3, 3) of one eyeball in one unit, the same for both sides."""
    side = "Left" if eye == "left_eye" else "Right"
    if not (name.startswith("eyeLook") and name.endswith(side)):
        return None
    # Measured on the left eye for both, so that left and right are mirror images.
    left = name.removesuffix(side) + "Left"
    group = source.mesh.members(eyes.GROUPS["left_eye"])
    before = neutral[group]
    centre = eyes.fit_ball(before).centre
    after = before + raw[left][group]
    turn = eyes.rotation_of(before - centre, after - centre)
    turn = rodrigues(_GAZE_GAIN.get(left, 1.0) * Rotation.from_matrix(turn).as_rotvec())
    flip = np.diag([1.0 if side == "Left" else -1.0, 1.0, 1.0])
    return flip @ turn @ flip


def make_basis(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expression basis (V, 3, n), scaled to a standard deviation, and its explained variance."""
    activations = sample_activations()
    flat = units.reshape(len(units), -1).astype(np.float64)
    basis = identity.principal_components(activations, flat, N_COMPONENTS)
    mixed = np.tensordot(units, basis.mixing, axes=(0, 0))
    return mixed, basis.explained


def sample_activations(n: int = N_SAMPLES, seed: int = SEED) -> np.ndarray:
    """Activations (n, 52): mostly at rest, the two sides of a face correlated at 0.8."""
    rng = np.random.default_rng(seed)
    common: dict[str, np.ndarray] = {}
    columns = []
    for name in ARKIT_NAMES:
        stem = name.removesuffix("Left").removesuffix("Right")
        if stem not in common:
            common[stem] = rng.normal(size=n)
        level = np.sqrt(0.8) * common[stem] + np.sqrt(0.2) * rng.normal(size=n)
        columns.append(np.clip(0.45 * level, 0.0, 1.0))
    return np.stack(columns, axis=1)
