"""Checkpoints of DECA, EMOCA, Deep3DFace and FOCUS with official names and random weights.

The bodies are torchvision's ResNet50, which all four started from; the layers after it are put
together here by hand from their papers, so that nothing of our import takes part.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from checkpoint_files import save, shaken
from torch_shim import torch_or_skip

DEEP3DFACE_HEADS = (80, 64, 80, 3, 27, 2, 1)


def body(seed: int) -> Any:
    """torchvision's ResNet50 with random weights whose signals keep a usual size."""
    torch, torchvision = torch_or_skip(), torch_or_skip("torchvision")
    # torch would draw random weights first, which take longer than everything else here.
    with torch.device("meta"):
        network = torchvision.models.resnet50(weights=None)
    network = shaken(network.to_empty(device="cpu"), seed)
    with torch.no_grad():
        for name, part in network.named_modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.num_batches_tracked.fill_(1)
                if name.endswith("bn3"):
                    part.weight *= 0.2
    return network


def features(network: Any, images: np.ndarray) -> Any:
    """What the body gives before its last layer, (n, 2048)."""
    torch = torch_or_skip()
    found: list[Any] = []
    hook = network.avgpool.register_forward_hook(lambda _m, _i, out: found.append(out.flatten(1)))
    with torch.no_grad():
        network(torch.from_numpy(images))
    hook.remove()
    return found[0]


def without_fc(network: Any) -> dict[str, Any]:
    """The body's tensors without its last layer."""
    return {k: v for k, v in network.state_dict().items() if not k.startswith("fc.")}


class Regressor:
    """DECA's and EMOCA's ``layers``: 2048 to 1024, ReLU, to n."""

    def __init__(self, outputs: int, seed: int) -> None:
        torch = torch_or_skip()
        self.first = shaken(torch.nn.Linear(2048, 1024), seed)
        self.last = shaken(torch.nn.Linear(1024, outputs), seed + 1)

    def state(self) -> dict[str, Any]:
        """Tensors under the official names."""
        return {
            "layers.0.weight": self.first.weight.data, "layers.0.bias": self.first.bias.data,
            "layers.2.weight": self.last.weight.data, "layers.2.bias": self.last.bias.data,
        }  # fmt: skip

    def outputs(self, values: Any) -> np.ndarray:
        """(n, outputs) of features (n, 2048)."""
        torch = torch_or_skip()
        with torch.no_grad():
            return self.last(torch.clamp(self.first(values), min=0)).numpy()


def encoder(prefix: str, network: Any, layers: Regressor) -> dict[str, Any]:
    """Tensors of one encoder of DECA or EMOCA."""
    found = {f"encoder.{key}": value for key, value in without_fc(network).items()}
    return {f"{prefix}{key}": value for key, value in (found | layers.state()).items()}


def wrinkles() -> dict[str, Any]:
    """A few tensors of DECA's wrinkle encoder and decoder."""
    torch = torch_or_skip()
    return {
        "E_detail": {"encoder.conv1.weight": torch.zeros(64, 3, 7, 7)},
        "D_detail": {"l1.0.weight": torch.zeros(8192, 4)},
    }


def write_deca(path: Path, network: Any, layers: Regressor, **more: Any) -> Path:
    """``deca_model.tar``: one dictionary of tensors per part."""
    flame = encoder("", network, layers)
    return save(path, {"E_flame": flame, **wrinkles(), "global_step": 5, "batch_size": 8, **more})


def write_emoca(path: Path, networks: tuple[Any, Any], layers: tuple[Regressor, Regressor]) -> Path:
    """EMOCA's checkpoint as Lightning 1.4 wrote it, with classes as keys of its callbacks."""
    torch = torch_or_skip()
    state = encoder("deca.E_flame.", networks[0], layers[0])
    state |= encoder("deca.E_expression.", networks[1], layers[1])
    state |= {f"deca.{k}.{n}": v for k, part in wrinkles().items() for n, v in part.items()}
    state |= {"deca.flame.v_template": torch.zeros(8, 3), "deca.fixed_uv_dis": torch.zeros(4, 4)}
    state |= {"deca.render.faces": torch.zeros(1, 2, 3), "emonet_loss.net.conv1.weight":
              torch.zeros(2, 2)}  # fmt: skip
    with _module("pytorch_lightning.callbacks.model_checkpoint") as lightning:
        checkpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
        lightning.ModelCheckpoint = checkpoint
        return save(path, {
            "epoch": 3, "global_step": 9, "pytorch-lightning_version": "1.4.9",
            "callbacks": {checkpoint: {"best_model_score": torch.tensor(1.5)}},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
            "lr_schedulers": [], "state_dict": state,
        })  # fmt: skip


def write_deep3dface(path: Path, network: Any, heads: list[Any]) -> Path:
    """``epoch_20.pth``: the network and the optimiser."""
    torch = torch_or_skip()
    state = {f"backbone.{key}": value for key, value in without_fc(network).items()}
    for k, head in enumerate(heads):
        state[f"final_layers.{k}.weight"] = head.weight.data[:, :, None, None]
        state[f"final_layers.{k}.bias"] = head.bias.data
    optimiser = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}
    return save(path, {"net_recon": state, "opt_00": optimiser, "sched_00": {"last_epoch": 20}})


def write_focus(path: Path, network: Any) -> Path:
    """``enc_net_….model``: the module itself, saved as Python objects."""
    torch = torch_or_skip()
    with _module("encoder.encoder") as own:

        class FaceEncoder(torch.nn.Module):
            """The authors' class by name; its `vgg` is a ResNet50."""

            def __init__(self) -> None:
                super().__init__()
                self.net, self.vgg, self.shape_dim = "res50", network, 199

        FaceEncoder.__module__, FaceEncoder.__qualname__ = own.__name__, "FaceEncoder"
        own.FaceEncoder = FaceEncoder
        torch.save(FaceEncoder(), path)
    return path


@contextmanager
def _module(name: str) -> Iterator[Any]:
    """A module of this name for as long as something of it is pickled."""
    parts = name.split(".")
    names = [".".join(parts[: k + 1]) for k in range(len(parts))]
    made = {part: types.ModuleType(part) for part in names if part not in sys.modules}
    sys.modules.update(made)
    try:
        yield sys.modules[name]
    finally:
        for part in made:
            del sys.modules[part]
