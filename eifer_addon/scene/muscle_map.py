"""The muscle map on an avatar: activity as colours of the skin, electrodes, a legend.

Everything is attributes, node groups and drivers of a kind that Blender evaluates without Python,
so that a saved .blend plays and renders the map where the extension is absent. On our heads the
covered skin is replaced by a finer mesh that follows it; other avatars keep their own mesh.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..heads.electrodes import is_kuramoto, sites_of
from ..heads.landmarks import find_landmarks
from ..heads.model import JOINT_NAMES, N_CORRECTIVES, HeadModel, SurfacePoints
from ..heads.muscle_map import colour_stops, muscle_weights, muscles_shown, refined_weights
from ..heads.surface import at_surface, closest_points
from .axes import from_blender
from .controls import armature_of, head_of, is_head, metadata
from .materials import show_colours
from .muscle_activity import add_activity
from .muscle_avatar import face_of, tone_colours
from .muscle_discs import Ground, add_discs, set_attribute
from .muscle_legend import add_legend
from .muscle_nodes import COLOUR, COVERED, SWITCH, WEIGHT, can_refine, map_group
from .muscle_patch import Triangles, add_patch
from .takes import current_take, notes_of
from .transaction import all_or_nothing

MODIFIER = "Muscle map"
#: The electrodes and the legend carry the name of their avatar here, the finer skin besides.
PART_OF = "muscle_map_of"
#: Edges of the finer skin, in m: at most as long as an electrode is wide.
_FINE_M = 0.005
#: The name of the avatar's group while the map is hidden, and nothing uses it.
_KEPT = "muscle_map_group"
_N_PARTS = 2
_COLOURS_BEFORE = "muscle_map_colours_before"


def has_map(obj: bpy.types.Object) -> bool:
    """Whether a head has a muscle map, shown or not."""
    return MODIFIER in obj.modifiers and SWITCH in obj


def map_target(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The avatar whose map is meant: a head of ours, by any of its parts, or a mesh."""
    if obj is None:
        return None
    owner = obj.get(PART_OF)
    if isinstance(owner, bpy.types.Object):
        return owner
    return head_of(obj) or (obj if obj.type == "MESH" else None)


def is_shown(obj: bpy.types.Object) -> bool:
    """Whether an avatar shows its muscle map."""
    return has_map(obj) and obj.modifiers[MODIFIER].show_viewport and float(obj[SWITCH]) >= 0.5


