"""A film in the viewport: behind the avatar in the camera's view, or on a plane in the scene."""

from __future__ import annotations

import warnings
from pathlib import Path

import bpy

from ..errors import EiferError
from ..track import Camera, ExpressionTrack
from ..video.pictures import SUFFIXES, open_pictures
from .video_timing import FilmTiming, time_pictures, uneven

#: How opaque the film is behind the avatar, as a person would set it first.
OPACITY = 1.0
#: A plane stands behind the head by this, as a share of the head's distance, and in m.
_BEHIND, _BEHIND_M = 1.3, 0.3
_PICTURES_HZ = 25.0
#: A film's width and height are rounded to whole pixels.
_SQUARE = 0.02


def load_film(path: str | Path) -> bpy.types.Image:
    """A film, an image sequence or a picture as Blender shows it.

    Parameters
    ----------
    path : path-like
        As `video.decode.open_video` takes it.

    Raises
    ------
    EiferError
        When Blender cannot read it.
    """
    path = Path(path)
    pictures = None if path.is_file() and path.suffix.lower() not in SUFFIXES else _pictures(path)
    first = pictures[0] if pictures else path
    try:
        image = bpy.data.images.load(str(first.absolute()), check_existing=False)
    except RuntimeError as error:
        raise EiferError(
            f"Blender cannot show {path.name}: {str(error).strip()}.",
            "Convert it to H.264 in an mp4 file to see it behind the avatar.",
        ) from error
    if not all(image.size):
        bpy.data.images.remove(image)
        raise EiferError(
            f"Blender cannot decode {path.name}.",
            "Convert it to H.264 in an mp4 file to see it behind the avatar.",
        )
    image.name = path.name
    if pictures and len(pictures) > 1:
        # Only now: as a sequence, Blender would look for a picture with the number 1.
        image.source = "SEQUENCE"
    return image


def keep_shape(image: bpy.types.Image, seen: Camera) -> None:
    """Let a film whose pixels are not square be shown in its true shape."""
    if image.source == "SEQUENCE":
        return
    wanted, stored = seen.width / seen.height, image.size[0] / image.size[1]
    if abs(wanted * stored - 1) < _SQUARE < abs(wanted - 1):
        text = f"This Blender shows {image.name}, which was filmed upright, on its side."
        warnings.warn(f"{text} Blender 4.5 and later turn it.", UserWarning, stacklevel=2)
    elif abs(wanted / stored - 1) > _SQUARE:
        image.display_aspect = (wanted / stored, 1.0)


def _pictures(path: Path) -> tuple[Path, ...]:
    return open_pictures(path, _PICTURES_HZ).files


def timing_of(
    image: bpy.types.Image, track: ExpressionTrack, frame_start: float, scene: bpy.types.Scene
) -> FilmTiming:
    """How a film lies on a scene's timeline.

    Parameters
    ----------
    image : bpy.types.Image
        From :func:`load_film`.
    track : ExpressionTrack
        Made from it; tells the times of a variable rate.
    frame_start : float
        Scene frame of the film's first picture.
    scene : bpy.types.Scene
    """
    hz = scene.render.fps / scene.render.fps_base
    if image.source == "SEQUENCE":
        path = Path(bpy.path.abspath(image.filepath))
        n, first = image_numbers(path)
        return FilmTiming(frame_start, hz, _sequence_hz(track), n, first)
    if image.source != "MOVIE":
        return FilmTiming(frame_start, hz, hz, 1)
    # The only place where Blender says the rate that it counts a movie's pictures in.
    clip = bpy.data.movieclips.load(bpy.path.abspath(image.filepath), check_existing=False)
    rate, n = float(clip.fps), max(1, int(clip.frame_duration))
    bpy.data.movieclips.remove(clip)
    return FilmTiming(frame_start, hz, rate or hz, n, times_s=uneven(track.timestamps))


def image_numbers(first: Path) -> tuple[int, int]:
    """How many frame times a sequence covers, and the number of its first picture."""
    stem = first.stem
    digits = stem[len(stem.rstrip("0123456789")) :]
    before = stem[: len(stem) - len(digits)]
    names = (file.stem for file in first.parent.glob(f"*{first.suffix}"))
    found = (name[len(before) :] for name in names if name.startswith(before))
    numbers = sorted(int(text) for text in found if text.isdigit())
    return (numbers[-1] - numbers[0] + 1, numbers[0]) if numbers else (1, 1)


def _sequence_hz(track: ExpressionTrack) -> float:
    options = track.provenance.get("options")
    chosen = options.get("rate_hz") if isinstance(options, dict) else None
    return float(chosen or _PICTURES_HZ)


def add_background(
    camera: bpy.types.Object, image: bpy.types.Image, timing: FilmTiming, *, fills: bool
) -> bpy.types.CameraBackgroundImage:
    """Show the film behind everything in the camera's view; opacity is its ``alpha``.

    A film that `fills` the picture needs no borders, whatever the shape of its pixels.
    """
    background = camera.data.background_images.new()
    background.image = image
    background.alpha = OPACITY
    background.display_depth = "BACK"
    background.frame_method = "STRETCH" if fills else "FIT"
    camera.data.show_background_images = True
    index = len(camera.data.background_images) - 1
    path = f"background_images[{index}].image_user"
    time_pictures(camera.data, path, background.image_user, timing)
    return background


def add_plane(
    context: bpy.types.Context,
    camera: bpy.types.Object,
    seen: Camera,
    image: bpy.types.Image,
    timing: FilmTiming,
) -> bpy.types.Object:
    """Show the film on an image empty behind the head that fills the camera's view.

    Parameters
    ----------
    context : bpy.types.Context
    camera : bpy.types.Object
        The film's camera; the plane moves with it.
    seen : Camera
        Of the track.
    image : bpy.types.Image
    timing : FilmTiming

    Returns
    -------
    bpy.types.Object
        The empty; opacity is the last value of its ``color``.
    """
    plane = bpy.data.objects.new(f"{camera.name} plane", None)
    plane.empty_display_type = "IMAGE"
    plane.data = image
    plane.use_empty_image_alpha = True
    plane.color[3] = OPACITY
    distance = -seen.place[2] * _BEHIND + _BEHIND_M
    longer_px = max(seen.width, seen.height)
    # An image empty's longer side is as long as its display size.
    plane.empty_display_size = distance * longer_px / seen.focal_px
    context.scene.collection.objects.link(plane)
    plane.parent = camera
    plane.location = (0.0, 0.0, -distance)
    time_pictures(plane, "image_user", plane.image_user, timing)
    return plane
