"""The examples on films run as they stand, because users copy them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from smile_films import smile_film

from eifer.eifer_addon.scene.controls import is_head

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def film(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    return smile_film(folder / "smile.mp4", test_data, (0, 8, 24, 30))


def run(name: str, *arguments: object) -> str:
    """What the example prints."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_film_becomes_a_take_before_its_camera(film: Path, tmp_path: Path) -> None:
    printed = run("video_to_take.py", film, tmp_path / "take.blend")
    assert "Expression track: 4 frames" in printed
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "take.blend"), use_scripts=False)
    scene = bpy.context.scene
    (head,) = filter(is_head, scene.objects)
    smiles = []
    for frame in (scene.frame_start, scene.frame_start + 3):
        scene.frame_set(frame)
        smiles.append(float(head["mouthSmileLeft"]))
    assert smiles[1] > smiles[0] + 0.2
    backgrounds = [one.image.name for one in scene.camera.data.background_images]
    assert backgrounds == ["smile.mp4"]


def test_a_folder_of_films_becomes_a_study(film: Path, tmp_path: Path) -> None:
    printed = run("video_batch.py", film.parent, tmp_path / "out")
    assert "smile: 100% seen, strongest smile " in printed


def test_methods_are_compared(film: Path, tmp_path: Path) -> None:
    printed = run("compare_methods.py", film, tmp_path / "out", "mediapipe", "blendshapes")
    assert "mediapipe and blendshapes: " in printed
    assert "most at " in printed
    assert (tmp_path / "out" / "contact_sheet.png").exists()
