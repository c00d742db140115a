"""Official checkpoints become models: every weight in its place, nothing run or overlooked."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_files import SmirkOracle, generator_state, save
from torch_shim import torch_or_skip

from eifer.eifer_addon import cli
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.files import sha256_of
from eifer.eifer_addon.model_import import ImportRequest, ModelImport
from eifer.models.checkpoints import packages
from eifer.models.checkpoints.export import check_against_torch, to_onnx
from eifer.models.checkpoints.importing import Imported, import_checkpoint
from eifer.models.checkpoints.reading import read_checkpoint
from eifer.models.onnx_guard import inspect_onnx
from eifer.models.reconstructors.installed import load_reconstructor

torch = torch_or_skip()
torch_or_skip("timm")


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def oracle() -> SmirkOracle:
    return SmirkOracle()


@pytest.fixture(scope="module")
def state(oracle: SmirkOracle) -> dict[str, Any]:
    return oracle.state() | generator_state()


@pytest.fixture(scope="module")
def official(state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with the official names, as the authors' trainer saves it."""
    return save(tmp_path_factory.mktemp("smirk") / "SMIRK_em1.pt", state)


@pytest.fixture(scope="module")
def imported(official: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return import_checkpoint("smirk", official, out=tmp_path_factory.mktemp("out") / "smirk.onnx")


def faces(n: int) -> np.ndarray:
    """Pictures (n, 3, 224, 224) that differ from each other in the large."""
    random = np.random.default_rng(7)
    coarse = random.random((n, 3, 7, 7), dtype=np.float32)
    return np.repeat(np.repeat(coarse, 32, axis=2), 32, axis=3)


def test_an_imported_smirk_gives_the_numbers_of_timms_networks(
    imported: Imported, oracle: SmirkOracle
) -> None:
    images = faces(4)
    wanted = oracle.outputs(images)
    rules, network = load_reconstructor("smirk", imported.path)
    found = network.run(images)
    assert np.ptp(wanted["expression"], axis=0).mean() > 0.05  # the pictures do make a difference
    row = np.concatenate([wanted["shape"], wanted["expression"], wanted["pose"]], axis=1)
    np.testing.assert_allclose(found, row, atol=1e-4)
    assert imported.difference < 1e-4
    decoded, raw = rules.decode(found), wanted["expression"]
    jaw = np.concatenate([np.maximum(raw[:, 52:53], 0), np.clip(raw[:, 53:], -0.2, 0.2)], axis=1)
    parts = [raw[:, :50], jaw, np.clip(raw[:, 50:52], 0, 1)]
    np.testing.assert_allclose(decoded.coefficients, np.concatenate(parts, axis=1), atol=1e-4)
    np.testing.assert_allclose(decoded.rotation, wanted["pose"][:, :3], atol=1e-4)
    np.testing.assert_allclose(decoded.scale, 112 * wanted["pose"][:, 3], atol=0.02)


def test_the_file_is_one_onnx_of_opset_17_with_a_card(imported: Imported, official: Path) -> None:
    facts = inspect_onnx(imported.path.read_bytes(), "smirk.onnx")
    assert facts.opset == 17
    card = imported.card
    assert (card.kind, card.space, card.image_size) == ("reconstructor", "flame2020:e50j3l2", 224)
    assert card.normalisation["backend"] == "smirk"
    assert "not for distribution" in card.licence
    assert any(sha256_of(official) in source for source in card.sources)
    assert imported.left_out == ("the generator of pictures",)
    assert sha256_of(imported.path) == imported.sha256


def test_a_model_is_replaced_only_when_asked(official: Path, own_models: Path) -> None:
    own_models.mkdir()
    (own_models / "smirk.onnx").write_bytes(b"mine")
    with pytest.raises(EiferError, match=r"There is a model .*--force"):
        import_checkpoint("smirk", official)
    assert (own_models / "smirk.onnx").read_bytes() == b"mine"


def without(state: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != name}


HEAD = "smirk_encoder.shape_encoder.shape_layers.0.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: without(s, HEAD), "1 missing .shape_encoder.shape_layers.0.weight"),
        (lambda s: s | {"smirk_encoder.extra.weight": torch.zeros(2)}, "1 unexpected .extra"),
        (lambda s: s | {HEAD: torch.zeros(10, 960)}, r"10×960 instead of 300×960"),
        (lambda s: s | {"mica.net.weight": torch.zeros(2)}, r"SMIRK does not have .mica.net"),
        (lambda s: s | {HEAD: torch.full((300, 960), np.nan)}, "with values that are not"),
        (lambda _: {"E_flame": {"encoder.conv1.weight": torch.zeros(64, 3, 7, 7)}},
         "no checkpoint of SMIRK: it looks like a checkpoint of DECA"),
        (lambda _: {"a.weight": torch.zeros(3)}, "unknown network .it begins with a.weight"),
        (lambda _: {"epoch": 3, "note": "nothing"}, "holds no weights"),
    ],
    ids=["missing", "unexpected", "shape", "foreign", "nan", "deca", "unknown", "empty"],
)  # fmt: skip
def test_a_checkpoint_that_does_not_fit_is_one_sentence(
    state: dict[str, Any], tmp_path: Path, own_models: Path, change: Any, words: str
) -> None:
    path = save(tmp_path / "other.pt", change(state))
    with pytest.raises(EiferError, match=words):
        import_checkpoint("smirk", path)
    assert not list(own_models.iterdir())


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("old_format", [False, True])
def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(
    tmp_path: Path, old_format: bool
) -> None:
    trap, path = tmp_path / "trap", tmp_path / "evil.pt"
    content = {"smirk_encoder.x": torch.zeros(2), "setup": Hostile(f"touch {trap}")}
    torch.save(content, path, _use_new_zipfile_serialization=not old_format)
    with pytest.raises(EiferError, match=r"asks Python to run .*system"):
        read_checkpoint(path)
    assert not trap.exists()


