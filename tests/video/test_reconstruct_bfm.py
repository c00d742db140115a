"""Deep3DFace over a film: its own space without the Basel Face Model, any other with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bfm_writer import SyntheticBfm, synthetic_bfm, write_front
from film_writer import write_film
from PIL import Image
from tiny_reconstructor import tiny

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.models.reconstructors.registry import get_reconstructor

WIDE, HIGH, EDGE = 420, 240, 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("bfm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EIFER_CACHE", str(path / "cache"))
        patch.setenv("EIFER_MODELS", str(path))
        yield path


@pytest.fixture(scope="module")
def face(folder: Path) -> SyntheticBfm:
    try:
        return synthetic_bfm(load_open_head(), 64)
    except EiferError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def film(test_data: Path, folder: Path) -> Path:
    """A portrait at the left, then at the right."""
    portraits = sorted((test_data / "images" / "faker_CC0" / "female" / "512").iterdir())
    portrait = np.array(Image.open(portraits[3]).convert("RGB").resize((EDGE, EDGE)))
    pictures = []
    for left in (10, 10, 210, 210):
        picture = np.full((HIGH, WIDE, 3), 110, np.uint8)
        picture[20 : 20 + EDGE, left : left + EDGE] = portrait
        pictures.append(picture)
    return write_film(folder / "film.mp4", pictures)


@pytest.fixture(scope="module")
def network(face: SyntheticBfm, folder: Path) -> Path:
    """Whatever it sees, it answers with a smile to the left, and a turn of the head."""
    names = get_reconstructor("deep3dface").outputs
    row = np.zeros(len(names))
    smile = face.mixing[:, ARKIT_NAMES.index("mouthSmileLeft")]
    row[names.index("exp.000") : names.index("exp.000") + 64] = smile
    row[names.index("angle.001")] = 0.3
    row[names.index("trans.000")] = 0.1
    return tiny(folder / "deep3dface.onnx", "deep3dface", np.zeros((3, len(names))), row)


def test_a_film_gets_a_track_in_the_models_own_space(
    film: Path, network: Path, face: SyntheticBfm
) -> None:
    track = api.video_to_expression(film, backend="deep3dface", workers=1)
    assert track.space.name == "bfm09:e64"
    assert (track.confidence > 0.5).all()
    smile = face.mixing[:, ARKIT_NAMES.index("mouthSmileLeft")]
    np.testing.assert_allclose(track.coefficients, np.tile(smile, (4, 1)), atol=1e-5)
    assert track.camera is not None
    assert track.head_pose is not None
    # A positive angle about y turns the nose to the right of the picture, as a face at its left has
    # to be turned to look at the camera.
    turn = track.head_pose[:, 1]
    assert np.mean(turn) == pytest.approx(0.3, abs=0.06)
    assert turn[0] > 0.3 > turn[3]
    moved = track.head_pose[3, 3] - track.head_pose[0, 3]
    metres = 200 * -track.camera.place[2] / track.camera.focal_px
    assert moved == pytest.approx(metres, rel=0.15)


def test_another_space_is_refused_before_the_work_without_the_model_and_given_with_it(
    film: Path, network: Path, face: SyntheticBfm, folder: Path
) -> None:
    options = {"backend": "deep3dface", "space": "arkit52", "workers": 1}
    with pytest.raises(EiferError, match="eifer models import bfm"):
        api.video_to_expression(film, **options)
    model = write_front(folder / "BFM_model_front.mat", face)
    track = api.video_to_expression(film, head=model, **options)
    assert track.space.name == "arkit52"
    assert track.column("mouthSmileLeft").min() > 0.9
    assert np.delete(track.coefficients, ARKIT_NAMES.index("mouthSmileLeft"), axis=1).max() < 0.2
    again = api.video_to_expression(film, **options)  # the model is known from now on
    np.testing.assert_allclose(again.coefficients, track.coefficients, atol=1e-5)
