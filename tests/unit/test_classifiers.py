"""Judges of expressions: the small one, and RMN where the user has imported it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tiny_reconstructor import tiny
from torch_shim import torch_or_skip

from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.evaluation.emotions import EMOTIONS, find_classifier
from eifer.eifer_addon.video.landmarker import Face, FaceLandmarker

#: Of the names and shapes of the 740 tensors in RMN's official checkpoint.
RMN_TENSORS = "b52a94f4b4d025f3c7bf3c8cc876bc2553e6dfecfdd7479d9ad8745a0d0d2468"


@pytest.fixture
def smiling(test_data: Path) -> tuple[np.ndarray, Face]:
    from PIL import Image

    picture = test_data / "images" / "faker_CC0"
    image = np.asarray(Image.open(min(picture.rglob("*.jpg"))).convert("RGB"))
    return image, FaceLandmarker().detect(image, max_faces=1)[0]


def judge(path: Path, **changes: object) -> Path:
    """A network that calls bright faces happy and dark ones sad."""
    weights, bias = np.zeros((3, 7)), np.zeros(7)
    weights[:, EMOTIONS.index("happy")], bias[EMOTIONS.index("happy")] = 4.0, -6.0
    weights[:, EMOTIONS.index("sad")], bias[EMOTIONS.index("sad")] = -4.0, 6.0
    about = {"kind": "classifier", "outputs": EMOTIONS, "space": "", "name": "mine"} | changes
    return tiny(path, "smirk", weights, bias, **about)


def test_an_imported_classifier_is_asked_before_the_small_one(
    smiling: tuple[np.ndarray, Face], test_data: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    image, face = smiling
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path))
    small = find_classifier(test_data)
    assert small is not None
    assert small.name == "a small classifier"
    judge(tmp_path / "rmn.onnx")
    own = find_classifier(test_data)
    assert own is not None
    assert own.name == "mine"
    bright = np.clip(image.astype(int) + 120, 0, 255).astype(np.uint8)
    assert own(bright, face) == "happy"
    assert own((image * 0.2).astype(np.uint8), face) == "sad"
    assert own.probabilities(image, face).sum() == pytest.approx(1)


def test_without_any_there_is_no_judge_and_others_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path / "none"))
    assert find_classifier(None) is None
    assert find_classifier(tmp_path) is None
    with pytest.raises(EiferError, match="no-judge"):
        find_classifier(None, str(tmp_path / "no-judge.onnx"))
    other = judge(tmp_path / "other.onnx", outputs=tuple("abcdefg"))
    with pytest.raises(EiferError, match="tells a, b, c"):
        find_classifier(None, str(other))
    with pytest.raises(EiferError, match="kind 'reconstructor'"):
        find_classifier(None, str(judge(tmp_path / "kind.onnx", kind="reconstructor")))


def test_rmn_is_built_with_the_names_of_its_checkpoint() -> None:
    torch_or_skip("timm")
    from eifer.models.checkpoints import rmn

    assert rmn.EMOTIONS == EMOTIONS
    tensors = rmn.residual_masking("meta").state_dict()
    names = "\n".join(f"{name} {tuple(value.shape)}" for name, value in sorted(tensors.items()))
    assert hashlib.sha256(names.encode()).hexdigest() == RMN_TENSORS


def test_another_checkpoint_than_rmns_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch_or_skip("timm")
    import torch

    torch.save({"net": {"conv1.weight": torch.zeros(3)}}, tmp_path / "other.pt")
    out = tmp_path / "rmn.onnx"
    command = ["models", "import", "rmn", str(tmp_path / "other.pt"), "--out", str(out)]
    assert main(command) != 0
    assert "other.pt is no checkpoint of RMN" in capsys.readouterr().err
    assert not out.exists()


def test_a_judge_that_is_not_there_is_told_before_anything_is_measured(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "portraits", "--data", str(test_data), "--out", str(tmp_path)]
    assert main([*command, "--classifier", str(tmp_path / "nobody.onnx")]) != 0
    assert "nobody.onnx" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
