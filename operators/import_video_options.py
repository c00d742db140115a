"""What a person chooses for the import of films: the properties, their layout, their meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.preferences import flame_file
from ..eifer_addon.scene.video_clean import free_clean_path
from ..eifer_addon.scene.video_heads import with_heads
from ..eifer_addon.scene.video_imports import VideoChoices
from ..eifer_addon.scene.video_scene import has_takes
from .import_options import ONCE, chosen_path

_EnumItems = tuple[tuple[str, str, str], ...]
_FRAMES = ("first", "last", "step")
#: What `video.fit` does when it is not told; not imported, because Blender should not wait for it.
_SMOOTHING_MS = 80.0
_MATCHES = ("match_rate", "match_size")


#: Blender keeps pointers to the strings of a list that is asked for, so they stay here.
_known: dict[str, _EnumItems] = {}


def _backend_items(_operator: object, _context: bpy.types.Context | None) -> _EnumItems:
    """What comes with the add-on, MediaPipe first, and the networks that the user imported."""
    from ..models.reconstructors.installed import brought, installed
    from ..models.reconstructors.registry import DEFAULT, backends

    every = backends()
    own = {one.name: one.backend for one in installed() if one.backend in every}
    names = [(DEFAULT, DEFAULT), *((name, name) for name in brought() if name not in own)]
    names += own.items()
    key = str(names)
    if key not in _known:
        _known[key] = tuple(_item(name, every[backend]) for name, backend in names)
    return _known[key]


def _item(name: str, backend: Any) -> tuple[str, str, str]:
    """A network by its file's name, with whose work it is."""
    title = backend.title if name == backend.name else f"{backend.title} ({name})"
    return name, title, f"{backend.citation}; {backend.licence}"


def _backend_of(name: str) -> tuple[str, dict[str, str]]:
    """The back end of a network, and the option that names the network."""
    from ..models.reconstructors.installed import installed

    found = {one.name: one.backend for one in installed()}
    return (found[name], {"model": name}) if name in found else (name, {})


