"""A film without electrodes beside the one that was filmed: where it lies, and which is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

from ..errors import EiferError
from ..track import ExpressionTrack
from .actions import bag_of
from .keyframes import PREFIX
from .video_compositing import TREE
from .video_imports import VideoChoices
from .video_reference import keep_shape, load_film, timing_of
from .video_stage import FILM, PLANE, TAKE
from .video_timing import time_pictures

#: On a film's camera object: the path of the clean film, and whether it is the one that is shown.
CLEAN, SHOWN = f"{PREFIX}clean_film", f"{PREFIX}clean_shown"
_SUFFIX = "_clean.mp4"
_NODE = "Film"


def clean_path_of(choices: VideoChoices | None) -> Path | None:
    """Where the clean film of an import lies; None where none was asked for."""
    path = None if choices is None else choices.options.get("clean_film")
    return None if path is None else Path(str(path))


def free_clean_path(film: Path, folder: Path | None = None) -> Path:
    """A name for a clean film that nothing has yet, beside the .blend or else beside the film."""
    blend = bpy.data.filepath
    place = folder or (Path(blend).parent if blend else film.parent)
    names = [f"{film.stem}{_SUFFIX}"]
    names += [f"{film.stem}_clean_{k}.mp4" for k in range(2, 1000)]
    return next(place / name for name in names if not (place / name).exists())


def has_clean(camera: bpy.types.Object) -> bool:
    """Whether a film has a clean one beside it."""
    return CLEAN in camera and Path(str(camera[CLEAN])).is_file()


def add_clean(
    scene: bpy.types.Scene, camera: bpy.types.Object, path: Path, track: ExpressionTrack
) -> None:
    """Note a film's clean one on its camera, and show it."""
    camera[CLEAN] = str(path.absolute())
    show_version(scene, camera, track, clean=True)


def show_version(
    scene: bpy.types.Scene, camera: bpy.types.Object, track: ExpressionTrack, *, clean: bool
) -> None:
    """Show a film as it was filmed or without electrodes, wherever it is shown.

    Parameters
    ----------
    scene : bpy.types.Scene
    camera : bpy.types.Object
        The film's.
    track : ExpressionTrack
        Of the film; tells its shape and times.
    clean : bool

    Raises
    ------
    EiferError
        When that film is not there (any more).
    """
    path = Path(str(camera[CLEAN if clean else FILM]))
    if not path.exists():
        raise EiferError(f"{path} does not exist any more.", "Save the clean video again.")
    image = _image(path)
    if track.camera is not None:
        keep_shape(image, track.camera)
    timing = timing_of(image, track, _start(scene, camera), scene)
    for k, background in enumerate(camera.data.background_images):
        background.image = image
        _retime(camera.data, f"background_images[{k}].image_user", background.image_user, timing)
    plane = camera.get(PLANE)
    if plane is not None:
        plane.data = image
        _retime(plane, "image_user", plane.image_user, timing)
    if scene.camera == camera and (found := _film_node(scene)) is not None:
        tree, node = found
        node.image = image
        _retime(tree, f'nodes["{node.name}"]', node, timing)
    camera[SHOWN] = clean


def _image(path: Path) -> bpy.types.Image:
    """A film that Blender has already, else loaded."""
    for image in bpy.data.images:
        known = image.filepath and Path(bpy.path.abspath(image.filepath)).absolute()
        if known == path.absolute() and image.source == "MOVIE":
            return image
    return load_film(path)


def _start(scene: bpy.types.Scene, camera: bpy.types.Object) -> float:
    take = camera.get(TAKE)
    name = f"{PREFIX}frame_start"
    return float(take[name]) if take is not None and name in take else float(scene.frame_start)


def _film_node(scene: bpy.types.Scene) -> tuple[Any, Any] | None:
    tree = getattr(scene, "compositing_node_group", None) or getattr(scene, "node_tree", None)
    if tree is None or tree.get(TREE) is None:
        return None
    node = tree.nodes.get(_NODE)
    return None if node is None else (tree, node)


def _retime(owner: bpy.types.ID, path: str, user: Any, timing: Any) -> None:
    """Time pictures anew: the two files may be counted in different rates."""
    target = f"{path}.frame_offset"
    data = owner.animation_data
    if data is not None and data.drivers.find(target) is not None:
        owner.driver_remove(target)
    bag = None if data is None else bag_of(owner)
    curve = None if bag is None else bag.fcurves.find(target)
    if bag is not None and curve is not None:
        bag.fcurves.remove(curve)
    time_pictures(owner, path, user, timing)


def cleaning_options(choices: Mapping[str, Any]) -> dict[str, Any]:
    """What of an import's options counts for the cleaning of its film."""
    names = ("start", "stop", "step", "who", "rate_hz", "keep_going")
    found = {name: choices[name] for name in names if name in choices}
    if choices.get("translator"):
        found["model"] = str(choices["translator"])
    return found
