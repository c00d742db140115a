"""DECA, EMOCA, Deep3DFace and FOCUS: official checkpoints become ONNX that answers as they did."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import save, shaken
from resnet_checkpoints import (
    DEEP3DFACE_HEADS,
    Regressor,
    body,
    features,
    write_deca,
    write_deep3dface,
    write_emoca,
    write_focus,
)
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import EiferError
from eifer.models.checkpoints.importing import import_checkpoint
from eifer.models.checkpoints.reading import read_checkpoint
from eifer.models.sessions import load_model

IMAGES = np.random.default_rng(3).random((2, 3, 224, 224), dtype=np.float32)


@pytest.fixture(scope="module")
def network() -> Any:
    torch_or_skip()
    torch_or_skip("timm")
    return body(1)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for path in tmp_path.iterdir():  # a hundred megabytes each
        path.unlink()


def answers(backend: str, checkpoint: Path) -> tuple[np.ndarray, Any]:
    """What the imported ONNX file says of the pictures, and what the import told."""
    imported = import_checkpoint(backend, checkpoint, out=checkpoint.with_suffix(".onnx"))
    return load_model(imported.path, kind="reconstructor").run(IMAGES), imported


def check(found: np.ndarray, wanted: np.ndarray) -> None:
    """Equal to 1e-4, and not because everything is the same."""
    assert found.shape == wanted.shape
    assert np.abs(wanted[0] - wanted[1]).max() > 0.01
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1.0, np.abs(wanted).max()))


def test_deca_answers_as_its_coarse_encoder(network: Any, folder: Path) -> None:
    layers = Regressor(236, 10)
    found, imported = answers("deca", write_deca(folder / "deca_model.tar", network, layers))
    check(found, layers.outputs(features(network, IMAGES)))
    assert imported.card.space == "flame2020:e50j3"
    assert imported.card.outputs[100] == "tex.000"
    assert any("wrinkles" in words for words in imported.left_out)


def test_emoca_takes_expression_and_jaw_from_its_second_network(network: Any, folder: Path) -> None:
    second, layers = body(2), (Regressor(236, 20), Regressor(53, 30))
    path = write_emoca(folder / "deca.ckpt", (network, second), layers)
    found, imported = answers("emoca", path)
    wanted = layers[0].outputs(features(network, IMAGES)).copy()
    expression = layers[1].outputs(features(second, IMAGES))
    wanted[:, 150:200], wanted[:, 203:206] = expression[:, :50], expression[:, 50:]
    check(found, wanted)
    assert "FLAME itself" in imported.left_out


def test_deep3dface_answers_as_its_seven_heads(network: Any, folder: Path) -> None:
    torch = torch_or_skip()
    heads = [shaken(torch.nn.Linear(2048, n), 40 + k) for k, n in enumerate(DEEP3DFACE_HEADS)]
    path = write_deep3dface(folder / "epoch_20.pth", network, heads)
    found, imported = answers("deep3dface", path)
    values = features(network, IMAGES)
    with torch.no_grad():
        check(found, np.concatenate([head(values).numpy() for head in heads], axis=1))
    assert imported.card.space == "bfm09:e64"


def test_focus_answers_with_the_first_531_of_its_1000_outputs(network: Any, folder: Path) -> None:
    torch = torch_or_skip()
    found, imported = answers("focus", write_focus(folder / "enc_net_000010.model", network))
    with torch.no_grad():
        wanted = network(torch.from_numpy(IMAGES)).numpy()
    check(found, wanted[:, :531])
    assert imported.card.space == "bfm17:e100"


def test_a_missing_and_an_unexpected_weight_are_named(network: Any, folder: Path) -> None:
    layers = Regressor(236, 10)
    path = write_deca(folder / "deca_model.tar", network, layers)
    content = torch_or_skip().load(path, weights_only=True)
    del content["E_flame"]["encoder.layer3.2.conv2.weight"]
    content["E_flame"]["layers.0.bias"] = content["E_flame"]["layers.0.bias"][:5]
    save(path, content)
    with pytest.raises(EiferError, match=r"1 missing.*layer3\.2\.conv2\.weight.*another shape"):
        import_checkpoint("deca", path, out=folder / "x.onnx")
    assert not (folder / "x.onnx").exists()


@pytest.mark.parametrize(
    ("backend", "content", "said"),
    [
        ("deca", {"E_flame": {"a": 1}, "E_other": {"b": 1}}, r"E_other\.b"),
        ("emoca", {"state_dict": {"deca.E_flame.a": 1, "deca.E_mica.b": 1}}, r"E_mica\.b"),
        ("deep3dface", {"net_recon": {"a": 1}, "net_recog": {"b": 1}}, r"net_recog\.b"),
        ("focus", {"vgg": {"conv1.weight": 1}, "unet": {"b": 1}}, r"unet\.b"),
        ("deca", {"net_recon": {"backbone.conv1.weight": 1}}, "looks like a checkpoint of Deep3D"),
        ("emoca", {"E_flame": {"a": 1}}, "looks like a checkpoint of DECA"),
        ("deep3dface", {"vgg": {"conv1.weight": 1}}, "looks like a checkpoint of FOCUS"),
        ("focus", {"state_dict": {"deca.E_flame.a": 1}}, "looks like a checkpoint of EMOCA v2"),
    ],
)
def test_what_is_not_the_networks_own_is_refused_by_name(
    backend: str, content: dict[str, Any], said: str, tmp_path: Path
) -> None:
    torch = torch_or_skip()

    def filled(part: Any) -> Any:
        return {k: filled(v) for k, v in part.items()} if isinstance(part, dict) else torch.ones(2)

    path = save(tmp_path / "file.pth", filled(content))
    with pytest.raises(EiferError, match=said):
        import_checkpoint(backend, path, out=tmp_path / "x.onnx")


class _Bomb:
    """What an attacker would put in place of a layer."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_a_saved_module_runs_nothing(tmp_path: Path) -> None:
    torch = torch_or_skip()
    mark = tmp_path / "was-run"
    torch.save({"vgg": _Bomb(mark)}, tmp_path / "enc_net_000001.model")
    with pytest.raises(EiferError, match="refused"):
        import_checkpoint("focus", tmp_path / "enc_net_000001.model", out=tmp_path / "x.onnx")
    bare = tmp_path / "bare.model"
    bare.write_bytes(pickle.dumps(_Bomb(mark), protocol=2))
    with pytest.raises(EiferError):
        read_checkpoint(bare)
    assert not mark.exists()
