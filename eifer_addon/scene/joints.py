"""The helper mesh whose five vertices carry the displacement of the joints.

It has the same identity, expression and ARKit keys as the head, as far as they move a joint,
and its values are driven by the head's. Five vertices cost nothing to evaluate; regressing
joints from thousands in each frame would need Python.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy
import numpy as np

from ..heads.model import JOINT_NAMES
from .drivers import copy_key_value

#: Keys that move no joint further than this per unit are left out.
MIN_SHIFT_M = 1e-7


def build_joint_helper(
    name: str,
    shifts: Mapping[str, np.ndarray],
    head_keys: bpy.types.Key,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """The helper object.

    Parameters
    ----------
    name : str
        Object name.
    shifts : mapping of str to numpy.ndarray
        Displacement (5, 3) of the joints in m, model axes, per unit of each key.
    head_keys : bpy.types.Key
        The head's shape keys, which drive the helper's.
    collection : bpy.types.Collection
        Where the object is linked.
    """
    mesh = bpy.data.meshes.new(name)
    # Bone axes are the model's axes, so the displacements go in unconverted.
    mesh.from_pydata([(0.0, 0.0, 0.0)] * len(JOINT_NAMES), [], [])
    helper = bpy.data.objects.new(name, mesh)
    collection.objects.link(helper)
    for index, joint in enumerate(JOINT_NAMES):
        helper.vertex_groups.new(name=joint).add([index], 1.0, "REPLACE")
    helper.shape_key_add(name="Basis", from_mix=False)
    for key, shift in shifts.items():
        if np.abs(shift).max() > MIN_SHIFT_M:
            _add_key(helper, key, shift, head_keys)
    helper.hide_viewport = helper.hide_render = helper.hide_select = True
    return helper


def _add_key(
    helper: bpy.types.Object, key: str, shift: np.ndarray, head_keys: bpy.types.Key
) -> None:
    source = head_keys.key_blocks[key]
    block = helper.shape_key_add(name=key, from_mix=False)
    block.slider_min, block.slider_max = source.slider_min, source.slider_max
    block.value = source.value
    block.points.foreach_set("co", np.ascontiguousarray(shift, np.float32).ravel())
    copy_key_value(helper.data.shape_keys, key, head_keys)


def joint_shifts(displacements: np.ndarray, regressor: np.ndarray) -> np.ndarray:
    """Shift (n, 5, 3) of the joints in m by vertex displacements (n, V, 3), model axes."""
    return np.einsum("jv,nvc->njc", regressor.astype(np.float64), displacements, optimize=True)
