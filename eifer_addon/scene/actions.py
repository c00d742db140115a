"""Actions with slots: where the curves of a take live, in every Blender version we support.

From 4.4 an action holds one slot per animated datablock, and each slot has its bag of curves.
Up to 4.3 an action serves one datablock and plays the bag itself; there a take is one action per
datablock. Nothing else in the add-on knows about the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

#: Slots came with 4.4.
HAS_SLOTS = bpy.app.version >= (4, 4, 0)
_LINEAR = 1


@dataclass
class Take:
    """A new take: its action, and one bag of curves per animated datablock.

    Attributes
    ----------
    name : str
        Name of the action and its main slot.
    actions : list
        One action; up to 4.3 one per animated datablock, the main one first.
    """

    name: str
    actions: list[Any] = field(default_factory=list)

    def bag(self, block: bpy.types.ID, suffix: str = "") -> Any:
        """A new slot for `block` and its bag of curves; the block plays it from now on.

        Parameters
        ----------
        block : bpy.types.ID
            The datablock to be animated.
        suffix : str
            Told apart from the take's other slots by this; empty for the main one.
        """
        title = f"{self.name} {suffix}".strip()
        data = block.animation_data or block.animation_data_create()
        if not HAS_SLOTS or not self.actions:
            action = bpy.data.actions.new(self.name if not suffix or HAS_SLOTS else title)
            action.use_fake_user = True
            self.actions.append(action)
        action = self.actions[-1]
        data.action = action
        if not HAS_SLOTS:
            return action
        if not action.layers:
            action.layers.new("Take").strips.new(type="KEYFRAME")
        slot = action.slots.new(id_type=block.id_type, name=title)
        data.action_slot = slot
        return action.layers[0].strips[0].channelbag(slot, ensure=True)


class CurveWriter:
    """Adds linear curves whose keys stand at the same frames, in bulk.

    Parameters
    ----------
    frames : numpy.ndarray
        (n,) scene frames.
    """

    def __init__(self, frames: np.ndarray) -> None:
        self._coordinates = np.empty((len(frames), 2), np.float32)
        self._coordinates[:, 0] = frames
        self._interpolation = np.full(len(frames), _LINEAR, np.int32)

    def write(self, bag: Any, path: str, index: int, group: str, values: np.ndarray) -> None:
        """Write one curve of `values` (n,); one key is enough when they are all the same.

        A curve that is there keeps its modifiers and its group and gets new keys.
        """
        n = 1 if np.all(values == values[0]) else len(values)
        self._coordinates[:, 1] = values
        curve = bag.fcurves.find(path, index=index)
        if curve is None:
            curve = bag.fcurves.new(path, index=index)
            curve.group = bag.groups.get(group) or bag.groups.new(group)
        points = curve.keyframe_points
        points.clear()
        points.add(n)
        points.foreach_set("co", self._coordinates[:n].ravel())
        points.foreach_set("interpolation", self._interpolation[:n])
        curve.update()


def playing(block: bpy.types.ID) -> tuple[Any, Any]:
    """The action and slot that `block` plays (None where there is none)."""
    data = block.animation_data
    if data is None:
        return None, None
    return data.action, (data.action_slot if HAS_SLOTS else None)


def play(block: bpy.types.ID, action: Any, slot: Any) -> None:
    """Let `block` play what :func:`playing` gave."""
    data = block.animation_data
    if data is None:
        return
    data.action = action
    if HAS_SLOTS and action is not None:
        data.action_slot = slot


def bag_of(block: bpy.types.ID) -> Any:
    """The bag of curves that `block` plays, None where it plays nothing."""
    action, slot = playing(block)
    if action is None or not HAS_SLOTS:
        return action
    for layer in action.layers:
        for strip in layer.strips:
            if slot is not None:
                return strip.channelbag(slot, ensure=True)
    return None


def curves(block: bpy.types.ID) -> Iterator[Any]:
    """The curves that `block` plays at the moment."""
    action, slot = playing(block)
    if action is None:
        return
    if not HAS_SLOTS:
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot) if slot is not None else None
            if bag is not None:
                yield from bag.fcurves
