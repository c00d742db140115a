"""Drivers that Blender evaluates without Python.

Only built-in driver types and what Blender calls simple expressions are used, so that a saved
.blend plays and renders the same where scripts may not run and the extension is absent.
"""

from __future__ import annotations

import bpy

from ..heads.model import JOINT_NAMES, N_CORRECTIVES

#: R - I of a unit quaternion w, x, y, z, row-major.
CORRECTIVE_EXPRESSIONS = (
    "-2*(y*y+z*z)", "2*(x*y-w*z)", "2*(x*z+w*y)",
    "2*(x*y+w*z)", "-2*(x*x+z*z)", "2*(y*z-w*x)",
    "2*(x*z-w*y)", "2*(y*z+w*x)", "-2*(x*x+y*y)",
)  # fmt: skip


def key_path(name: str) -> str:
    """Data path of a shape key's value."""
    return f'key_blocks["{name}"].value'


def _new_driver(keys: bpy.types.Key, name: str) -> bpy.types.Driver:
    driver = keys.driver_add(key_path(name)).driver
    assert driver is not None
    return driver


def copy_key_value(keys: bpy.types.Key, name: str, source: bpy.types.Key) -> None:
    """Drive key `name` of `keys` by the key of the same name of `source`."""
    driver = _new_driver(keys, name)
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.type = "SINGLE_PROP"
    target = variable.targets[0]
    target.id_type = "KEY"
    target.id = source
    target.data_path = key_path(name)


def follow_property(keys: bpy.types.Key, name: str, obj: bpy.types.Object) -> None:
    """Drive key `name` by the custom property of the same name of `obj`."""
    driver = _new_driver(keys, name)
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.type = "SINGLE_PROP"
    target = variable.targets[0]
    target.id_type = "OBJECT"
    target.id = obj
    target.data_path = f'["{name}"]'


def drive_corrective(keys: bpy.types.Key, index: int, rig: bpy.types.Object) -> None:
    """Drive pose corrective `index` (0 to 35) by the local rotation of its joint's bone."""
    if not 0 <= index < N_CORRECTIVES:
        raise ValueError(f"a head has {N_CORRECTIVES} pose correctives, not {index}")
    joint, entry = divmod(index, 9)
    driver = _new_driver(keys, f"pose.{index:03d}")
    driver.type = "SCRIPTED"
    for axis in "wxyz":
        if axis in CORRECTIVE_EXPRESSIONS[entry]:
            _add_rotation(driver, axis, rig, JOINT_NAMES[joint + 1])
    driver.expression = CORRECTIVE_EXPRESSIONS[entry]


def _add_rotation(driver: bpy.types.Driver, axis: str, rig: bpy.types.Object, bone: str) -> None:
    variable = driver.variables.new()
    variable.name = axis
    variable.type = "TRANSFORMS"
    target = variable.targets[0]
    target.id = rig
    target.bone_target = bone
    target.transform_type = f"ROT_{axis.upper()}"
    target.rotation_mode = "QUATERNION"
    target.transform_space = "LOCAL_SPACE"