def test_a_plain_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    trap, path = tmp_path / "trap", tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps(Hostile(f"touch {trap}")))
    with pytest.raises(EiferError, match=r"asks Python to run|no checkpoint that torch wrote"):
        read_checkpoint(path)
    assert not trap.exists()


def test_settings_of_training_frameworks_are_read_into_nothing(tmp_path: Path) -> None:
    """Lightning writes objects beside the weights; a stand-in takes the place of each."""
    path = tmp_path / "last.ckpt"
    content = {
        "state_dict": OrderedDict(a=torch.ones(2)), "hyper_parameters": {"path": tmp_path},
    }  # fmt: skip
    torch.save(content, path)
    assert list(read_checkpoint(path).tensors) == ["state_dict.a"]


def test_truncated_and_foreign_files_are_one_sentence(official: Path, tmp_path: Path) -> None:
    whole = official.read_bytes()
    samples = {
        "half": whole[: len(whole) // 2], "tail": whole[:-100], "empty": b"", "text": b"weights?",
    }  # fmt: skip
    for name, content in samples.items():
        path = tmp_path / f"{name}.pt"
        path.write_bytes(content)
        with pytest.raises(EiferError, match="truncated or no checkpoint that torch wrote"):
            read_checkpoint(path)


def test_damaged_bytes_never_give_anything_but_a_sentence(tmp_path: Path) -> None:
    """Random changes of a small checkpoint: tensors, or an `EiferError`."""
    packed = io.BytesIO()
    torch.save({"a": torch.arange(6.0), "b": {"c": torch.zeros(2, 2)}}, packed)
    whole, random = packed.getvalue(), np.random.default_rng(0)
    outcomes = set()
    for _ in range(150):
        data = bytearray(whole)
        for place in random.integers(0, len(data), random.integers(1, 6)):
            data[place] = random.integers(256)
        path = tmp_path / "mutated.pt"
        path.write_bytes(bytes(data))
        try:
            outcomes.add(bool(read_checkpoint(path).tensors))
        except EiferError:  # anything else fails the test
            outcomes.add(False)
    assert outcomes == {True, False}


def test_a_checkpoint_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"0" * (8 << 20))
    with pytest.raises(EiferError, match=r"too large \(8 MB\)"):
        read_checkpoint(path, max_bytes=1 << 20)