def show_map(
    context: bpy.types.Context, obj: bpy.types.Object, *, show: bool = True,
    sites: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Show the muscle map on an avatar, or hide it.

    The first time it is made, all or nothing; afterwards it is switched. Hidden, it costs
    nothing: its modifiers are off, and no driver is worked out. While it is shown, the custom
    property ``muscle_map`` fades it, by hand or by keys. The activity is the custom properties
    ``activity_…``, which a take of a recording keys.

    Parameters
    ----------
    context : bpy.types.Context
        In object mode when the map is made.
    obj : bpy.types.Object
        A head's mesh object, or the mesh of another avatar's face.
    show : bool
    sites : mapping of str to str, optional
        Where each recorded muscle stands, for example ``{"corrugator.left": "K19"}``; by default
        as the take that plays was recorded: at Kuramoto's electrodes and pairs, or at all of
        Fridlund's. Used when the map is made.

    Raises
    ------
    EiferError
        When the head's polygons were changed, or no face is recognised on the mesh; the scene is
        then as it was.
    """
    if show and has_map(obj) and not _is_whole(obj):
        # Somebody deleted a part: all is made anew.
        obj.modifiers.remove(obj.modifiers[MODIFIER])
        for part in list(parts_of(obj)):
            bpy.data.objects.remove(part)
    if show and not has_map(obj):
        if context.mode != "OBJECT":
            raise EiferError(
                "The muscle map can only be made in object mode.", "Leave the present mode first."
            )
        if obj.library is not None or (obj.type == "MESH" and obj.data.library is not None):
            raise EiferError(
                f"'{obj.name}' comes from another .blend and cannot be changed here.",
                "Make it local first.",
            )
        make = _make_on_head if is_head(obj) else _make_on_avatar
        make(context, obj, sites_noted(obj) if sites is None else sites)
    if has_map(obj):
        _switch(obj, show)


def sites_noted(obj: bpy.types.Object) -> dict[str, str] | None:
    """Where the muscles of the take that plays were recorded; None for Fridlund's electrodes."""
    action = current_take(obj)
    notes = {} if action is None else notes_of(action)
    try:
        pairs = json.loads(notes.get("channels", "[]"))
        channels, muscles = [str(pair[0]) for pair in pairs], [str(pair[1]) for pair in pairs]
    except (IndexError, TypeError, ValueError):
        return None
    found = sites_of(muscles, channels, None, (str(notes.get("filters", "")),))
    shown = {muscles[k]: where for k, where in found.items() if muscles[k] in muscles_shown()}
    return shown if any(is_kuramoto(site, letters="ke") for site in shown.values()) else None


def _switch(obj: bpy.types.Object, show: bool) -> None:
    obj[SWITCH] = 1.0 if show else 0.0
    modifier = obj.modifiers[MODIFIER]
    if show:
        modifier.node_group = modifier.node_group or _kept_group(obj)
        modifier.node_group.use_fake_user = False
    elif modifier.node_group is not None:
        # A group that anything uses costs time for its drivers, even where it does nothing.
        modifier.node_group.use_fake_user = True
        obj[_KEPT], modifier.node_group = modifier.node_group.name, None
    for part in (obj, *parts_of(obj)):
        part.modifiers[MODIFIER].show_viewport = part.modifiers[MODIFIER].show_render = show
        if part != obj:
            part.hide_viewport = part.hide_render = not show
    before = obj.get(_COLOURS_BEFORE)
    if before is not None:
        layers = obj.data.color_attributes
        layers.active_color = layers.get(COLOUR if show else before) or layers.active_color
    obj.update_tag()


def _kept_group(obj: bpy.types.Object) -> bpy.types.NodeTree | None:
    """The group of a hidden map, where it is still in the file."""
    return bpy.data.node_groups.get(str(obj.get(_KEPT, "")))


def _is_whole(obj: bpy.types.Object) -> bool:
    """Whether a map can be shown again: nobody took its group or its parts away."""
    group = obj.modifiers[MODIFIER].node_group or _kept_group(obj)
    return group is not None and len(list(parts_of(obj))) >= _N_PARTS


def parts_of(obj: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Electrodes and legend of an avatar's map."""
    for part in bpy.data.objects:
        if part.get(PART_OF) == obj and MODIFIER in part.modifiers:
            yield part


def model_of(obj: bpy.types.Object) -> HeadModel:
    """Shape and polygons of a rig as a head model, which has no bases."""
    mesh, noted = obj.data, metadata(obj)
    basis = mesh.shape_keys.key_blocks[0].data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    basis.foreach_get("co", points)
    template = from_blender(points.reshape(-1, 3)).astype(np.float32)
    if noted["head"] == "open":
        head = api.load_head()
        if head.n_vertices == len(template):
            return head.replace(template=template)
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    n = len(template)
    nothing, root = np.zeros((n, 3, 0), np.float32), np.zeros((n, len(JOINT_NAMES)), np.float32)
    root[:, 0] = 1.0
    return HeadModel(
        noted["head"], template, triangles.reshape(-1, 3), nothing, nothing,
        np.zeros((len(JOINT_NAMES), n), np.float32), root,
        np.zeros((n, 3, N_CORRECTIVES), np.float32),
    )  # fmt: skip


def _make_on_head(
    context: bpy.types.Context, obj: bpy.types.Object, sites: Mapping[str, str] | None
) -> None:
    metadata(obj)
    head = model_of(obj)
    with all_or_nothing(context):
        show_colours(obj, COLOUR)
        if can_refine():
            triangles = Triangles.of(obj.data)
            drawn = _drawn_as(head, triangles)
            patch, weights = refined_weights(drawn, sites, _FINE_M, triangles.polygons)
            fine = add_patch(obj, triangles, patch, weights)
            ground = Ground(patch.as_head(head), len(obj.data.vertices), 1.0, None)
        else:
            weights, fine = muscle_weights(head, sites), None
            _set_weights(obj.data, weights.muscles, weights.values, weights.covered)
            ground = Ground(head, 0, 1.0, np.arange(head.n_vertices))
        _add_modifier(obj, weights.muscles, fine)
        parent = armature_of(obj)
        _join(obj, add_discs(obj, ground, weights.electrodes), parent)
        _join(obj, add_legend(obj, *_box(obj)), parent)


def _make_on_avatar(
    context: bpy.types.Context, obj: bpy.types.Object, sites: Mapping[str, str] | None
) -> None:
    face = face_of(obj)
    weights = muscle_weights(face.head, sites)
    with all_or_nothing(context):
        active = obj.data.color_attributes.active_color
        obj[_COLOURS_BEFORE] = "" if active is None else active.name
        tone_colours(obj, COLOUR)
        n = len(obj.data.vertices)
        values = np.zeros((n, len(weights.muscles)), np.float32)
        covered = np.zeros(n, np.float32)
        values[face.vertices], covered[face.vertices] = weights.values, weights.covered
        _set_weights(obj.data, weights.muscles, values, covered)
        _add_modifier(obj, weights.muscles, None)
        ground = Ground(face.head, 0, face.local_per_m, face.vertices)
        _join(obj, add_discs(obj, ground, weights.electrodes), obj)
        legend = add_legend(obj, face.low, face.high)
        _join(obj, legend, obj)
        legend.matrix_parent_inverse = obj.matrix_world.inverted()


def _drawn_as(head: HeadModel, triangles: Triangles) -> HeadModel:
    """The head in Blender's own triangles, with its electrodes and landmarks where they were."""
    vertices = head.template.astype(np.float64)
    moved = head.replace(triangles=triangles.vertices)

    def carried(points: SurfacePoints) -> SurfacePoints:
        places = points.positions(vertices, head.triangles)
        found, shares, _ = closest_points(places, vertices, triangles.vertices)
        return at_surface(points.names, found, shares)

    landmarks = head.landmarks or find_landmarks(head)
    electrodes = {name: carried(points) for name, points in head.electrodes.items()}
    return moved.replace(landmarks=carried(landmarks), electrodes=electrodes)


def _box(obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([corner[:] for corner in obj.bound_box])
    return corners.min(axis=0), corners.max(axis=0)


def _set_weights(
    mesh: bpy.types.Mesh, muscles: tuple[str, ...], values: np.ndarray, covered: np.ndarray
) -> None:
    set_attribute(mesh, COVERED, "FLOAT", covered)
    for muscle, column in zip(muscles, values.T, strict=True):
        set_attribute(mesh, WEIGHT + muscle, "FLOAT", column)


def _add_modifier(
    obj: bpy.types.Object, muscles: tuple[str, ...], fine: bpy.types.Object | None
) -> None:
    add_activity(obj)
    _add_switch(obj)
    group = map_group(obj, muscles, colour_stops(), fine)
    obj.modifiers.new(MODIFIER, "NODES").node_group = group


def _join(obj: bpy.types.Object, part: bpy.types.Object, parent: Any) -> None:
    """Let a part follow its avatar, in the avatar's collections."""
    part.parent = parent
    part[PART_OF] = obj
    for collection in obj.users_collection:
        collection.objects.link(part)


def _add_switch(obj: bpy.types.Object) -> None:
    obj[SWITCH] = 1.0
    obj.id_properties_ui(SWITCH).update(
        min=0.0, max=1.0, soft_min=0.0, soft_max=1.0, default=1.0, precision=2,
        description="Shows the muscle map: 0 off, 1 on, between for a fade",
    )  # fmt: skip
    obj.property_overridable_library_set(f'["{SWITCH}"]', True)
