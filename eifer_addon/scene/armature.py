"""The armature: five bones to pose, five that deform, joints that follow the shape.

A joint of a FLAME head is regressed from the shaped vertices, so it moves by dJ when identity
or expression change. A posed vertex is ``W (v - J0 - dJ) + p`` with W the joint's world
rotation and p its posed position. A bone alone gives ``W (v - J0) + p``. So the bone that a
person turns is carried along by dJ, and its child, which deforms, is shifted back by -dJ in
the turned axes: exact for every shape and pose, without Python. dJ comes from the helper mesh
of `joints`, through Copy Location constraints in local space.
"""

from __future__ import annotations

import bpy
import numpy as np

from ..heads.model import JOINT_NAMES, PARENTS
from .axes import to_blender
from .mesh import DEFORM_PREFIX

_LENGTHS_M = (0.06, 0.06, 0.03, 0.02, 0.02)
_CONSTRAINT = "Joint follows the shape"
_Z_UP = np.array([0.0, 0.0, 1.0])


def build_armature(
    context: bpy.types.Context, name: str, joints: np.ndarray, collection: bpy.types.Collection
) -> bpy.types.Object:
    """An armature object with rest joints (5, 3) given in model axes, linked to `collection`."""
    armature = bpy.data.armatures.new(name)
    armature.display_type = "STICK"
    rig = bpy.data.objects.new(name, armature)
    collection.objects.link(rig)
    _edit_bones(context, rig, to_blender(joints).astype(np.float64))
    controls = armature.collections.new("Controls")
    deforming = armature.collections.new("Deform")
    deforming.is_visible = False
    for bone in armature.bones:
        is_deforming = bone.name.startswith(DEFORM_PREFIX)
        bone.use_deform = is_deforming
        (deforming if is_deforming else controls).assign(bone)
    for pose_bone in rig.pose.bones:
        pose_bone.rotation_mode = "QUATERNION"
    return rig


def _edit_bones(context: bpy.types.Context, rig: bpy.types.Object, heads: np.ndarray) -> None:
    """Make the bones; edit mode is the only place where Blender allows that."""
    layer = context.view_layer
    active, selected = layer.objects.active, [o for o in layer.objects if o.select_get()]
    for obj in selected:
        obj.select_set(False)
    layer.objects.active = rig
    rig.select_set(True)
    with context.temp_override(object=rig, active_object=rig, selected_objects=[rig]):
        bpy.ops.object.mode_set(mode="EDIT")
        try:
            _fill(rig.data.edit_bones, heads)
        finally:
            bpy.ops.object.mode_set(mode="OBJECT")
    rig.select_set(False)
    for obj in selected:
        obj.select_set(True)
    layer.objects.active = active


def _fill(bones: bpy.types.ArmatureEditBones, heads: np.ndarray) -> None:
    for joint, name in enumerate(JOINT_NAMES):
        turned = bones.new(name)
        turned.head = heads[joint]
        turned.tail = heads[joint] + _LENGTHS_M[joint] * _Z_UP
        turned.roll = 0.0
        turned.use_connect = False
        if PARENTS[joint] >= 0:
            turned.parent = bones[DEFORM_PREFIX + JOINT_NAMES[PARENTS[joint]]]
        deforming = bones.new(DEFORM_PREFIX + name)
        deforming.head, deforming.tail, deforming.roll = turned.head, turned.tail, 0.0
        deforming.parent = turned


def follow_shape(rig: bpy.types.Object, helper: bpy.types.Object) -> None:
    """Let the joints of `rig` follow the vertices of `helper` (see the module's docstring)."""
    for name in JOINT_NAMES:
        for bone_name, sign in ((name, 1), (DEFORM_PREFIX + name, -1)):
            constraint = rig.pose.bones[bone_name].constraints.new("COPY_LOCATION")
            constraint.name = _CONSTRAINT
            constraint.target = helper
            constraint.subtarget = name
            constraint.owner_space = constraint.target_space = "LOCAL"
            # With the offset, a person may still move the bone; dJ is added to it.
            constraint.use_offset = True
            constraint.invert_x = constraint.invert_y = constraint.invert_z = sign < 0
