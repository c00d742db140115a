"""Avatars that follow live values, and their way back to how they were.

The values go where a take's keys go: to the controls. Setting 52 of them takes 10 µs, and what the
viewport shows is exactly what the take will show, bones, heat map and rendering included; writing
the skin's vertices past the rig would save Blender a millisecond or two of evaluation and us none
(docs/benchmarks.md). What an avatar was like before stands on it as a custom property, so
that a crash, an undone step or a file saved in between can be put right at any later time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..heads.muscle_map import muscles_shown
from ..spaces import ARKIT52, ExpressionSpace
from ..track import ExpressionTrack
from .actions import curves
from .any_rig import fit_mapping
from .controls import controls_of, head_of, is_head
from .drivers import key_path
from .mappings import SHAPE_KEYS
from .muscle_activity import property_of

#: Custom property of an avatar that follows live values: how it was before, as JSON.
MARK = "eifer_live"
#: Whether an object is to follow; the checkbox in the panel.
FOLLOWS = "eifer_follows"


@dataclass(frozen=True)
class _Value:
    """One value of an avatar: a property of the object or a bone, or a shape key."""

    kind: str  # "object", "bone" or "key"
    name: str
    bone: str = ""

    @property
    def path(self) -> str:
        """Data path within the block that would hold its keys."""
        quoted = bpy.utils.escape_identifier(self.name)
        if self.kind == "key":
            return key_path(quoted)
        bone = f'pose.bones["{bpy.utils.escape_identifier(self.bone)}"]' if self.bone else ""
        return f'{bone}["{quoted}"]'


@dataclass
class LiveAvatar:
    """One avatar, held by name and session id, never by its pointer.

    Attributes
    ----------
    name : str
    uid : int
        Blender's ``session_uid``, which stays the same when the object is renamed, and across
        undo.
    hides : bool
        Whether it is hidden at the moment, because the stream is lost.
    """

    name: str
    uid: int
    hides: bool = False
    _values: tuple[_Value, ...] = ()
    _weights: np.ndarray | None = None
    _offsets: np.ndarray | None = None
    _clamps: np.ndarray | None = None
    _muscles: tuple[str, ...] = ()
    _columns: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def of(cls, obj: bpy.types.Object) -> LiveAvatar:
        """How live values go to an object.

        Raises
        ------
        EiferError
            When nothing on it takes ARKit coefficients.
        """
        avatar = cls(obj.name, obj.session_uid)
        if is_head(obj):
            names = controls_of(obj)
            if not names:
                raise EiferError(
                    f"The head '{obj.name}' has no ARKit controls.",
                    "Add it from a head with ARKit units.",
                )
            avatar._values = tuple(_Value("object", name) for name in names)
            avatar._fit(np.eye(len(ARKIT52))[[ARKIT52.coefficients.index(n) for n in names]])
            return avatar
        fit = fit_mapping(obj)
        kind = "key" if fit.table.kind == SHAPE_KEYS else "object"
        avatar._values = tuple(_value_at(path, kind) for path in fit.targets)
        targets = fit.targets.values()
        weights = np.array([
            [target.gain * target.sources.get(name, 0.0) for name in ARKIT52.coefficients]
            for target in targets
        ])  # fmt: skip
        avatar._fit(weights, [t.offset for t in targets], [t.clamp for t in targets])
        return avatar

    def _fit(
        self,
        weights: np.ndarray,
        offsets: Sequence[float] = (),
        clamps: Sequence[tuple[float, float]] = (),
    ) -> None:
        n = len(weights)
        self._weights = np.asarray(weights, np.float32)
        self._offsets = np.asarray(offsets or [0.0] * n, np.float32)
        self._clamps = np.asarray(clamps or [(0.0, 1.0)] * n, np.float32)

    def find(self) -> bpy.types.Object | None:
        """The object, also after it was renamed; None when it is gone."""
        obj = bpy.data.objects.get(self.name)
        if obj is None or obj.session_uid != self.uid:
            obj = next((o for o in bpy.data.objects if o.session_uid == self.uid), None)
            if obj is not None:
                self.name = obj.name
        return obj

    def begin(self, obj: bpy.types.Object) -> None:
        """Note how the avatar is, and keep its animation away from what will be set."""
        if MARK in obj:
            restore(obj)
        muted = []
        for block in _blocks(obj):
            for curve in curves(block):
                if self._drives(block, curve.data_path) and not curve.mute:
                    curve.mute = True
                    muted.append([block.id_type, curve.data_path])
        was = {
            "values": [
                [v.kind, v.bone, v.name, _get(obj, v)] for v in (*self._values, *_activity_of(obj))
            ],
            "muted": muted,
        }  # fmt: skip
        obj[MARK] = json.dumps(was)
        self.hides = False

    def _drives(self, block: bpy.types.ID, path: str) -> bool:
        if path.startswith('["activity_'):
            return True
        kinds = ("key",) if block.id_type == "KEY" else ("object", "bone")
        return any(value.kind in kinds and value.path == path for value in self._values)

    def show(
        self, coefficients: np.ndarray, activity: np.ndarray, muscles: tuple[str, ...]
    ) -> bool:
        """Set the values; False when the avatar is gone.

        Parameters
        ----------
        coefficients : numpy.ndarray
            float32 (52,) in `arkit52`.
        activity : numpy.ndarray
            float32 (n_muscles,), shown where the avatar has a heat map.
        muscles : tuple of str
        """
        obj = self.find()
        if obj is None:
            return False
        if MARK not in obj:  # the start, or an undone step from before it
            self.begin(obj)
        assert self._weights is not None
        values = self._weights @ coefficients + self._offsets
        np.clip(values, *self._clamps.T, out=values)
        _set(obj, self._values, values.tolist())
        if muscles is not self._muscles:
            self._muscles, self._columns = muscles, _columns(obj, muscles)
        for column, name in self._columns:
            obj[name] = float(activity[column])
        obj.update_tag()
        return True

    def hide(self, *, hidden: bool) -> None:
        """Hide the avatar with all that belongs to it, or show again what was shown."""
        obj = self.find()
        if obj is None or self.hides == hidden or MARK not in obj:
            return
        self.hides = hidden
        was = json.loads(str(obj[MARK]))
        if hidden:
            parts = [part for part in (obj, *obj.children_recursive) if not part.hide_viewport]
            was["hidden"] = [part.name for part in parts]
            for part in parts:
                part.hide_viewport = True
        else:
            _unhide(was)
        obj[MARK] = json.dumps(was)

    def end(self) -> None:
        """Put the avatar back to how it was."""
        obj = self.find()
        if obj is not None:
            restore(obj)
        self._muscles, self.hides = (), False


def restore(obj: bpy.types.Object) -> bool:
    """Put an object that is marked back to how it was before it followed; False without a mark."""
    text = obj.get(MARK)
    if text is None:
        return False
    del obj[MARK]
    try:
        was = json.loads(str(text))
        rows = [(_Value(kind, name, bone), float(v)) for kind, bone, name, v in was["values"]]
        muted = {(kind, path) for kind, path in was["muted"]}
        _unhide(was)
    except (ValueError, TypeError, KeyError):
        return False
    for value, number in rows:
        _put(obj, value, number)
    for block in _blocks(obj):
        for curve in curves(block):
            if (block.id_type, curve.data_path) in muted:
                curve.mute = False
    obj.update_tag()
    return True


def _unhide(was: dict[str, Any]) -> None:
    """Show the parts again that were hidden when the stream was lost."""
    for name in was.pop("hidden", ()):
        part = bpy.data.objects.get(str(name))
        if part is not None:
            part.hide_viewport = False


def restore_all(besides: Iterable[int] = ()) -> int:
    """Restore every marked object of the file except those with the given session ids."""
    kept = set(besides)
    marked = [o for o in bpy.data.objects if MARK in o and o.session_uid not in kept]
    return sum(restore(obj) for obj in marked)


def wanted_objects(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The objects that follow: those that are ticked, else the chosen ones, else the only head."""
    scene = context.scene
    ticked = [obj for obj in scene.objects if getattr(obj, FOLLOWS, False)]
    if ticked:
        return ticked
    chosen = dict.fromkeys(head_of(obj) for obj in context.selected_objects)
    found = [obj for obj in (head_of(context.object), *chosen) if obj is not None]
    if found:
        return list(dict.fromkeys(found))
    heads = [obj for obj in scene.objects if is_head(obj)]
    return heads if len(heads) == 1 else []


