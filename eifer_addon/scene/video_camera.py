"""The camera that filmed a face, placed before the avatar so that it lies over the face."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..track import Camera
from .axes import to_blender
from .controls import armature_of

#: Blender's own sensor; with the focal length in pixels it gives a lens in mm.
_SENSOR_MM = 36.0
#: Blender's shortest and longest lens.
_LENS_MM = (1.0, 5000.0)
_NEAREST_M = 0.01
_SAME_SHAPE = 0.01
#: A camera that looks along the head's -z, in Blender's axes: along +Y, with Z up.
_LOOKS_AT_FACE = Matrix.Rotation(np.pi / 2, 4, "X")


def add_film_camera(
    context: bpy.types.Context, obj: bpy.types.Object, camera: Camera, name: str
) -> bpy.types.Object:
    """Add the camera of a film, seen from the head at rest.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gives the shape of the picture; another shape than the film's gets a border.
    obj : bpy.types.Object
        A head's mesh object; the camera stays where it is when the head is moved later.
    camera : Camera
        Of the track.
    name : str

    Returns
    -------
    bpy.types.Object
        The camera object, linked to the scene but not yet its active camera.
    """
    placed = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    context.scene.collection.objects.link(placed)
    aim_film_camera(placed, obj, camera, context.scene)
    return placed


def aim_film_camera(
    placed: bpy.types.Object, obj: bpy.types.Object, camera: Camera, scene: bpy.types.Scene
) -> None:
    """Place a film's camera before the head, where it stands now, and give it the film's lens."""
    _set_lens(placed.data, camera, picture_shape(scene))
    placed.matrix_world = camera_matrix(obj, camera)


def camera_matrix(obj: bpy.types.Object, camera: Camera) -> Matrix:
    """Where the camera of a film stands in the world, without the head's scale."""
    place = Vector(to_blender(-np.asarray(camera.place)))
    world = armature_of(obj).matrix_world
    turned = world.to_quaternion().to_matrix().to_4x4()
    return Matrix.Translation(world @ place) @ turned @ _LOOKS_AT_FACE


def picture_shape(scene: bpy.types.Scene) -> float:
    """Width over height of what the scene renders, as it is shown."""
    render = scene.render
    across = render.resolution_x * render.pixel_aspect_x
    return float(across / (render.resolution_y * render.pixel_aspect_y))


def fills(camera: Camera, scene: bpy.types.Scene) -> bool:
    """Whether the film has the shape of what the scene renders, so that there are no borders."""
    return abs(picture_shape(scene) * camera.height / camera.width - 1) < _SAME_SHAPE


def _set_lens(data: bpy.types.Camera, camera: Camera, shape: float) -> None:
    """Lens and sensor; a picture wider than the film has borders at its sides, else above."""
    wider = shape > camera.width / camera.height * (1 + 1e-6)
    size_px = camera.height if wider else camera.width
    data.sensor_fit = "VERTICAL" if wider else "HORIZONTAL"
    # Only the ratio counts; a lens that Blender does not have gets another sensor.
    ratio = camera.focal_px / size_px
    lens = min(max(ratio * _SENSOR_MM, _LENS_MM[0]), _LENS_MM[1])
    data.sensor_width = data.sensor_height = lens / ratio
    data.lens = lens
    distance = -camera.place[2]
    data.clip_start = max(_NEAREST_M, distance / 20)
    data.clip_end = max(100.0, distance * 3)
    data.passepartout_alpha = 0.9
