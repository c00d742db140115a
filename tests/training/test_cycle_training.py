"""Both cycles through Lightning: they learn, go on after a stop, and start from SMIRK's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checkpoint_files import SmirkOracle, save
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import EiferError
from eifer.models.training.config import Config, load_config

torch = torch_or_skip()

import lightning  # noqa: E402
from cycle_faces import faces  # noqa: E402

from eifer.models.checkpoints.eifer import build as build_encoder  # noqa: E402
from eifer.models.checkpoints.reading import read_checkpoint  # noqa: E402
from eifer.models.training.cycle import losses  # noqa: E402
from eifer.models.training.cycle.discriminator import PatchCritic, PicturePool  # noqa: E402
from eifer.models.training.cycle.encoders import SmirkEncoder, load_smirk  # noqa: E402
from eifer.models.training.cycle.generator import Generator  # noqa: E402
from eifer.models.training.cycle.task import CycleTask, check, network  # noqa: E402
from eifer.models.training.cycle.unpaired import UnpairedData  # noqa: E402


def _config(name: str, *given: str) -> Config:
    small = ("model.image_size=48", "model.blocks=1", "data.crop_least=1.5", "data.crop_most=1.5",
             "data.shift=0", "data.light=0")  # fmt: skip
    return load_config("translator", None, [f"model.name={name}", *small, *given], smoke=True)


def _task(config: Config) -> CycleTask:
    person = faces(2, 2)
    check(config)
    return CycleTask(config, network(config), UnpairedData(config, [person], [person], {}))


def _fit(task: CycleTask, steps: int, folder: Path, resume: Path | None = None) -> Any:
    trainer = lightning.Trainer(
        accelerator="cpu", max_steps=steps, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
        limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(task.module, task.data, ckpt_path=resume)
    return trainer


def _losses(task: CycleTask) -> dict[str, float]:
    """The losses on the pictures that are learned, with the batch's own normalisation."""
    module = task.module.train()
    torch.manual_seed(0)
    with torch.no_grad():
        off, on = module.cycles(next(iter(task.data.val_dataloader())), second=True)
        parts = losses.counted(module.weights, module.groups(off, on))
    return {name: float(value) for name, value in parts.items()}


def _validated(task: CycleTask) -> dict[str, float]:
    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    torch.manual_seed(0)
    return trainer.validate(task.module, task.data, verbose=False)[0]


@pytest.mark.parametrize("name", ["eifer", "mc_cyclegan"])
def test_the_losses_fall_on_two_and_two_pictures(name: str, tmp_path: Path) -> None:
    """Not the adversarial one: the critics learn too."""
    slow = ["optimiser.encoder_rate=0.005"] if name == "eifer" else []
    task = _task(_config(name, "optimiser.learning_rate=0.002", "trainer.max_steps=60", *slow))
    before = _losses(task)
    _fit(task, 20, tmp_path)
    after = _losses(task)
    assert after["reconstruction"] < 0.95 * before["reconstruction"]
    assert after["minimal_change"] < 0.95 * before["minimal_change"]
    if name == "eifer":
        assert after["anchor"] < 0.95 * before["anchor"]
    found = _validated(task)
    assert {"validation/score", "validation/restored", "validation/covered"} <= set(found)
    assert 0 < found[task.monitor] < 1


def test_a_stopped_training_goes_on_with_its_pool_and_its_steps(tmp_path: Path) -> None:
    config = _config("mc_cyclegan", "model.width=4", "trainer.max_steps=8")
    task = _task(config)
    _fit(task, 3, tmp_path).save_checkpoint(tmp_path / "stopped.ckpt")
    again = _task(config)
    trainer = _fit(again, 5, tmp_path, tmp_path / "stopped.ckpt")
    assert trainer.global_step == 5
    for side, pool in task.module.pools.items():
        kept, gone_on = pool.kept, again.module.pools[side].kept
        assert len(kept) == 6
        assert len(gone_on) == 10
        assert torch.allclose(kept[5], gone_on[5], atol=0.003)
    rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
    assert rates[0] == pytest.approx(2 * (1 - 5 / 8) * config.optimiser["learning_rate"])