def to_hub(space: ExpressionSpace) -> Callable[[np.ndarray], np.ndarray]:
    """A function that carries one frame of coefficients into `arkit52`, float32 (52,)."""
    if space.name == ARKIT52.name:
        return lambda row: row
    moment, sure = np.zeros(1), np.ones(1, np.float32)

    def carried(row: np.ndarray) -> np.ndarray:
        track = ExpressionTrack(space, row[None], moment, sure)
        return api.retarget(track, ARKIT52.name).coefficients[0]

    return carried


def _blocks(obj: bpy.types.Object) -> tuple[bpy.types.ID, ...]:
    keys = getattr(obj.data, "shape_keys", None)
    return (obj,) if keys is None else (obj, keys)


def _value_at(path: str, kind: str) -> _Value:
    """The value at a data path that a mapping gave."""
    start, _, rest = path.partition('["')
    if kind == "key":
        return _Value("key", _plain(rest.removesuffix('"].value')))
    if start == "":
        return _Value("object", _plain(rest.removesuffix('"]')))
    bone, _, name = rest.partition('"]["')
    return _Value("bone", _plain(name.removesuffix('"]')), _plain(bone))


def _plain(text: str) -> str:
    return bpy.utils.unescape_identifier(text)


def _get(obj: bpy.types.Object, value: _Value) -> float:
    if value.kind == "key":
        return float(obj.data.shape_keys.key_blocks[value.name].value)
    owner = obj.pose.bones[value.bone] if value.kind == "bone" else obj
    return float(owner[value.name])


def _put(obj: bpy.types.Object, value: _Value, number: float) -> None:
    """Set a value where it still exists."""
    if value.kind == "key":
        keys = getattr(obj.data, "shape_keys", None)
        if keys is not None and value.name in keys.key_blocks:
            keys.key_blocks[value.name].value = number
        return
    owner = obj
    if value.kind == "bone":
        owner = obj.pose.bones.get(value.bone) if obj.pose is not None else None
    if owner is not None and value.name in owner:
        owner[value.name] = number


def _set(obj: bpy.types.Object, values: tuple[_Value, ...], numbers: list[float]) -> None:
    for value, number in zip(values, numbers, strict=True):
        if value.kind == "object":
            obj[value.name] = number
        else:
            _put(obj, value, number)


def _activity_of(obj: bpy.types.Object) -> tuple[_Value, ...]:
    names = (property_of(muscle) for muscle in muscles_shown())
    return tuple(_Value("object", name) for name in names if name in obj)


def _columns(obj: bpy.types.Object, muscles: tuple[str, ...]) -> list[tuple[int, str]]:
    """Which of the muscles an avatar shows, and in which property."""
    shown = [(k, property_of(muscle)) for k, muscle in enumerate(muscles)]
    return [(k, name) for k, name in shown if name in obj]