@pytest.mark.parametrize(
    ("prefixes", "module", "chosen"),
    [
        (["smirk_encoder."], "", 0),
        (["state_dict.model.encoder."], "", 0),
        (["net.n2s.encoder.", "net.s2n.encoder."], "", 1),
        (["G_SN.enc.", "G_NS.enc."], "", 0),
        (["sensor_to_normal.", "normal_to_sensor."], "n2s", 1),
        (["first.", "second."], "second", 1),
    ],
)
def test_eifers_encoders_are_found_whatever_stands_before_their_names(
    oracle: SmirkOracle, tmp_path: Path, prefixes: list[str], module: str, chosen: int
) -> None:
    from eifer.models.checkpoints.eifer import build

    content: dict[str, Any] = {"discriminator.0.weight": torch.zeros(1)}
    marks = [1.0, 2.0]
    for prefix, mark in zip(prefixes, marks, strict=False):
        content |= oracle.state(prefix)
        content[f"{prefix}shape_encoder.shape_layers.0.bias"] = torch.full((300,), mark)
    built = build(read_checkpoint(save(tmp_path / "eifer.ckpt", content)), module)
    bias = built.module.state_dict()["shape_encoder.shape_layers.0.bias"]
    assert float(bias[0]) == marks[chosen]
    assert "discriminator.0" in built.left_out
    others = {p.rstrip(".") for k, p in enumerate(prefixes) if k != chosen}
    assert others <= set(built.left_out)


def test_two_encoders_that_cannot_be_told_apart_have_to_be_named(
    oracle: SmirkOracle, tmp_path: Path
) -> None:
    content = oracle.state("first.") | oracle.state("second.")
    path = save(tmp_path / "eifer.ckpt", content)
    with pytest.raises(EiferError, match=r"2 encoders \(first, second\).*--module"):
        import_checkpoint("eifer", path)
    with pytest.raises(EiferError, match="one network only"):
        import_checkpoint("smirk", path, module="s2n")


def test_the_check_against_torch_finds_another_network(
    oracle: SmirkOracle, imported: Imported
) -> None:
    from eifer.models.checkpoints.smirk import encoders

    module = encoders(oracle.state(""), "test")
    data = to_onnx(module, imported.card)
    with torch.no_grad():
        module.expression_encoder.expression_layers[0].bias[7] += 0.01
    with pytest.raises(EiferError, match=r"differs from torch by 0.01"):
        check_against_torch(data, module)


def test_the_command_imports_the_same_bytes_again_lists_and_removes(
    imported: Imported, official: Path, own_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "import", "smirk", str(official), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["path"] == str(own_models / "smirk.onnx")
    assert (own_models / "smirk.onnx").read_bytes() == imported.path.read_bytes()
    assert cli.main(["models", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["imported"]
    assert (listed["name"], listed["backend"]) == ("smirk", "smirk")
    assert cli.main(["models", "remove", "smirk"]) == 0
    assert not list(own_models.iterdir())
    assert cli.main(["models", "import", "smirk"]) == 1
    assert "needs the back end and its checkpoint" in capsys.readouterr().err


def test_a_child_process_imports_the_same_bytes(
    imported: Imported, official: Path, own_models: Path
) -> None:
    """As Blender does it, with the Python that runs this in the place of the user's."""
    job = ModelImport(ImportRequest("smirk", str(official), python=sys.executable))
    parts = set()
    while job.poll() == "running":
        parts.add(job.part)
        time.sleep(0.02)
    job.check()
    assert job.made["sha256"] == imported.sha256
    assert (own_models / "smirk.onnx").read_bytes() == imported.path.read_bytes()
    assert len(parts) > 1


@pytest.mark.parametrize("missing", ["torch", "timm"])
def test_without_torch_or_timm_the_import_says_what_to_install(
    official: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    found = packages.importlib.import_module

    def hidden(name: str, package: str | None = None) -> Any:
        if name == missing:
            raise ModuleNotFoundError(f"No module named '{missing}'", name=missing)
        return found(name, package)

    monkeypatch.setattr(packages.importlib, "import_module", hidden)
    with pytest.raises(
        EiferError, match=f"{missing} is not installed .only importing.*pip install"
    ):
        import_checkpoint("smirk", official)


def test_reconstructing_needs_no_torch(imported: Imported) -> None:
    """In a process of its own, what runs an imported model imports neither torch nor timm."""
    code = (
        "import sys, numpy as np\n"
        "from eifer.models.reconstructors.installed import load_reconstructor\n"
        "import eifer.eifer_addon.video.reconstruct, eifer.eifer_addon.verbs.models\n"
        "rules, model = load_reconstructor('smirk', sys.argv[1])\n"
        "model.run(np.zeros((1, 3, 224, 224), np.float32))\n"
        "sys.exit(bool({'torch', 'timm', 'torchvision'} & set(sys.modules)))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(imported.path)], check=True, timeout=120)
