"""The stage: a camera framed on a head, three lights, a backdrop, and render settings."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from ..errors import EiferError
from ..files import atomic_path

PREFIX = "EIFER "
ENGINES = {"workbench": "BLENDER_WORKBENCH", "cycles": "CYCLES"}
#: A portrait lens: long enough not to swell the nose.
_LENS_MM, _SENSOR_MM = 85.0, 36.0
_MARGIN = 1.08
_BACKDROP = (0.155, 0.165, 0.18)
#: Energy in W at the head's own size, size in m, and place in head radii (right, front, up).
_LIGHTS = {
    "Key": (7.5, 0.5, (-2.6, 5.0, 2.1)),
    "Fill": (2.4, 0.9, (4.2, 3.6, 0.6)),
    "Rim": (1.1, 0.35, (2.4, -4.2, 3.4)),
}
_CYCLES_SAMPLES = 16


def prepare_stage(
    context: bpy.types.Context,
    mesh_object: bpy.types.Object,
    engine: str = "workbench",
    size: tuple[int, int] = (512, 512),
) -> bpy.types.Object:
    """Light a head and frame it, replacing an earlier stage of ours.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gets camera, lights, world and render settings.
    mesh_object : bpy.types.Object
        The head, looking along -Y.
    engine : str
        ``"workbench"`` or ``"cycles"``.
    size : tuple of int
        Width and height in pixels.

    Returns
    -------
    bpy.types.Object
        The camera.

    Raises
    ------
    EiferError
        For an engine that is not known.
    """
    if engine not in ENGINES:
        raise EiferError(
            f"The render engine '{engine}' is not known.", f"Use one of {', '.join(ENGINES)}."
        )
    scene = context.scene
    _clear(scene)
    centre, half = _framing_box(mesh_object)
    camera = _add_camera(scene, centre, half, size)
    radius = max(half)
    for name, (energy, extent, place) in _LIGHTS.items():
        _add_light(scene, name, energy, extent, centre, radius, Vector(place))
    _set_world(scene)
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.film_transparent = False
    scene.render.engine = ENGINES[engine]
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    if engine == "cycles":
        _set_cycles(scene)
    else:
        _set_workbench(scene, mesh_object)
    return camera


def render_still(context: bpy.types.Context, path: str | Path) -> Path:
    """Render the current frame to a PNG, whole or not at all.

    Raises
    ------
    EiferError
        When there is no camera or the file cannot be written.
    """
    scene, final = context.scene, Path(path).absolute()
    if scene.camera is None:
        raise EiferError("The scene has no camera.", "Call prepare_stage first.")
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode = "PNG", "RGB"
    before = scene.render.filepath
    with atomic_path(final) as temporary:
        scene.render.filepath = str(temporary)
        try:
            bpy.ops.render.render(write_still=True, scene=scene.name)
        except RuntimeError as error:
            raise EiferError(f"{final} could not be rendered: {str(error).strip()}.") from error
        finally:
            scene.render.filepath = before
    return final


def _clear(scene: bpy.types.Scene) -> None:
    """Take an earlier stage out, data included."""
    names = [f"{PREFIX}{name}" for name in ("Camera", *_LIGHTS)]
    for obj in [obj for obj in scene.objects if obj.name in names]:
        data = obj.data
        bpy.data.objects.remove(obj)
        if data is not None and data.users == 0:
            (bpy.data.cameras if isinstance(data, bpy.types.Camera) else bpy.data.lights).remove(
                data
            )


def _framing_box(mesh_object: bpy.types.Object) -> tuple[Vector, Vector]:
    """Centre and half extents in the world of the head at rest."""
    mesh = mesh_object.data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    world = np.array(mesh_object.matrix_world)
    placed = points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]
    low, high = placed.min(axis=0), placed.max(axis=0)
    return Vector((low + high) / 2), Vector((high - low) / 2)


def _add_camera(
    scene: bpy.types.Scene, centre: Vector, half: Vector, size: tuple[int, int]
) -> bpy.types.Object:
    data = bpy.data.cameras.new(f"{PREFIX}Camera")
    data.lens, data.sensor_width, data.sensor_fit = _LENS_MM, _SENSOR_MM, "AUTO"
    data.clip_start = 0.01
    camera = bpy.data.objects.new(f"{PREFIX}Camera", data)
    scene.collection.objects.link(camera)
    width, height = size
    # The longer side of the picture sees the sensor's width.
    per_metre = _LENS_MM / _SENSOR_MM * 2.0
    wanted = max(half.x * max(1.0, height / width), half.z * max(1.0, width / height))
    distance = wanted * _MARGIN * per_metre + half.y
    camera.location = centre + Vector((0.0, -distance, 0.0))
    camera.rotation_euler = (np.pi / 2, 0.0, 0.0)
    scene.camera = camera
    return camera


def _add_light(
    scene: bpy.types.Scene, name: str, energy: float, extent: float,
    centre: Vector, radius: float, place: Vector,
) -> None:  # fmt: skip
    data = bpy.data.lights.new(f"{PREFIX}{name}", "AREA")
    scale = radius / 0.13
    data.energy, data.size = energy * scale**2, extent * scale
    light = bpy.data.objects.new(f"{PREFIX}{name}", data)
    scene.collection.objects.link(light)
    light.location = centre + Vector((place.x, -place.y, place.z)) * radius
    light.rotation_euler = (centre - light.location).to_track_quat("-Z", "Y").to_euler()


def _set_world(scene: bpy.types.Scene) -> None:
    name = f"{PREFIX}World"
    world = bpy.data.worlds.get(name) or bpy.data.worlds.new(name)
    world.color = _BACKDROP
    if world.node_tree is None:
        world.use_nodes = True
    background = world.node_tree.nodes.get("Background")
    if background is not None:
        background.inputs["Color"].default_value = (*_BACKDROP, 1.0)
        background.inputs["Strength"].default_value = 1.0
    scene.world = world


def _set_cycles(scene: bpy.types.Scene) -> None:
    cycles = scene.cycles
    cycles.samples = _CYCLES_SAMPLES
    cycles.use_adaptive_sampling = True
    cycles.use_denoising = True
    cycles.max_bounces = 6
    cycles.seed = 0
    scene.render.use_persistent_data = True


def _set_workbench(scene: bpy.types.Scene, mesh_object: bpy.types.Object) -> None:
    shading = scene.display.shading
    coloured = mesh_object.data.color_attributes.active_color is not None
    shading.color_type = "VERTEX" if coloured else "MATERIAL"
    shading.light = "STUDIO"
    # The evenest of Blender's own studio lights: it favours neither side of a face.
    shading.studio_light = "paint.sl"
    shading.background_type = "WORLD"
    shading.show_specular_highlight = True
    shading.show_shadows = False
    shading.show_cavity = True
    shading.cavity_type = "WORLD"
    shading.cavity_ridge_factor = 0.0
    shading.cavity_valley_factor = 0.8
    scene.display.render_aa = "8"
