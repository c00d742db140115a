"""The examples run as they stand, because users copy them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import pytest

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.encode import read_image

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module", autouse=True)
def _open_head() -> None:
    try:
        api.load_head()
    except EiferError as error:
        pytest.skip(str(error))


def run(name: str, *arguments: object) -> str:
    """What the example prints."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_recording_becomes_a_film(test_data: Path, tmp_path: Path) -> None:
    recording = test_data / "emg" / "nilsonne_FMOV_CC0" / "17_FMOV_preprocessed.txt"
    film = tmp_path / "take.mp4"
    printed = run("recording_to_face.py", recording, film, 0.4)
    assert "zygomaticus.left" in printed
    with av.open(str(film)) as container:
        frames = list(container.decode(video=0))
    assert (len(frames), frames[0].width, frames[0].height) == (10, 288, 384)


def test_people_are_different_people(tmp_path: Path) -> None:
    run("people.py", tmp_path / "people.png", "workbench", 64)
    picture = read_image(tmp_path / "people.png").astype(int)
    assert picture.shape == (128, 256, 3)
    first, second = picture[:64, :64], picture[:64, 64:128]
    assert abs(first - second).max() > 30
