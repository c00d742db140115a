"""What is exported: the translator's contract and a reconstructor, the same in ONNX as in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch_shim import torch_or_skip

from eifer.models.reconstructors.installed import load_reconstructor
from eifer.models.training.config import load_config
from eifer.models.translator import load_translator

torch = torch_or_skip()

from cycle_faces import faces  # noqa: E402

from eifer.models.training.cycle.clean_network import CleanNetwork, changed  # noqa: E402
from eifer.models.training.cycle.task import CycleTask, network  # noqa: E402
from eifer.models.training.cycle.unpaired import UnpairedData  # noqa: E402


def _task(name: str) -> CycleTask:
    small = ["model.image_size=48", "model.width=4", "model.blocks=0"]
    config = load_config("translator", None, [f"model.name={name}", *small], smoke=True)
    person = faces(2, 2)
    task = CycleTask(config, network(config), UnpairedData(config, [person], [person], {}))
    task.module.eval()
    return task


@pytest.mark.parametrize("name", ["eifer", "mc_cyclegan"])
def test_the_exported_translator_keeps_its_contract(name: str, tmp_path: Path) -> None:
    task = _task(name)
    card = task.export(task.module, tmp_path / "mine.onnx", {"validation/restored": 0.1})
    translator = load_translator(tmp_path / "mine.onnx")
    model = translator.model
    assert (model.input_name, model.output_names) == ("image", ("clean", "coverage"))
    assert model.input_shape == (None, 3, 256, 256)
    assert (card.name, card.image_size) == ("mine", 256)
    images = np.random.default_rng(0).random((3, 3, 256, 256)).astype(np.float32)
    images[0] = np.kron(task.data.validation[0]["sensor"], np.ones((1, 6, 6)))[:, :256, :256]
    found = model.run_all(images)
    with torch.no_grad():
        clean, coverage = CleanNetwork(task.module)(torch.from_numpy(images))
    assert np.abs(found["clean"] - clean.numpy()).max() < 1e-3
    assert np.abs(found["coverage"] - coverage.numpy()).max() < 1e-2
    shown, sure = translator.clean((images.transpose(0, 2, 3, 1) * 255).round().astype(np.uint8))
    assert np.abs(shown / 255 - found["clean"].transpose(0, 2, 3, 1)).mean() < 0.01
    assert sure.shape == (3, 256, 256)
    for output in found.values():
        assert 0 <= output.min() <= output.max() <= 1
    if name == "eifer":
        rules, encoder = load_reconstructor("eifer", tmp_path / "mine_encoder.onnx")
        assert rules.space == "open:e50j3l2"
        rows = encoder.run(images[:2, :, :224, :224])
        assert rows.shape == (2, 361)
        decoded = rules.decode(rows)
        assert decoded.scale == pytest.approx(112 * 7, rel=0.1)


def test_who_trained_is_told_when_electrodes_stay() -> None:
    task = _task("mc_cyclegan")
    told = task.judge({"validation/covered": 0.111, "validation/restored": 0.112})
    assert len(told) == 1
    assert "0.112" in told[0]
    assert not task.judge({"validation/covered": 0.111, "validation/restored": 0.05})
    assert not task.judge({"validation/score": 0.5})  # recordings, of which nobody knows the truth


def test_coverage_is_where_the_picture_was_changed() -> None:
    image = torch.full((1, 3, 64, 64), 0.5)
    clean = image.clone()
    clean[..., 20:30, 20:30] = 0.9
    clean[..., 40:50, 40:50] = 0.51
    sure = changed(image, clean)[0, 0]
    assert float(sure[25, 25]) > 0.99
    assert float(sure[45, 45]) < 0.05
    assert float(sure[5, 5]) < 0.05


def test_pictures_on_the_way_show_every_stage() -> None:
    task = _task("eifer")
    shown = task.samples(task.module)
    assert set(shown) == {"sensor_to_normal", "normal_to_sensor"}
    for picture in shown.values():
        assert picture.shape == (2 * 48, 5 * 48, 3)
        assert picture.dtype == np.uint8
    source, masked, rendering = (
        shown["sensor_to_normal"][:, k * 48 : (k + 1) * 48] for k in range(3)
    )
    assert (masked == 0).all(axis=2).mean() > (source == 0).all(axis=2).mean() + 0.2
    grey = rendering.astype(int)
    assert (grey[..., 0] == grey[..., 2]).all()
    assert 0.1 < (grey[..., 0] > 0).mean() < 0.6
