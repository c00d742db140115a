"""Training of the encoder, in the smallest size that goes all the way."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from torch_shim import torch_or_skip

from eifer.models.reconstructors import encoder
from eifer.models.sessions import load_model

torch = torch_or_skip()
pytest.importorskip("lightning", reason="Lightning, which trains, is not here")
pytest.importorskip("ai_edge_litert", reason="LiteRT is not here")


@pytest.fixture(scope="module")
def network():
    from eifer.models.training.encoder.network import Encoder

    return Encoder.named("landmark").eval()


@pytest.fixture(scope="module")
def portrait(test_data):
    from PIL import Image

    from eifer.eifer_addon.video.landmarker import FaceLandmarker

    path = sorted((test_data / "images/faker_CC0").rglob("*.jpg"))[3]
    image = np.asarray(Image.open(path).convert("RGB"))
    face = FaceLandmarker().detect(image, max_faces=1, refine=2)[0]
    crop = encoder.BACKEND.cut(image, encoder.crop(face.landmarks), 256).transpose(2, 0, 1) / 255
    return SimpleNamespace(face=face, crop=torch.from_numpy(crop[None]).float())


def test_untrained_student_says_what_its_teacher_says(network, portrait):
    with torch.no_grad():
        rows = network(portrait.crop).numpy()
    assert np.abs(rows[0, : encoder.N_SCORES] - portrait.face.blendshapes).max() < 0.03
    matrix = encoder.crop(portrait.face.landmarks)
    back = encoder.landmarks_back(rows, matrix[None])[0]
    assert np.median(np.abs(back - portrait.face.landmarks)[:, :2]) < 0.5


def test_a_step_of_training_brings_a_covered_face_nearer_to_the_bare_one(network, portrait):
    import copy

    from eifer.models.training.direct.data import Batch
    from eifer.models.training.encoder.module import EncoderTraining, Weights

    covered = portrait.crop.clone()
    covered[:, :, 150:190, 60:120] = 0.1
    batch = Batch(portrait.crop, covered, covered[:, :1] * 0, torch.zeros(1, 478, 2))
    module = EncoderTraining(copy.deepcopy(network), Weights())
    optimiser = torch.optim.Adam(module.network.trunk.parameters(), 1e-5)
    losses = []
    for _ in range(8):
        loss = sum(module._judged(module.network, batch)[0].values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_pairs_are_cut_out_around_the_face():
    from eifer.models.training.direct.data import draw_change
    from eifer.models.training.encoder.data import Jitter, Settings, around_face

    rng = np.random.default_rng(0)
    points = rng.uniform(100, 160, (478, 2))
    points[33], points[263] = (110, 130), (150, 130)
    settings = Settings(bare=0.0, roll=1.0, zoom=1.0)
    change = around_face(draw_change(rng, settings), points, Jitter(0.0, 0.0, 0.0))
    assert change.scale * 256 == pytest.approx(1.5 * np.ptp(points, axis=0).max())
    assert change.turn == 0
    jittered = [
        around_face(draw_change(rng, settings), points, Jitter(0.1, 0.05, 0.1)) for _ in range(200)
    ]
    assert np.std([np.log(one.scale) for one in jittered]) == pytest.approx(0.1, rel=0.2)
    assert np.std([one.turn for one in jittered]) == pytest.approx(0.1, rel=0.2)


def test_export_takes_any_number_of_crops(network, portrait, tmp_path):
    from eifer.models.cards import ModelCard
    from eifer.models.training.export import export_onnx

    card = ModelCard(
        "encoder", "reconstructor", (), encoder.OUTPUTS, "arkit52", image_size=256,
        normalisation={"backend": "encoder"},
    )  # fmt: skip
    path = tmp_path / "encoder.onnx"
    both = torch.cat([portrait.crop, portrait.crop.flip(3)])
    export_onnx(
        network, (both,), card, path, input_names=["image"], output_names=["rows"],
        dynamic_axes={"image": {0: "n"}, "rows": {0: "n"}}, tolerance=1e-3, half=True,
    )  # fmt: skip
    assert path.stat().st_size < 2.5 * sum(value.numel() for value in _numbers(network))
    rows = load_model(path).run(portrait.crop.numpy().repeat(3, axis=0))
    assert rows.shape == (3, len(encoder.OUTPUTS))
    assert np.abs(rows[0, : encoder.N_SCORES] - portrait.face.blendshapes).max() < 0.03


def _numbers(network):
    """Its parameters and what it is computed with besides."""
    return [*network.parameters(), *network.buffers()]
