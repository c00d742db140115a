"""What a person or a script sets on a rigged head: ARKit controls, pose, identity, presets."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import EiferError
from ..heads.model import JOINT_NAMES, HeadModel
from ..spaces import ARKIT_NAMES
from ..version import software_version
from .axes import quaternions

#: Custom property group of a head's mesh object: which head it is, from which file.
METADATA_KEY = "eifer"
_DATA = Path(__file__).parent / "data"
_TABLE_VERSION = 1


def _table(name: str) -> dict[str, Any]:
    table = json.loads((_DATA / name).read_text(encoding="utf-8"))
    if table["format_version"] != _TABLE_VERSION:
        raise ValueError(f"{name} has format {table['format_version']}, not {_TABLE_VERSION}")
    return dict(table)


@functools.cache
def descriptions() -> dict[str, str]:
    """What each ARKit control does, in words: name to sentence."""
    return dict(_table("controls.json")["descriptions"])


@functools.cache
def presets() -> dict[str, dict[str, float]]:
    """Presets by name, each ARKit controls to values; neutral first."""
    return {
        name: dict(entry["controls"]) for name, entry in _table("presets.json")["presets"].items()
    }


def set_metadata(obj: bpy.types.Object, head: HeadModel) -> None:
    """Note on the object which head it is."""
    obj[METADATA_KEY] = {
        "head": head.name,
        "sha256": str(head.info.get("sha256") or head.info.get("source_sha256", "")),
        "source": str(head.info.get("source", "")),
        "version": software_version(),
    }


def metadata(obj: bpy.types.Object) -> dict[str, str]:
    """What :func:`set_metadata` noted.

    Raises
    ------
    EiferError
        When the object is no head of ours.
    """
    if not is_head(obj):
        raise EiferError(
            f"'{obj.name}' is not an EIFER head.", "Choose a head that was added with EIFER."
        )
    return {str(key): str(value) for key, value in obj[METADATA_KEY].items()}


def is_head(obj: bpy.types.Object | None) -> bool:
    """Whether `obj` is the mesh of one of our heads."""
    if obj is None or obj.type != "MESH" or METADATA_KEY not in obj:
        return False
    # A person may have removed the shape keys; then it is a mesh like any other.
    return obj.data.shape_keys is not None


def head_of(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The head's mesh object when `obj` is that, or its armature."""
    if is_head(obj):
        return obj
    if obj is not None and obj.type == "ARMATURE":
        return next((child for child in obj.children if is_head(child)), None)
    return None


def armature_of(obj: bpy.types.Object) -> bpy.types.Object:
    """The armature object of a head."""
    rig = obj.find_armature()
    if rig is None:
        raise EiferError(
            f"The head '{obj.name}' has lost its armature.", "Undo, or add the head again."
        )
    return rig


def add_controls(obj: bpy.types.Object) -> None:
    """Give `obj` the 52 ARKit controls as custom properties from 0 to 1."""
    words = descriptions()
    for name in ARKIT_NAMES:
        obj[name] = 0.0
        obj.id_properties_ui(name).update(
            min=0.0, max=1.0, soft_min=0.0, soft_max=1.0, default=0.0, step=5, precision=3,
            description=words[name],
        )  # fmt: skip
        obj.property_overridable_library_set(f'["{name}"]', True)


def controls_of(obj: bpy.types.Object) -> tuple[str, ...]:
    """Names of the ARKit controls that a head has (none for a head without units)."""
    return tuple(name for name in ARKIT_NAMES if name in obj)


def set_controls(obj: bpy.types.Object, values: Mapping[str, float]) -> None:
    """Set ARKit controls.

    Parameters
    ----------
    obj : bpy.types.Object
        A head's mesh object.
    values : mapping of str to float
        Control to value in [0, 1]; others stay as they are.

    Raises
    ------
    EiferError
        For a name that is no control of this head or a value outside [0, 1]; nothing is set then.
    """
    metadata(obj)
    known = controls_of(obj)
    for name, value in values.items():
        if name not in known:
            raise EiferError(
                f"The head '{obj.name}' has no control '{name}'.",
                "Use an ARKit name such as 'jawOpen'.",
            )
        if not 0.0 <= value <= 1.0:
            raise EiferError(f"The control '{name}' cannot be {value:g}.", "Use 0 to 1.")
    for name, value in values.items():
        obj[name] = float(value)
    # A custom property written by a script does not tell Blender that something changed.
    obj.update_tag()


def set_pose(obj: bpy.types.Object, pose: np.ndarray) -> None:
    """Turn the bones.

    Parameters
    ----------
    obj : bpy.types.Object
        A head's mesh object.
    pose : numpy.ndarray
        (5, 3) axis-angle in radians, model axes: root, neck, jaw, left eye, right eye.
    """
    if np.shape(pose) != (len(JOINT_NAMES), 3) or not np.isfinite(pose).all():
        raise EiferError(f"A pose is 5 finite axis-angles (5, 3), not {np.shape(pose)}.")
    rig = armature_of(obj)
    for name, rotation in zip(JOINT_NAMES, quaternions(pose), strict=True):
        rig.pose.bones[name].rotation_quaternion = rotation


def set_identity(obj: bpy.types.Object, coefficients: np.ndarray) -> None:
    """Set identity shape keys.

    Parameters
    ----------
    obj : bpy.types.Object
        A head's mesh object.
    coefficients : numpy.ndarray
        (k,) values for ``shape.000`` onwards, in [-5, 5]; keys beyond k become 0.
    """
    _set_keys(obj, "shape", np.asarray(coefficients, np.float64).ravel(), "identity")


def set_expression(obj: bpy.types.Object, coefficients: np.ndarray) -> None:
    """Set expression shape keys; as :func:`set_identity`, for ``exp.000`` onwards."""
    _set_keys(obj, "exp", np.asarray(coefficients, np.float64).ravel(), "expression")


def _set_keys(obj: bpy.types.Object, prefix: str, values: np.ndarray, what: str) -> None:
    metadata(obj)
    blocks = [b for b in obj.data.shape_keys.key_blocks if b.name.startswith(f"{prefix}.")]
    if len(values) > len(blocks):
        raise EiferError(
            f"The head '{obj.name}' has {len(blocks)} {what} keys, but {len(values)} "
            "coefficients were given.",
            f"Add the head with more {what} keys.",
        )
    for index, (block, value) in enumerate(zip(blocks, values, strict=False)):
        if not block.slider_min <= value <= block.slider_max:
            raise EiferError(
                f"The {what} coefficient {index} is {value:g}, outside of "
                f"{block.slider_min:g} to {block.slider_max:g}.",
                "Limit the coefficients.",
            )
    filled = np.zeros(len(blocks))
    filled[: len(values)] = values
    for block, value in zip(blocks, filled, strict=True):
        block.value = value


def apply_preset(obj: bpy.types.Object, name: str) -> None:
    """Set all ARKit controls of `obj` to a preset, controls it does not name to 0."""
    table = presets()
    if name not in table:
        raise EiferError(f"There is no preset '{name}'.", f"Choose one of {', '.join(table)}.")
    if not controls_of(obj):
        raise EiferError(
            f"The head '{obj.name}' has no ARKit controls.", "Add it from a head with ARKit units."
        )
    set_controls(obj, dict.fromkeys(controls_of(obj), 0.0) | table[name])