def test_smirks_checkpoint_fills_encoder_and_generator(tmp_path: Path) -> None:
    oracle, painter = SmirkOracle(), Generator()
    names = {f"smirk_generator.{k}": v for k, v in painter.state_dict().items()}
    path = save(tmp_path / "SMIRK_em1.pt", oracle.state() | names)
    encoder, generator = SmirkEncoder(), Generator()
    load_smirk(path, encoder, generator)
    for key, value in generator.state_dict().items():
        assert torch.equal(value, painter.state_dict()[key])
    images = torch.rand(2, 3, 224, 224)
    wanted = oracle.outputs(images.numpy())
    with torch.no_grad():
        rows = encoder.eval().rows(images).numpy()
    assert rows[:, :300] == pytest.approx(wanted["shape"], abs=1e-4)
    assert rows[:, 355:] == pytest.approx(wanted["pose"], abs=1e-4)


def test_the_generator_has_the_parts_that_smirks_checkpoint_names() -> None:
    shapes = {name: tuple(value.shape) for name, value in Generator().state_dict().items()}
    assert shapes["encoder1.enc1conv1.weight"] == (32, 6, 3, 3)
    assert shapes["encoder4.enc4norm2.running_var"] == (256,)
    assert shapes["bottleneck.bottleneckconv2.weight"] == (512, 512, 3, 3)
    assert shapes["resnet_blocks.4.conv_block.5.weight"] == (512, 512, 3, 3)
    assert shapes["resnet_blocks.0.conv_block.6.bias"] == (512,)
    assert shapes["upconv4.weight"] == (512, 256, 2, 2)
    assert shapes["decoder1.dec1conv1.weight"] == (32, 64, 3, 3)
    assert shapes["conv.weight"] == (3, 32, 1, 1)


def test_a_checkpoint_without_an_encoder_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "other.pt", {"net.weight": torch.zeros(3)})
    with pytest.raises(EiferError, match="cannot start the training: it has no SMIRK encoder"):
        load_smirk(path, SmirkEncoder(), None)


def test_a_checkpoint_of_this_training_is_imported_as_eifers(tmp_path: Path) -> None:
    task = _task(_config("eifer", "model.width=4", "model.blocks=0"))
    _fit(task, 1, tmp_path).save_checkpoint(tmp_path / "eifer.ckpt")
    read = read_checkpoint(tmp_path / "eifer.ckpt")
    assert not [name for name in read.tensors if "flame" in name]
    built = build_encoder(read, "s2n")
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        ours = task.module.eval().s2n.smirk_encoder.rows(images)
        assert torch.allclose(built.module(images), ours, atol=1e-5)


def test_settings_that_do_not_fit_are_refused() -> None:
    for given, message in (
        ("model.image_size=50", "halves a picture four times"),
        ("data.crop_least=1.9", "larger than data.crop_most"),
    ):
        with pytest.raises(EiferError, match=message):
            check(_config("mc_cyclegan", given))
    none = [f"loss.{name}=0" for name in ("adversarial", "reconstruction", "minimal_change")]
    with pytest.raises(EiferError, match="nothing would be learned"):
        check(_config("mc_cyclegan", *none))


def test_a_pool_gives_back_the_past_half_of_the_time() -> None:
    pool = PicturePool(4)
    for number in range(4):
        assert float(pool.swap(torch.full((1, 1, 1, 1), float(number)))) == number
    given = [float(pool.swap(torch.full((1, 1, 1, 1), 9.0 + k))) for k in range(200)]
    old = sum(value != 9.0 + k for k, value in enumerate(given))
    assert 70 < old < 130
    assert torch.equal(PicturePool(0).swap(torch.ones(2, 1)), torch.ones(2, 1))


def test_a_critic_judges_patches_of_seventy_pixels() -> None:
    critic = PatchCritic(4)
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    verdict = critic(image)
    # The normalisation spreads every pixel over the picture, so only the convolutions are asked.
    plain = torch.nn.Sequential(*[part for part in critic.patches if "Norm" not in str(part)])
    plain(image)[0, 0, 7, 7].backward()
    assert image.grad is not None
    rows = image.grad[0].abs().sum(dim=(0, 2)).nonzero()[:, 0]
    assert int(rows.max() - rows.min()) + 1 == 70
    assert verdict.shape == (1, 1, 14, 14)
