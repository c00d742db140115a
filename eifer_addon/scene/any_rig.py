"""A track on anybody's avatar: shape keys or custom properties, by a mapping table."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .actions import CurveWriter, Take, bag_of, curves, play, playing
from .channels import region
from .drivers import key_path
from .keyframes import (
    PREFIX,
    FrameRange,
    is_take,
    note_provenance,
    restored_on_failure,
    set_frame_range,
)
from .mappings import (
    PROPERTIES,
    SHAPE_KEYS,
    MappingTable,
    Target,
    get_mapping,
    mapping_presets,
    table_of,
)
from .muscle_activity import is_activity
from .transaction import all_or_nothing

#: A coefficient that stays below this moves nothing that anybody would miss.
_STILL = 1e-3
_NAMED = 8
#: A mapping of a person's own, whole, on a take's action.
_TABLE = f"{PREFIX}mapping_table"


@dataclass(frozen=True)
class Fit:
    """What of a mapping was found on an object.

    Attributes
    ----------
    obj : bpy.types.Object
    block : bpy.types.ID
        What is animated: the shape keys or the object.
    table : MappingTable
    targets : dict of str to Target
        By data path within `block`.
    driven : tuple of str
        Names that were found, but have drivers of their own, which go before keys.
    """

    obj: bpy.types.Object
    block: bpy.types.ID
    table: MappingTable
    targets: dict[str, Target]
    driven: tuple[str, ...] = ()


def fit_mapping(obj: bpy.types.Object, mapping: str | Path | MappingTable | None = None) -> Fit:
    """Find the targets of a mapping on an object.

    Parameters
    ----------
    obj : bpy.types.Object
        A mesh with shape keys, or any object with custom properties (an armature, say).
    mapping : str, path-like or MappingTable, optional
        A preset's name or a JSON file; None takes the preset that finds the most.

    Raises
    ------
    EiferError
        When nothing is found, or the object comes from a library and cannot be animated.
    """
    tables = mapping_presets() if mapping is None else (get_mapping(mapping),)
    fits = [fit for table in tables if (fit := _fit(obj, table)) is not None]
    best = max(fits, key=lambda fit: len(fit.targets), default=None)
    if best is None or not best.targets:
        names = " or ".join(f"'{table.title}'" for table in tables)
        driven = f" ({len(best.driven)} have drivers of their own)" if best and best.driven else ""
        raise EiferError(
            f"'{obj.name}' is not an EIFER head, and the mapping {names} finds nothing on it "
            f"that takes keys{driven}.",
            "Choose a mesh with ARKit-named shape keys, or give a mapping of your own.",
        )
    if best.block.library is not None:
        raise EiferError(
            f"'{obj.name}' comes from another .blend and cannot be animated here.",
            "Make a library override of it first.",
        )
    return best


def apply_to_rig(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    take: str = "take",
    *,
    mapping: str | Path | MappingTable | None = None,
    frame_start: float | None = None,
    frame_range: FrameRange = "extend",
) -> bpy.types.Action:
    """Write a track as keys on a rig that is not ours.

    Every matched shape key or property gets one curve, in bulk; nothing else is touched, and
    what had no target is warned of and noted on the action.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
    track : ExpressionTrack
        In any space; it is carried over to `arkit52`.
    take : str
        Name of the new action.
    mapping : str, path-like or MappingTable, optional
        As for :func:`fit_mapping`.
    frame_start, frame_range
        As for :func:`.keyframes.apply_track`.

    Returns
    -------
    bpy.types.Action

    Raises
    ------
    EiferError
        As :func:`fit_mapping`, or when the track holds no usable frame; nothing is changed then.
    """
    fit = fit_mapping(obj, mapping)
    if track.space.name != ARKIT52.name:
        track = api.retarget(track, ARKIT52.name)
    usable = track.confidence > 0
    if not usable.any():
        raise EiferError("The track holds no usable frame.", "Choose another recording.")
    scene = context.scene
    start = float(scene.frame_start if frame_start is None else frame_start)
    frames = start + track.timestamps[usable] * (scene.render.fps / scene.render.fps_base)
    left_over = unmapped(track, fit.targets.values())
    with restored_on_failure([fit.block]), all_or_nothing(context):
        action = _write(fit, take, track.coefficients[usable], frames)
        note_provenance(action, obj, track, start, left_over)
        _note_table(action, fit.table)
    set_frame_range(scene, frames, frame_range)
    _warn(fit, track, left_over)
    return action


def replace_on_rig(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    action: bpy.types.Action,
    track: ExpressionTrack,
) -> None:
    """Make the keys of the take that a rig plays again, in the same action and slot.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gives the frame rate.
    obj : bpy.types.Object
    action : bpy.types.Action
        The take that it plays; its mapping is the one that it was written with.
    track : ExpressionTrack
        In `arkit52`; time 0 stays where it was.

    Raises
    ------
    EiferError
        As :func:`apply_to_rig`, or when the rig plays another action meanwhile.
    """
    fit = fit_mapping(obj, table_noted(action))
    own, _ = playing(fit.block)
    if own != action:
        raise EiferError(
            f"'{obj.name}' does not play the take '{action.name}' any more.",
            "Choose the take for its shape keys or its properties again.",
        )
    usable = track.confidence > 0
    if not usable.any():
        raise EiferError("The track holds no usable frame.", "Choose another recording.")
    scene, start = context.scene, float(action[f"{PREFIX}frame_start"])
    frames = start + track.timestamps[usable] * (scene.render.fps / scene.render.fps_base)
    _write_curves(fit, bag_of(fit.block), track.coefficients[usable], frames)
    note_provenance(action, obj, track, start, unmapped(track, fit.targets.values()))


def _note_table(action: Any, table: MappingTable) -> None:
    """Note the mapping on a take; a person's own is kept whole, as its file may be gone later."""
    action[f"{PREFIX}mapping"] = table.name
    if table not in mapping_presets():
        action[_TABLE] = json.dumps(table.as_document())


