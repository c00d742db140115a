"""A film around an avatar: the camera, the pictures in step, the sound, and nothing left behind."""

from __future__ import annotations

import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from film_track import film_track, write_talking_film
from film_writer import SIZE, corners, number_in, numbered, quadrants, write_film
from imported_scene import state
from mathutils import Vector
from PIL import Image

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.scene.controls import armature_of
from eifer.eifer_addon.scene.video_reference import load_film, timing_of
from eifer.eifer_addon.scene.video_scene import set_rate
from eifer.eifer_addon.scene.video_sound import strips_of
from eifer.eifer_addon.scene.video_stage import PLANE, film_of, films_of, set_film, show_film
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.video.decode import open_video

HAS_SOUND = pytest.mark.skipif(
    not bpy.app.build_options.audaspace, reason="this bpy was built without sound"
)
#: The oldest bpy wheel knows no sound, and says so each time.
pytestmark = [] if bpy.app.build_options.audaspace else [
    pytest.mark.filterwarnings("ignore:The sound of")
]  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty numbered pictures at 25 frames/s with a beep at 1.2 s."""
    return write_talking_film(tmp_path_factory.mktemp("film") / "talk.mp4")


def take_of(obj: bpy.types.Object, track: ExpressionTrack, **options: object) -> bpy.types.Action:
    return api.apply_track(bpy.context, obj, track, take="film", **options)


def seen_in_blender(camera: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    """Pixels (n, 2) of points of the world in the render of the scene's size."""
    scene = bpy.context.scene
    size = scene.render.resolution_x, scene.render.resolution_y
    at = np.array([world_to_camera_view(scene, camera, p)[:2] for p in points])
    return np.stack([at[:, 0] * size[0], (1 - at[:, 1]) * size[1]], axis=1)


def evaluated(obj: bpy.types.Object) -> np.ndarray:
    """Vertices (V, 3) in the world at the current frame."""
    shown = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", points)
    matrix = np.array(shown.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def expected_pixels(head: HeadModel, track: ExpressionTrack, k: int) -> np.ndarray:
    """What the contract of head pose and camera says of frame k."""
    pose = np.zeros((5, 3))
    pose[0] = track.head_pose[k, :3]
    posed, _ = head.forward(pose=pose, units=track.coefficients[k])
    return track.camera.project(posed + track.head_pose[k, 3:])


@pytest.mark.parametrize("resolution", [None, (800, 800), (1000, 300)])
def test_the_avatar_is_seen_where_the_films_camera_saw_the_face(
    synthetic_head: HeadModel, rigged: bpy.types.Object, film: Path,
    resolution: tuple[int, int] | None,
) -> None:  # fmt: skip
    track, scene = film_track(), bpy.context.scene
    scene.render.fps = 25
    rig = armature_of(rigged)
    rig.location, rig.rotation_euler, rig.scale = (1, 2, 3), (0.1, 0.2, 2.0), (1, 1, 1)
    if resolution is not None:
        scene.render.resolution_x, scene.render.resolution_y = resolution
    bpy.context.view_layer.update()
    take_of(rigged, track)
    camera = set_film(bpy.context, rigged, track, film, resolution=resolution is None)
    assert scene.camera == camera
    for k in (0, 8, 19, 29):
        scene.frame_set(scene.frame_start + k)
        seen = seen_in_blender(camera, [Vector(p) for p in evaluated(rigged)])
        wanted = expected_pixels(synthetic_head, track, k)
        if resolution is not None:
            # The film is fitted into the picture, with borders.
            scale = min(resolution[0] / 640, resolution[1] / 360)
            wanted = wanted * scale + (np.array(resolution) - scale * np.array([640, 360])) / 2
        assert np.abs(seen - wanted).max() < 0.1
        assert np.ptp(wanted, axis=0).min() > 20, "the head is too small to tell"


def test_a_scaled_avatar_is_seen_from_as_much_further_away(
    synthetic_head: HeadModel, rigged: bpy.types.Object, film: Path
) -> None:
    track = film_track()
    armature_of(rigged).scale = (10, 10, 10)
    bpy.context.view_layer.update()
    bpy.context.scene.render.fps = 25
    take_of(rigged, track)
    camera = set_film(bpy.context, rigged, track, film)
    bpy.context.scene.frame_set(1)
    seen = seen_in_blender(camera, [Vector(p) for p in evaluated(rigged)])
    assert np.abs(seen - expected_pixels(synthetic_head, track, 0)).max() < 0.1


def rendered(frame: int, folder: Path) -> np.ndarray:
    """A render of a frame, uint8 (H, W, 3)."""
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"
    scene.frame_set(frame)
    scene.render.filepath = str(folder / "shown.png")
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(folder / "shown.png").convert("RGB"))