class VideoOptionsOfOperator:
    """Properties that the import's two operators have."""

    filepath: bpy.props.StringProperty(
        name="Film",
        description="A film of a face, a picture, or a folder of pictures",
        subtype="FILE_PATH",
        options=ONCE,
    )
    directory: bpy.props.StringProperty(
        name="Folder", description="Where the films lie", subtype="DIR_PATH",
        options=ONCE | {"HIDDEN"},
    )  # fmt: skip
    files: bpy.props.CollectionProperty(
        name="Films", type=bpy.types.OperatorFileListElement, options=ONCE | {"HIDDEN"}
    )
    backend: bpy.props.EnumProperty(
        name="Back end", description="What finds the expression", items=_backend_items
    )
    onto: bpy.props.EnumProperty(
        name="Head",
        description="Which head takes the film's expression",
        items=(
            ("CHOSEN", "Chosen head", "The chosen head, or the only one; without any, a new one"),
            ("NEW", "New head of this person", "A new head with the person's own proportions"),
        ),
    )
    head_file: bpy.props.StringProperty(
        name="FLAME file",
        description="A FLAME model of yours for the new head; empty takes the open head",
        subtype="FILE_PATH",
    )
    own_space: bpy.props.BoolProperty(
        name="FLAME coefficients",
        description="Key the coefficients of a FLAME head instead of its ARKit controls",
    )
    head_motion: bpy.props.BoolProperty(
        name="Head motion", description="Let the head turn and move as in the film", default=True
    )
    smoothing_ms: bpy.props.FloatProperty(
        name="Smoothing (ms)",
        description="Over how much time frames are held to their neighbours, on both sides "
        "alike and so without delay; 0 is none",
        min=0.0,
        soft_max=500.0,
        default=_SMOOTHING_MS,
        precision=0,
    )
    face: bpy.props.EnumProperty(
        name="Face",
        description="Whose face, where the film shows several people",
        items=(
            ("largest", "Largest", "Who fills the most of the picture"),
            ("central", "Most central", "Who stays nearest to the middle of the picture"),
            ("NUMBER", "By number", "In the order in which faces appear, from 0"),
            ("POINT", "At a point", "Who is at a point of the picture in one frame"),
        ),
        options={"SKIP_SAVE"},
    )
    face_number: bpy.props.IntProperty(
        name="Number", description="0 is the first face that appears", min=0, options=ONCE
    )
    face_frame: bpy.props.IntProperty(
        name="In frame", description="Frame of the film, from 0", min=0, options=ONCE
    )
    face_at: bpy.props.IntVectorProperty(
        name="Pixels from the left and from the top",
        description="A point on the face in that frame",
        size=2,
        min=0,
        options=ONCE,
    )
    electrodes: bpy.props.EnumProperty(
        name="Electrodes",
        description="Which electrodes the person wears; what lies under them is trusted less",
        items=(
            ("none", "None or unknown", "Covered places are found as they are"),
            ("fridlund", "Fridlund", "22 bipolar channels"),
            ("kuramoto", "Kuramoto", "19 monopolar channels"),
        ),
    )
    remove_electrodes: bpy.props.BoolProperty(
        name="Remove electrodes",
        description="Take electrodes, cables and tape off the face before it is read, and save "
        "the film without them beside the original",
    )
    clean_path: bpy.props.StringProperty(
        name="Clean film",
        description="The mp4 file that gets the film without electrodes; empty: beside the "
        ".blend file or, while that is not saved, beside the film",
        subtype="FILE_PATH",
        options=ONCE,
    )
    fov_deg: bpy.props.FloatProperty(
        name="Angle of view (degrees)",
        description="The camera's horizontal angle of view, where it is known; 0 estimates it",
        min=0.0,
        max=170.0,
    )
    first: bpy.props.IntProperty(
        name="From frame", description="First frame of the film, from 0", min=0, options=ONCE
    )
    last: bpy.props.IntProperty(
        name="To frame", description="Last frame of the film; 0 is the end", min=0, options=ONCE
    )
    step: bpy.props.IntProperty(
        name="Every n-th frame", description="1 takes every frame", min=1, default=1, options=ONCE
    )
    rate_hz: bpy.props.FloatProperty(
        name="Frame rate of pictures",
        description="Pictures per second of a folder of pictures",
        min=0.1,
        soft_max=240.0,
        default=25.0,
    )
    keep_going: bpy.props.BoolProperty(
        name="Leave damaged places out",
        description="Go on after frames that cannot be decoded instead of stopping there",
    )
    camera: bpy.props.BoolProperty(
        name="Camera of the film",
        description="Add a camera from which the head lies over the face",
        default=True,
    )
    shown: bpy.props.EnumProperty(
        name="Film",
        description="Where the film is shown",
        items=(
            ("CAMERA", "In the camera's view", "Behind the head when looking through the camera"),
            ("PLANE", "On a plane", "Behind the head, seen from everywhere"),
            ("BOTH", "Both", "In the camera's view and on a plane"),
            ("NONE", "Nowhere", "Only the camera is added"),
        ),
    )
    render: bpy.props.BoolProperty(
        name="Render over the film",
        description="Let renders show the head over the film, by the compositor",
    )
    sound: bpy.props.BoolProperty(
        name="Sound", description="Add the film's sound to the sequencer, in step", default=True
    )
    take: bpy.props.StringProperty(
        name="Take", description="Name of the take; the film's name when empty", options=ONCE
    )
    frame_start: bpy.props.IntProperty(
        name="First frame",
        description="Scene frame of the film's first picture",
        default=1,
        options=ONCE - {"SKIP_SAVE"},
    )
    extend: bpy.props.BoolProperty(
        name="Extend the scene",
        description="Let the scene's frame range grow to cover the take, or become the take's "
        "while the scene has no other",
        default=True,
    )
    match_rate: bpy.props.BoolProperty(
        name="Frame rate of the film",
        description="Give the scene the film's frame rate; on while the scene has no takes, "
        "which would be stretched",
        options=ONCE,
    )
    match_size: bpy.props.BoolProperty(
        name="Size of the film",
        description="Let renders have the film's size; on while the scene has no takes",
        options=ONCE,
    )


def paths_of(operator: Any) -> list[Path]:
    """The films that were chosen or dropped."""
    names = [file.name for file in operator.files if file.name]
    if names and operator.directory:
        return [Path(bpy.path.abspath(operator.directory)) / name for name in names]
    return [Path(bpy.path.abspath(operator.filepath))] if operator.filepath else []


def set_matches(operator: Any, context: bpy.types.Context) -> None:
    """Take over the film's rate and size where nothing of the scene depends on them yet."""
    for name in _MATCHES:
        if not operator.properties.is_property_set(name):
            setattr(operator, name, not has_takes(context.scene))


def choices_of(operator: Any, context: bpy.types.Context) -> list[VideoChoices]:
    """What is to be imported, one entry per film.

    Raises
    ------
    EiferError
        When no film was chosen, or the range of frames is empty.
    """
    paths = paths_of(operator)
    if not paths:
        raise EiferError("No film is chosen.", "Choose a file.")
    shown = operator.shown
    backend, network = _backend_of(operator.backend)
    options = _reading(operator) | network
    result = []
    for path in paths:
        several = len(paths) > 1 and operator.take
        new = operator.onto == "NEW"
        pictures = {"rate_hz": round(operator.rate_hz, 4)} if path.is_dir() else {}
        pictures |= _cleaning(operator, path, several=len(paths) > 1)
        chosen = VideoChoices(
            path, take=f"{operator.take} {path.stem}" if several else operator.take,
            frame_start=operator.frame_start, extend=operator.extend, backend=backend,
            options=options | pictures, new_head=new,
            head_file=chosen_path(operator.head_file) if new else None,
            head_motion=operator.head_motion, camera=operator.camera,
            background=shown in {"CAMERA", "BOTH"}, plane=shown in {"PLANE", "BOTH"},
            render=operator.render, sound=operator.sound, match_rate=operator.match_rate,
            match_size=operator.match_size,
        )  # fmt: skip
        flame = flame_file(context)
        result.append(with_heads(context, chosen, flame, own=operator.own_space))
    return result


