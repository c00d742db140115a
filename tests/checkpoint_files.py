"""Checkpoints with official names and random weights, made from timm's and torchvision's models.

The bodies are other people's classes, so that what our own import builds is compared with
something that it did not build itself. BatchNorm statistics are random too: a body with fresh
statistics gives nearly the same numbers for every picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch_shim import torch_or_skip


def shaken(module: Any, seed: int) -> Any:
    """The module in evaluation mode with random weights that keep signals of a usual size."""
    torch = torch_or_skip()
    generator = torch.Generator().manual_seed(seed)

    def normal(like: Any, mean: float, spread: float) -> Any:
        return mean + spread * torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
                fan_in = part.weight[0].numel()
                part.weight.copy_(normal(part.weight, 0, (2 / fan_in) ** 0.5))
                if part.bias is not None:
                    part.bias.copy_(normal(part.bias, 0, 0.05))
            elif isinstance(part, torch.nn.BatchNorm2d):
                part.weight.copy_(normal(part.weight, 1, 0.1))
                part.bias.copy_(normal(part.bias, 0.1, 0.1))
                part.running_mean.copy_(normal(part.running_mean, 0, 0.1))
                part.running_var.copy_(normal(part.running_var, 1, 0.1).abs() + 0.2)
    return module.eval()


class SmirkOracle:
    """SMIRK's encoders as their paper describes them: timm's bodies and linear layers, by hand."""

    def __init__(self, seed: int = 0) -> None:
        timm, torch = torch_or_skip("timm"), torch_or_skip()
        small, large = "tf_mobilenetv3_small_minimal_100", "tf_mobilenetv3_large_minimal_100"
        sizes = {
            "pose": (small, 576, 6, "pose_cam_layers"),
            "shape": (large, 960, 300, "shape_layers"),
            "expression": (large, 960, 55, "expression_layers"),
        }
        self.parts = {}
        for k, (name, (body, channels, outputs, layer)) in enumerate(sizes.items()):
            features = timm.create_model(body, pretrained=False, features_only=True)
            linear = torch.nn.Linear(channels, outputs)
            self.parts[name] = (
                shaken(features, seed + 10 * k), shaken(linear, seed + 10 * k + 1), layer,
            )  # fmt: skip
        with torch.no_grad():  # numbers of a usual size; the scale begins at 7 in the authors' code
            for _, linear, _ in self.parts.values():
                linear.weight *= 0.05
            self.parts["pose"][1].bias[3] = 7

    def state(self, prefix: str = "smirk_encoder.") -> dict[str, Any]:
        """Tensors under the official names."""
        found = {}
        for name, (features, linear, layer) in self.parts.items():
            for key, value in features.state_dict().items():
                found[f"{prefix}{name}_encoder.encoder.{key}"] = value.clone()
            for key, value in linear.state_dict().items():
                found[f"{prefix}{name}_encoder.{layer}.0.{key}"] = value.clone()
        return found

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """`pose` (n, 6), `shape` (n, 300) and `expression` (n, 55) of pictures (n, 3, 224, 224)."""
        torch = torch_or_skip()
        functional = torch.nn.functional
        with torch.no_grad():
            return {
                name: linear(
                    functional.adaptive_avg_pool2d(features(torch.from_numpy(images))[-1], 1)
                    .flatten(1)
                ).numpy()
                for name, (features, linear, _) in self.parts.items()
            }  # fmt: skip


def generator_state(prefix: str = "smirk_generator.") -> dict[str, Any]:
    """A few tensors with the names of SMIRK's generator, which no reconstruction needs."""
    torch = torch_or_skip()
    return {
        f"{prefix}encoder1.enc1conv1.weight": torch.zeros(32, 6, 3, 3),
        f"{prefix}resnet_blocks.0.conv_block.1.weight": torch.zeros(8, 8, 3, 3),
        f"{prefix}conv.bias": torch.zeros(3),
    }


def save(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a checkpoint as the authors do."""
    torch_or_skip().save(dict(content), path)
    return path