def shown_numbers(frames: range, folder: Path) -> list[int]:
    """What renders over the film show, frame by frame."""
    return [number_in(rendered(frame, folder)) for frame in frames]


@pytest.mark.parametrize(
    ("film_hz", "scene_hz"), [(25, 25.0), (25, 24.0), (30, 24.0), (60, 23.976)]
)
def test_renders_over_the_film_show_the_picture_of_their_time(
    rigged: bpy.types.Object, tmp_path: Path, film_hz: int, scene_hz: float
) -> None:
    n = 40
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(n)], np.arange(n) / film_hz)
    scene = bpy.context.scene
    set_rate(scene, scene_hz)
    scene.frame_start = 11
    track = film_track(n, film_hz, SIZE)
    take_of(rigged, track)
    set_film(bpy.context, rigged, track, path, render=True, background=False)
    # The face lies in the middle of the picture, the number in its upper edge.
    frames = range(11, 11 + int(n / film_hz * scene_hz) - 1, 3)
    wanted = [int((frame - 11) / scene_hz * film_hz + 1e-6) for frame in frames]
    assert shown_numbers(frames, tmp_path) == wanted
    after = 11 + int(n / film_hz * scene_hz) + 8
    assert shown_numbers(range(after, after + 1), tmp_path) == [n - 1]


def test_a_film_of_a_variable_rate_shows_the_picture_of_each_moment(
    rigged: bpy.types.Object, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    times = np.concatenate([[0.0], np.cumsum(rng.uniform(0.5, 1.6, 39) / 25)])
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(40)], times)
    set_rate(bpy.context.scene, 24)
    even = film_track(40, 25, SIZE)
    track = replace(even, timestamps=times)
    take_of(rigged, track)
    set_film(bpy.context, rigged, track, path, render=True)
    frames = range(1, int(times[-1] * 24), 2)
    wanted = [int(np.searchsorted(times, (f - 1) / 24 + 1e-4, side="right")) - 1 for f in frames]
    shown = np.array(shown_numbers(frames, tmp_path))
    assert np.abs(shown - wanted).max() <= 1
    # A position is a mean frame long; a frame much shorter than that may have none of its own.
    assert np.mean(shown == wanted) > 0.8


def test_the_films_background_is_in_step_in_the_cameras_view(
    rigged: bpy.types.Object, film: Path
) -> None:
    scene = bpy.context.scene
    set_rate(scene, 24)
    scene.frame_start = 5
    track = film_track(50)
    take_of(rigged, track)
    camera = set_film(bpy.context, rigged, track, film, plane=True)
    for frame in (5, 12, 30, 52):
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        shown = camera.evaluated_get(graph).data.background_images[0].image_user
        plane = camera[PLANE].evaluated_get(graph).image_user
        # Blender's own count, one per scene frame, and the offset together are the picture.
        for user in (shown, plane):
            counted = min(max(frame - user.frame_start, 0), user.frame_duration - 1)
            assert counted + user.frame_offset == int((frame - 5) / 24 * 25 + 1e-6)