def _reading(operator: Any) -> dict[str, Any]:
    """Options of the work itself, without those that are as usual."""
    if operator.last and operator.last < operator.first:
        raise EiferError(
            f"There is no frame from {operator.first} to {operator.last}.",
            "Let the last frame be later than the first.",
        )
    wanted: dict[str, Any] = {}
    if operator.first:
        wanted["start"] = operator.first
    if operator.last:
        wanted["stop"] = operator.last + 1
    if operator.step > 1:
        wanted["step"] = operator.step
    if operator.smoothing_ms != _SMOOTHING_MS:
        wanted["smoothing"] = round(operator.smoothing_ms / 1000, 6)
    if operator.keep_going:
        wanted["keep_going"] = True
    if operator.electrodes != "none":
        wanted["electrodes"] = operator.electrodes
    if operator.fov_deg:
        wanted["fov_deg"] = round(operator.fov_deg, 4)
    if operator.face == "NUMBER":
        wanted["who"] = operator.face_number
    elif operator.face == "POINT":
        wanted["who"] = [operator.face_frame, *map(int, operator.face_at)]
    elif operator.face != "largest":
        wanted["who"] = operator.face
    return wanted


def _cleaning(operator: Any, film: Path, *, several: bool) -> dict[str, Any]:
    """Options for the removal of electrodes; each of several films has a file of its own."""
    if not operator.remove_electrodes:
        return {}
    given = chosen_path(operator.clean_path)
    if given is not None and not several:
        path = given if given.suffix.lower() == ".mp4" else given.with_name(f"{given.name}.mp4")
    else:
        path = free_clean_path(film, None if given is None else given.parent)
    return {"remove_electrodes": True, "clean_film": str(path.absolute())}


def draw_video_options(operator: Any) -> None:
    """The dialog: the films first, what matters most, everything else in folds."""
    layout = operator.layout
    paths = paths_of(operator)
    column = layout.column(align=True)
    for path in paths[:6]:
        column.label(text=path.name, icon="FILE_FOLDER" if path.is_dir() else "FILE_MOVIE")
    if len(paths) > 6:
        column.label(text=f"and {len(paths) - 6} more", icon="BLANK1")
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(operator, "backend")
    layout.prop(operator, "onto")
    if operator.onto == "NEW":
        layout.prop(operator, "head_file")
    layout.prop(operator, "own_space")
    layout.prop(operator, "head_motion")
    layout.prop(operator, "remove_electrodes")
    if operator.remove_electrodes:
        layout.prop(operator, "clean_path")
    for title, draw, closed in (
        ("Frames and face", _draw_frames, True),
        ("Camera, film and sound", _draw_film, False),
        ("Scene", _draw_scene, False),
    ):
        header, body = layout.panel(f"eifer_video_{title}", default_closed=closed)
        header.label(text=title)
        if body is not None:
            draw(body, operator, paths)


def _draw_frames(body: Any, operator: Any, paths: list[Path]) -> None:
    for name in _FRAMES:
        body.prop(operator, name)
    if any(path.is_dir() for path in paths):
        body.prop(operator, "rate_hz")
    for name in ("smoothing_ms", "electrodes", "fov_deg"):
        body.prop(operator, name)
    body.prop(operator, "face")
    if operator.face == "NUMBER":
        body.prop(operator, "face_number")
    elif operator.face == "POINT":
        body.prop(operator, "face_frame")
        body.prop(operator, "face_at", text="Point (pixels)")
    body.prop(operator, "keep_going")


def _draw_film(body: Any, operator: Any, _paths: list[Path]) -> None:
    body.prop(operator, "camera")
    column = body.column()
    column.active = operator.camera
    column.prop(operator, "shown")
    column.prop(operator, "render")
    column.prop(operator, "sound")
    if operator.camera and not operator.head_motion:
        column.label(text="The head stays still under the film", icon="INFO")


def _draw_scene(body: Any, operator: Any, _paths: list[Path]) -> None:
    for name in ("take", "frame_start", "extend", "match_rate", "match_size"):
        body.prop(operator, name)
