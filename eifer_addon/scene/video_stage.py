"""A film and its camera around an avatar, so that the avatar lies over the face."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..errors import EiferError
from ..track import ExpressionTrack
from ..video.clock import film_clock
from .controls import metadata
from .keyframes import PREFIX
from .takes import current_take
from .transaction import all_or_nothing
from .video_camera import add_film_camera, fills
from .video_compositing import render_over_film
from .video_reference import add_background, add_plane, keep_shape, load_film, timing_of
from .video_scene import restored_scene, set_size
from .video_sound import add_sound, strip_named, strips_of

#: On a film's camera object: the take, the plane and the strip that belong to it.
TAKE, PLANE, STRIP = f"{PREFIX}take", f"{PREFIX}plane", f"{PREFIX}strip"
#: On a film's camera object: the film's path.
FILM = f"{PREFIX}film"


def set_film(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    video_path: str | Path,
    *,
    head_motion: bool = True,
    background: bool = True,
    sound: bool = True,
    plane: bool = False,
    render: bool = False,
    resolution: bool = True,
) -> bpy.types.Object:
    """Put the camera of a film before an avatar, and the film itself behind it.

    An earlier film of the same take is replaced.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gets the camera, the film and the sound; set its frame rate first.
    obj : bpy.types.Object
        A head's mesh object; the film belongs to the take that it plays and begins where that
        does, else at the first frame of the scene.
    track : ExpressionTrack
        With a camera.
    video_path : path-like
        What the track was made of.
    head_motion : bool
        Whether the avatar's head moves as in the film. Without, it stays where the camera saw it
        at rest, and lies over the face only while the person holds still; a warning says so.
    background : bool
        Show the film in the camera's view (in the viewport; renders do not hold it).
    sound : bool
        Add the film's sound, where it has one.
    plane : bool
        Show the film on a plane behind the head (in the viewport).
    render : bool
        Let renders show the avatar over the film, by the compositor.
    resolution : bool
        Let renders have the film's size.

    Returns
    -------
    bpy.types.Object
        The camera, now the scene's active one.

    Raises
    ------
    EiferError
        When the track has no camera, or the compositor is wanted and in use; the scene is as it
        was then.
    """
    metadata(obj)
    if track.camera is None:
        raise EiferError(
            f"The track of {Path(video_path).name} does not know the film's camera.",
            "Make it again with a back end that fits the head.",
        )
    take = current_take(obj)
    earlier = film_of(context.scene, take)
    film = _Film(context, obj, track, Path(video_path), _start(context.scene, take), take)
    with restored_scene(context.scene), all_or_nothing(context):
        film.add_camera(resolution=resolution)
        film.show(background=background, plane=plane, render=render)
        if sound:
            film.add_sound()
        show_film(context.scene, film.camera)
    if earlier is not None:
        remove_film(context.scene, earlier)
    if not head_motion:
        text = (
            f"The head of '{obj.name}' stays still, so it lies over the face in "
            f"{film.path.name} only while the person holds still."
        )
        warnings.warn(text, UserWarning, stacklevel=2)
    return film.camera


@dataclass
class _Film:
    """A film on its way into the scene."""

    context: bpy.types.Context
    obj: bpy.types.Object
    track: ExpressionTrack
    path: Path
    start: float
    take: bpy.types.Action | None

    def add_camera(self, *, resolution: bool) -> None:
        seen = self.track.camera
        assert seen is not None
        if resolution:
            set_size(self.context.scene, seen.width, seen.height)
        name = f"Film {self.take.name if self.take is not None else self.path.stem}"
        self.seen = seen
        self.camera = add_film_camera(self.context, self.obj, seen, name)
        self.camera[FILM] = str(self.path.absolute())
        if self.take is not None:
            self.camera[TAKE] = self.take

    def show(self, *, background: bool, plane: bool, render: bool) -> None:
        """The film where it is wanted; one that Blender cannot decode is a warning."""
        if not (background or plane or render):
            return
        try:
            image = load_film(self.path)
        except EiferError as error:
            warnings.warn(str(error), UserWarning, stacklevel=2)
            return
        keep_shape(image, self.seen)
        timing = timing_of(image, self.track, self.start, self.context.scene)
        if background:
            add_background(self.camera, image, timing, fills=fills(self.seen, self.context.scene))
        if plane:
            added = add_plane(self.context, self.camera, self.seen, image, timing)
            self.camera[PLANE] = added
        if render:
            render_over_film(self.context.scene, image, timing, self.seen)

    def add_sound(self) -> None:
        """The film's sound; a film whose sound cannot be read is a warning."""
        try:
            clock = film_clock(self.path)
            strip = add_sound(self.context.scene, self.path, self.camera.name, self.start, clock)
        except EiferError as error:
            warnings.warn(str(error), UserWarning, stacklevel=2)
            return
        if strip is not None:
            self.camera[STRIP] = strip.name


def _start(scene: bpy.types.Scene, take: bpy.types.Action | None) -> float:
    if take is not None and f"{PREFIX}frame_start" in take:
        return float(take[f"{PREFIX}frame_start"])
    return float(scene.frame_start)


def films_of(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The cameras of films in a scene."""
    return [obj for obj in scene.objects if obj.type == "CAMERA" and FILM in obj]


def film_of(scene: bpy.types.Scene, take: bpy.types.Action | None) -> bpy.types.Object | None:
    """The camera of the film that a take came from; None where it has none (any more)."""
    if take is None:
        return None
    return next((camera for camera in films_of(scene) if camera.get(TAKE) == take), None)


def remove_film(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Take a film's camera, plane and sound out of the scene."""
    strip, plane, data = strip_of(scene, camera), camera.get(PLANE), camera.data
    if strip is not None:
        strips_of(scene).remove(strip)
    if plane is not None:
        bpy.data.objects.remove(plane)
    bpy.data.objects.remove(camera)
    if data.users == 0:
        bpy.data.cameras.remove(data)


def show_film(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Look through this film's camera, and hear and see no other film of ours."""
    scene.camera = camera
    for other in films_of(scene):
        own = other == camera
        strip = strip_of(scene, other)
        if strip is not None:
            strip.mute = not own
        plane = other.get(PLANE)
        if plane is not None:
            plane.hide_viewport = not own


def strip_of(scene: bpy.types.Scene, camera: bpy.types.Object) -> Any:
    """The strip with a film's sound; None where there is none."""
    name = camera.get(STRIP)
    return None if name is None else strip_named(scene, str(name))