def test_the_plane_fills_the_cameras_view_behind_the_head(
    rigged: bpy.types.Object, film: Path
) -> None:
    track = film_track(size=(640, 360))
    take_of(rigged, track)
    camera = set_film(bpy.context, rigged, track, film, plane=True, background=False)
    bpy.context.view_layer.update()
    plane = camera[PLANE]
    half = plane.empty_display_size / 2
    corners = [plane.matrix_world @ Vector((x * half, y * half * 9 / 16, 0))
               for x in (-1, 1) for y in (-1, 1)]  # fmt: skip
    seen = seen_in_blender(camera, corners)
    assert seen == pytest.approx(np.array([[0, 360], [0, 0], [640, 360], [640, 0]]), abs=0.1)
    depth = [world_to_camera_view(bpy.context.scene, camera, Vector(p))[2]
             for p in evaluated(rigged)]  # fmt: skip
    assert max(depth) < world_to_camera_view(bpy.context.scene, camera, corners[0])[2]


@HAS_SOUND
@pytest.mark.parametrize(("picture_s", "sound_s"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.26)])
@pytest.mark.parametrize("scene_hz", [25.0, 23.976])
def test_the_beep_is_heard_when_its_picture_is_seen(
    rigged: bpy.types.Object, tmp_path: Path, picture_s: float, sound_s: float, scene_hz: float
) -> None:
    path = write_talking_film(tmp_path / "a.mp4", 1.2, 40, picture_s, sound_s)
    scene = bpy.context.scene
    set_rate(scene, scene_hz)
    scene.frame_start = 11
    track = film_track(40)
    take_of(rigged, track)
    set_film(bpy.context, rigged, track, path, background=False)
    scene.frame_start, scene.frame_end = 1, 80
    heard = tmp_path / "heard.wav"
    bpy.ops.sound.mixdown(filepath=str(heard), container="WAV", codec="PCM", format="S16")
    with wave.open(str(heard)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    loud = np.flatnonzero(np.abs(samples.reshape(-1, channels)).max(axis=1) > 3000)
    frame = 1 + loud[0] / rate * scene.render.fps / scene.render.fps_base
    wanted = 11 + (1.2 - picture_s) * scene_hz
    assert frame == pytest.approx(wanted, abs=0.1)
    assert strips_of(scene)[0].frame_final_start >= 11


def test_a_film_without_sound_adds_no_strip(rigged: bpy.types.Object, tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(5)])
    track = film_track(5)
    take_of(rigged, track)
    set_film(bpy.context, rigged, track, path)
    assert not strips_of(bpy.context.scene)


