"""Clips of a batch as .blend and film: rendered by a process of its own, and on any farm."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from smile_films import smile_film

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.encode import read_image

#: What a farm does: no add-on, no scripts, the file's own settings.
FARM = """
import bpy, json, sys
bpy.context.preferences.filepaths.use_scripts_auto_execute = False
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], use_scripts=False)
scene = bpy.context.scene
scene.render.filepath = sys.argv[2]
for frame in (scene.frame_start, scene.frame_end):
    scene.frame_set(frame)
    scene.render.filepath = f"{sys.argv[2]}/{frame}.png"
    bpy.ops.render.render(write_still=True)
backgrounds = [b.image.filepath for b in scene.camera.data.background_images]
print("FOUND", json.dumps({
    "eifer": any(name.startswith("eifer") for name in sys.modules),
    "texts": len(bpy.data.texts),
    "range": [scene.frame_start, scene.frame_end],
    "size": [scene.render.resolution_x, scene.render.resolution_y],
    "backgrounds": backgrounds,
    "python_drivers": sum(
        not d.driver.is_simple_expression and d.driver.type == "SCRIPTED"
        for block in (*bpy.data.objects, *bpy.data.meshes, *bpy.data.shape_keys)
        if block.animation_data for d in block.animation_data.drivers
    ),
}))
"""


@dataclass(frozen=True)
class Rendered:
    """A clip's folder, and when its track was written."""

    folder: Path
    track_ns: int


@pytest.fixture(scope="module")
def clip(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A clip of four frames that was reconstructed first and rendered later."""
    folder = tmp_path_factory.mktemp("render")
    film = smile_film(folder / "smile.mp4", test_data, (0, 8, 28, 36))
    arguments = ["video", str(film), "--out", str(folder / "out")]
    assert main(arguments) == 0
    track_ns = (folder / "out" / "smile" / "track.npz").stat().st_mtime_ns
    assert main([*arguments, "--render", "--size", "160"]) == 0
    return Rendered(folder / "out" / "smile", track_ns)


def test_the_film_shows_the_face_and_the_avatar_beside_it(clip: Rendered) -> None:
    with av.open(str(clip.folder / "smile.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 4
    assert frames[0].shape == (90, 320, 3)
    film, avatar = np.split(frames[-1].astype(int), 2, axis=1)
    original = read_image(clip.folder.parents[1] / "smile.mp4")
    assert np.abs(frames[0][:, :160].mean() - original.mean()) < 4
    assert np.abs(film - avatar).mean() > 10
    # The avatar lies where the face does: right of the middle is background in both halves.
    skin = avatar[..., 0] - avatar[..., 2] > 15
    columns = np.nonzero(skin)[1]
    assert 55 < columns.mean() < 85
    assert skin[:, :30].sum() == skin[:, 120:].sum() == 0


def test_a_farm_renders_the_file_without_the_add_on_or_python(
    clip: Rendered, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FARM, str(clip.folder / "smile.blend"), str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.split("FOUND ", 1)[1].splitlines()[0])
    assert found["eifer"] is False
    assert (found["texts"], found["python_drivers"]) == (0, 0)
    assert (found["range"], found["size"]) == ([1, 4], [160, 90])
    assert [Path(path).name for path in found["backgrounds"]] == ["smile.mp4"]
    first, last = (read_image(tmp_path / f"{frame}.png").astype(int) for frame in (1, 4))
    assert np.ptp(first.mean(axis=2)) > 60
    # The mouth moved between the frames.
    assert np.abs(first - last).max() > 25


def test_a_render_that_is_asked_for_later_keeps_the_track(clip: Rendered) -> None:
    assert (clip.folder / "track.npz").stat().st_mtime_ns == clip.track_ns
    job = json.loads((clip.folder / "job.json").read_text("utf-8"))
    assert set(job["files"]) == {"track", "table", "blend", "render"}
    assert job["frames"] == 4
    film, out = clip.folder.parents[1] / "smile.mp4", clip.folder.parent
    again = api.video_batch(film, out, render={"size": 160})
    assert again.reports[0]["state"] == "skipped"


def test_choices_of_a_render_are_checked_first(tmp_path: Path) -> None:
    for render, sentence in (
        ({"style": "upside-down"}, "no kind of render"),
        ({"engine": "eevee"}, "engine 'eevee' is not known"),
        ({"size": 3}, "3 pixels cannot be rendered"),
        ({"colour": 1}, "no choice 'colour'"),
    ):
        with pytest.raises(EiferError, match=sentence):
            api.video_batch(tmp_path / "a.mp4", tmp_path, render=render)
