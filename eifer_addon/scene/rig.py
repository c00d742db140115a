"""A head model as a rigged Blender mesh that plays without the extension."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import EiferError
from ..heads.model import N_CORRECTIVES, HeadModel
from ..spaces import ARKIT_NAMES
from .armature import build_armature, follow_shape
from .axes import to_blender
from .controls import add_controls, set_metadata
from .drivers import drive_corrective, follow_property
from .joints import build_joint_helper, joint_shifts
from .mesh import add_vertex_groups, build_mesh
from .transaction import all_or_nothing

#: Identity and expression coefficients are standard deviations; beyond 5 heads break.
COEFFICIENT_RANGE = 5.0
#: An entry of R - I lies between -2 and 1.
_CORRECTIVE_RANGE = (-2.0, 2.0)
#: Blender's own limit of a shape key's slider.
_SLIDER_LIMIT = 10.0


@dataclass(frozen=True)
class _Keys:
    """Displacements (n, V, 3) in m and values (n,) of a group of shape keys."""

    names: tuple[str, ...]
    displacements: np.ndarray
    values: np.ndarray
    low: float
    high: float


def add_head(
    context: bpy.types.Context,
    head: HeadModel,
    *,
    identity: np.ndarray | None = None,
    n_identity: int = 10,
    n_expression: int = 50,
    name: str | None = None,
) -> bpy.types.Object:
    """Add a rigged head to the scene, in a collection of its own.

    Parameters
    ----------
    context : bpy.types.Context
        In object mode.
    head : HeadModel
        Any FLAME-layout head; with `units` the rig has the 52 ARKit controls.
    identity : numpy.ndarray, optional
        Identity coefficients (k,). The first `n_identity` become values of live shape keys, the
        others are baked into the basis.
    n_identity, n_expression : int
        Number of identity and expression shape keys; no more than the head has are made.
    name : str, optional
        Name of the object and its collection; Blender adds a suffix when it is taken.

    Returns
    -------
    bpy.types.Object
        The mesh object; its parent is the armature.

    Raises
    ------
    EiferError
        When Blender is not in object mode, or the coefficients do not fit the head; the scene is
        then as it was.
    """
    if context.mode != "OBJECT":
        raise EiferError(
            "A head can only be added in object mode.", "Leave the present mode first."
        )
    if min(n_identity, n_expression) < 0:
        raise EiferError("The number of shape keys cannot be negative.", "Give 0 or more.")
    coefficients = _checked_identity(head, identity)
    n_identity = min(n_identity, head.n_identity)
    baked = coefficients.copy()
    baked[:n_identity] = 0.0
    with all_or_nothing(context):
        obj = _build(
            context, head, name or _default_name(head), head.shaped(baked),
            _key_groups(head, coefficients, n_identity, min(n_expression, head.n_expression)),
        )  # fmt: skip
        set_metadata(obj, head)
    _select_only(context, obj)
    return obj


def _checked_identity(head: HeadModel, identity: np.ndarray | None) -> np.ndarray:
    """Identity coefficients filled up with zeros to (n_identity,), float64."""
    given = np.zeros(0) if identity is None else np.asarray(identity, np.float64).ravel()
    if len(given) > head.n_identity:
        raise EiferError(
            f"The head '{head.name}' has {head.n_identity} identity coefficients, but "
            f"{len(given)} were given.",
            "Give the coefficients of this head's own basis.",
        )
    if not np.isfinite(given).all():
        raise EiferError("An identity coefficient is not a number.", "Give finite values.")
    if np.abs(given).max(initial=0.0) > _SLIDER_LIMIT:
        worst = int(np.argmax(np.abs(given)))
        raise EiferError(
            f"Identity coefficient {worst} is {given[worst]:.3g}, and Blender's shape keys end at "
            f"{_SLIDER_LIMIT:g}.",
            "Limit the coefficients.",
        )
    coefficients = np.zeros(head.n_identity)
    coefficients[: len(given)] = given
    return coefficients


def _default_name(head: HeadModel) -> str:
    return "EIFER Head" if head.name == "open" else f"EIFER Head {head.name}"


def _key_groups(
    head: HeadModel, identity: np.ndarray, n_identity: int, n_expression: int
) -> list[_Keys]:
    def of_basis(
        prefix: str, basis: np.ndarray, values: np.ndarray, low: float, high: float
    ) -> _Keys:
        names = tuple(f"{prefix}.{k:03d}" for k in range(len(values)))
        return _Keys(names, np.moveaxis(basis[:, :, : len(values)], 2, 0), values, low, high)

    reach = COEFFICIENT_RANGE
    groups = [
        of_basis("shape", head.identity_basis, identity[:n_identity], -reach, reach),
        of_basis("exp", head.expression_basis, np.zeros(n_expression), -reach, reach),
    ]
    if head.units is not None:
        groups.append(_Keys(ARKIT_NAMES, head.units, np.zeros(len(ARKIT_NAMES)), 0.0, 1.0))
    correctives = of_basis(
        "pose", head.pose_correctives, np.zeros(N_CORRECTIVES), *_CORRECTIVE_RANGE
    )
    return [*groups, correctives]


def _build(
    context: bpy.types.Context,
    head: HeadModel,
    name: str,
    vertices: np.ndarray,
    groups: list[_Keys],
) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, build_mesh(head, name, vertices))
    # Blender may have added a suffix; all parts share the name that the head really has.
    collection = bpy.data.collections.new(obj.name)
    context.scene.collection.children.link(collection)
    collection.objects.link(obj)
    add_vertex_groups(obj, head.weights)
    _add_shape_keys(obj, vertices, groups)
    joints = head.joint_regressor.astype(np.float64) @ vertices
    rig = build_armature(context, f"{obj.name} rig", joints, collection)
    keys = obj.data.shape_keys
    shifts = _all_shifts(head, groups)
    helper = build_joint_helper(f"{obj.name} joints", shifts, keys, collection)
    for child in (obj, helper):
        child.parent = rig
    modifier = obj.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    follow_shape(rig, helper)
    for index in range(N_CORRECTIVES):
        drive_corrective(keys, index, rig)
    if head.units is not None:
        add_controls(obj)
        for unit in ARKIT_NAMES:
            follow_property(keys, unit, obj)
    _assign_materials(obj, head)
    return obj


def _all_shifts(head: HeadModel, groups: list[_Keys]) -> dict[str, np.ndarray]:
    """Joint displacement of every key that takes part in the shape (pose correctives do not)."""
    shifts: dict[str, np.ndarray] = {}
    for group in groups:
        if not group.names or group.names[0].startswith("pose."):
            continue
        moved = joint_shifts(group.displacements, head.joint_regressor)
        shifts |= dict(zip(group.names, moved, strict=True))
    return shifts


def _add_shape_keys(obj: bpy.types.Object, vertices: np.ndarray, groups: list[_Keys]) -> None:
    obj.shape_key_add(name="Basis", from_mix=False)
    basis = to_blender(vertices)
    for group in groups:
        moved = to_blender(group.displacements)
        moved += basis
        for name, points, value in zip(group.names, moved, group.values, strict=True):
            block = obj.shape_key_add(name=name, from_mix=False)
            block.points.foreach_set("co", points.ravel())
            # From 5.0 a new key starts at 1, and the slider clamps the value: range first.
            block.slider_min = min(group.low, float(value))
            block.slider_max = max(group.high, float(value))
            block.value = float(value)


def _assign_materials(obj: bpy.types.Object, head: HeadModel) -> None:
    if not head.materials:
        return
    from .materials import assign_materials

    assign_materials(obj, head)
    if head.polygon_material is not None:
        indices = np.ascontiguousarray(head.polygon_material, np.int32)
        obj.data.polygons.foreach_set("material_index", indices)


def _select_only(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    for other in context.view_layer.objects:
        other.select_set(other == obj)
    context.view_layer.objects.active = obj