def test_a_film_that_blender_cannot_show_is_a_warning(
    rigged: bpy.types.Object, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("Dear diary, no film today.\n" * 50)
    track = film_track(5)
    take_of(rigged, track)
    with pytest.warns(UserWarning, match=r"a\.mp4") as caught:
        camera = set_film(bpy.context, rigged, track, path)
    assert len(caught) == 2
    assert bpy.context.scene.camera == camera
    assert not bpy.data.images


def test_a_failure_gives_the_scene_back(rigged: bpy.types.Object, film: Path) -> None:
    track, scene = film_track(), bpy.context.scene
    take_of(rigged, track)
    settings = lambda: (  # noqa: E731
        state(), scene.render.resolution_x, scene.camera, len(strips_of(scene) or ()),
        scene.view_settings.view_transform, scene.render.film_transparent,
    )  # fmt: skip
    if bpy.app.version >= (5, 0, 0):
        own = bpy.data.node_groups.new("Mine", "CompositorNodeTree")
        scene.compositing_node_group = own
        own.nodes.new("CompositorNodeBlur")
    else:
        scene.use_nodes = True
        scene.node_tree.nodes.new("CompositorNodeBlur")
    before = settings()
    with pytest.raises(EiferError, match="compositor"):
        set_film(bpy.context, rigged, track, film, render=True, plane=True)
    assert settings() == before


def test_a_track_without_a_camera_is_refused(rigged: bpy.types.Object, film: Path) -> None:
    track = replace(film_track(), camera=None)
    with pytest.raises(EiferError, match="camera"):
        set_film(bpy.context, rigged, track, film)
    assert not bpy.data.cameras


@HAS_SOUND
def test_only_the_film_that_is_shown_is_heard(rigged: bpy.types.Object, film: Path) -> None:
    track, scene = film_track(), bpy.context.scene
    one = take_of(rigged, track)
    first = set_film(bpy.context, rigged, track, film, plane=True)
    two = take_of(rigged, track)
    second = set_film(bpy.context, rigged, track, film, plane=True)
    assert (film_of(scene, one), film_of(scene, two)) == (first, second)
    assert [strip.mute for strip in strips_of(scene)] == [True, False]
    show_film(scene, first)
    assert scene.camera == first
    assert [strip.mute for strip in strips_of(scene)] == [False, True]
    assert [camera[PLANE].hide_viewport for camera in (first, second)] == [False, True]


def test_a_film_that_is_set_again_replaces_the_earlier_one(
    rigged: bpy.types.Object, film: Path
) -> None:
    track, scene = film_track(), bpy.context.scene
    take = take_of(rigged, track)
    for _ in range(2):
        camera = set_film(bpy.context, rigged, track, film, plane=True)
    assert films_of(scene) == [camera] == [film_of(scene, take)]
    assert len(bpy.data.cameras) == 1
    planes = [obj for obj in scene.objects if obj.type == "EMPTY" and obj.data is not None]
    assert planes == [camera[PLANE]]
    assert len(strips_of(scene) or ()) == int(bpy.app.build_options.audaspace)


def test_a_head_that_stays_still_is_told(rigged: bpy.types.Object, film: Path) -> None:
    track = film_track()
    take_of(rigged, track, head_bone=None)
    with pytest.warns(UserWarning, match="stays still"):
        set_film(bpy.context, rigged, track, film, head_motion=False)


def test_pictures_in_a_folder_are_a_film_too(rigged: bpy.types.Object, tmp_path: Path) -> None:
    for k in range(12):
        Image.fromarray(numbered(k)).save(tmp_path / f"shot_{k + 7:04d}.png")
    (tmp_path / "out").mkdir()
    scene = bpy.context.scene
    set_rate(scene, 24)
    track = film_track(12, 25, SIZE, options={"rate_hz": 25.0})
    take_of(rigged, track)
    set_film(bpy.context, rigged, track, tmp_path, render=True)
    wanted = [int((frame - 1) / 24 * 25 + 1e-6) for frame in (1, 4, 9)]
    assert [shown_numbers(range(f, f + 1), tmp_path / "out")[0] for f in (1, 4, 9)] == wanted


@pytest.mark.skipif(bpy.app.version < (4, 5, 0), reason="Blender 4.5 was the first to turn films")
def test_a_film_on_its_side_is_upright(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [quadrants(192, 96)] * 3, rotation=90)
    image = load_film(path)
    assert tuple(image.size) == (96, 192)
    timing = timing_of(image, film_track(3, 30), 1, bpy.context.scene)
    assert (timing.film_hz, timing.n_pictures) == (30, 3)


def test_a_film_whose_pixels_are_not_square_keeps_its_shape(
    rigged: bpy.types.Object, tmp_path: Path
) -> None:
    path = write_film(
        tmp_path / "a.mp4", [quadrants(192, 96)] * 3, aspect=Fraction(2, 1), pixels="yuv444p"
    )
    size = open_video(path).facts.width, open_video(path).facts.height
    assert size == (384, 96)
    track = film_track(3, 30, size)
    take_of(rigged, track)
    # Far away, so that the film is seen at its corners.
    track = replace(track, camera=replace(track.camera, place=(0.0, 0.0, -50.0)))
    set_film(bpy.context, rigged, track, path, render=True)
    shown = rendered(1, tmp_path)
    assert shown.shape == (96, 384, 3)
    assert corners(shown) == "rgbw"
    assert (shown[10, 5] > 128).tolist() == [True, False, False], "the film has a border"
