"""The landmark network in torch sees what LiteRT sees, and its gradients reach the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.crop import sample
from eifer.eifer_addon.video.landmarker import Face, FaceLandmarker

torch = torch_or_skip()

from eifer.models.training import landmark_network  # noqa: E402
from eifer.models.training.direct.losses import face_crops, face_places  # noqa: E402


@pytest.fixture(scope="module")
def network() -> landmark_network.LandmarkNetwork:
    return landmark_network.LandmarkNetwork()


@pytest.fixture(scope="module")
def portrait(test_data: Path) -> tuple[np.ndarray, Face]:
    path = test_data / "images" / "faker_CC0" / "female" / "512" / "1.jpg"
    image = np.asarray(Image.open(path).convert("RGB").resize((512, 512)))
    return image, FaceLandmarker().detect(image, max_faces=1, refine=1)[0]


def test_torch_sees_the_landmarks_and_scores_that_litert_sees(
    network: landmark_network.LandmarkNetwork, portrait: tuple[np.ndarray, Face]
) -> None:
    image, face = portrait
    region = face.region()
    crop = sample(image, region, 256, replicate=True) / 255
    read = FaceLandmarker().read(image, region)
    assert read is not None
    batch = torch.from_numpy(np.stack([crop, crop[:, ::-1]])).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        seen = network(batch)
    unit = seen.points[0, :, :2].numpy() / 256
    gap = np.abs(region.to_image(unit.astype(np.float64)) - read.landmarks[:, :2])
    assert gap.max() < 1e-2  # pixels of a picture of 512
    # The blendshape network is given landmarks of the picture, not of the turned crop.
    scores = network.blendshapes(torch.from_numpy(read.landmarks[None, network.subset, :2]))[0]
    assert np.abs(scores.numpy().ravel()[1:] - read.blendshapes[:51]).max() < 1e-3
    assert torch.sigmoid(seen.presence[0]) == pytest.approx(read.presence, abs=1e-3)
    assert (seen.points[1] - seen.points[0]).abs().max() > 1  # a batch is read one by one


def test_gradients_reach_the_picture_and_not_the_network(
    network: landmark_network.LandmarkNetwork,
) -> None:
    crops = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    crops.requires_grad_()
    seen = network(crops)
    (seen.points.mean() + seen.scores.mean() + seen.features[0].mean()).backward()
    assert crops.grad is not None
    assert float(crops.grad.abs().sum()) > 0
    assert torch.isfinite(crops.grad).all()
    assert not any(one.requires_grad for one in network.parameters())


def test_crops_for_the_network_are_those_of_the_landmarker(
    portrait: tuple[np.ndarray, Face],
) -> None:
    image, face = portrait
    wanted = sample(image, face.region(), 256, replicate=True)
    picture = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    places = face_places(torch.from_numpy(face.landmarks[None, :, :2]), image.shape[0])
    found = face_crops(picture, places)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - wanted).mean() < 1.0


def test_another_network_is_refused(tmp_path: Path) -> None:
    from eifer.eifer_addon.assets import asset_path
    from eifer.eifer_addon.video.landmarker import _read_task

    detector = _read_task(asset_path("face_landmarker.task"))["detector"]
    with pytest.raises(EiferError, match="operator RELU"):
        landmark_network.TfliteNetwork(detector)