def table_noted(action: Any) -> MappingTable:
    """The mapping that a take was written with."""
    name = str(action.get(f"{PREFIX}mapping", ""))
    return table_of(str(action[_TABLE]), name) if _TABLE in action else get_mapping(name)


def unmapped(track: ExpressionTrack, targets: Iterable[Target]) -> tuple[str, ...]:
    """Coefficients that move in the track and drive none of the targets."""
    taken = {source for target in targets for source in target.sources}
    moving = np.abs(track.coefficients).max(axis=0) > _STILL
    names = track.space.coefficients
    return tuple(n for n, m in zip(names, moving, strict=True) if m and n not in taken)


def _fit(obj: bpy.types.Object, table: MappingTable) -> Fit | None:
    """The targets of one table, None where the object has nothing of the table's kind."""
    paths = {name: path for name, path, _ in _values(obj, table)}
    if not paths:
        return None
    block = obj if table.kind == PROPERTIES else obj.data.shape_keys
    data = block.animation_data
    drivers = {curve.data_path for curve in data.drivers} if data is not None else set()
    found = table.match(paths)
    return Fit(
        obj, block, table,
        {paths[name]: target for name, target in found.items() if paths[name] not in drivers},
        tuple(name for name in found if paths[name] in drivers),
    )  # fmt: skip


def _values(obj: bpy.types.Object, table: MappingTable) -> Iterator[tuple[str, str, Any]]:
    """What could be keyed: name, data path, and the block or the owner of the property."""
    if table.kind == SHAPE_KEYS:
        keys = getattr(obj.data, "shape_keys", None)
        for block in keys.key_blocks if keys is not None else ():
            if block != keys.reference_key:
                yield block.name, key_path(_quoted(block.name)), block
        return
    bones = obj.pose.bones if obj.pose is not None else ()
    # The object's own come last, so that they go before a bone's of the same name.
    for path, owner in (*((f'pose.bones["{_quoted(b.name)}"]', b) for b in bones), ("", obj)):
        for name, value in owner.items():
            if isinstance(value, float):
                yield name, f'{path}["{_quoted(name)}"]', owner


def _quoted(name: str) -> str:
    return bpy.utils.escape_identifier(name)


def _write(fit: Fit, take: str, coefficients: np.ndarray, frames: np.ndarray) -> bpy.types.Action:
    earlier, _ = playing(fit.block)
    if earlier is not None:
        # What was there stays in the file although nothing plays it any more.
        earlier.use_fake_user = True
    if is_take(earlier):
        _rest(fit)
    if fit.obj != fit.block and is_take(playing(fit.obj)[0]):
        rest_activity(fit.obj)
    new = Take(take)
    _write_curves(fit, new.bag(fit.block), coefficients, frames)
    return new.actions[0]


def _write_curves(fit: Fit, bag: Any, coefficients: np.ndarray, frames: np.ndarray) -> None:
    writer = CurveWriter(frames)
    for path, target in fit.targets.items():
        source = max(target.sources, key=lambda name: abs(target.sources[name]))
        writer.write(bag, path, 0, region(source), target.values(coefficients))


def rest_activity(obj: bpy.types.Object) -> None:
    """Stop an earlier take's muscle activity on an object."""
    for curve in list(curves(obj)):
        if is_activity(curve.data_path):
            obj[curve.data_path[2:-2]] = 0.0
    play(obj, None, None)


def _rest(fit: Fit) -> None:
    """Stop an earlier take and put what it animated, and the new one may not, back to 0."""
    owners = {path: (owner, name) for name, path, owner in _values(fit.obj, fit.table)}
    paths = [curve.data_path for curve in curves(fit.block)]
    play(fit.block, None, None)
    # A key or property that was removed since has nothing to put back.
    for owner, name in (owners[path] for path in paths if path in owners):
        if fit.table.kind == PROPERTIES:
            owner[name] = 0.0
        else:
            owner.value = 0.0


def _warn(fit: Fit, track: ExpressionTrack, left_over: tuple[str, ...]) -> None:
    sentences = []
    if left_over:
        more = f" and {len(left_over) - _NAMED} more" if len(left_over) > _NAMED else ""
        sentences.append(f"without a target: {', '.join(left_over[:_NAMED])}{more}")
    if fit.driven:
        sentences.append(f"driven by drivers of their own: {', '.join(fit.driven[:_NAMED])}")
    if track.head_pose is not None:
        sentences.append("the head's pose, because its bones are not known")
    if sentences:
        text = f"Not keyed on '{fit.obj.name}': {'; '.join(sentences)}."
        warnings.warn(text, UserWarning, stacklevel=3)
