"""The critics: PatchGAN (Isola et al. 2017) that judges each patch of a picture, and its memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_SLOPE = 0.2


class PatchCritic(nn.Module):
    """How real each patch of a picture looks; with three strided layers a patch is 70 pixels wide.

    Parameters
    ----------
    width : int
        Channels of the first layer; doubled layer by layer, at most eightfold.
    layers : int
        Strided layers.
    """

    def __init__(self, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(_SLOPE, inplace=True)]
        channels = width
        for number in range(1, layers + 1):
            own = width * min(2**number, 8)
            stride = 2 if number < layers else 1
            parts += [
                nn.Conv2d(channels, own, 4, stride, 1, bias=False), nn.InstanceNorm2d(own),
                nn.LeakyReLU(_SLOPE, inplace=True),
            ]  # fmt: skip
            channels = own
        self.patches = nn.Sequential(*parts, nn.Conv2d(channels, 1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, edge, edge) in 0 to 1 to (B, 1, h, w), without bounds."""
        judged: Tensor = self.patches(2 * image - 1)
        return judged


class PicturePool:
    """Translations of the past, so that a critic does not forget them (Shrivastava et al. 2017).

    Parameters
    ----------
    size : int
        Pictures that are kept; 0 keeps none and gives back what it gets.
    seed : int
        Of its own drawing, which is saved with it.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self.kept: list[Tensor] = []
        self._random = torch.Generator().manual_seed(seed)

    def swap(self, pictures: Tensor) -> Tensor:
        """Pictures (B, …), each exchanged by chance (one half) for one of the past."""
        if self.size == 0:
            return pictures
        out = []
        for picture in pictures.detach():
            if len(self.kept) < self.size:
                self.kept.append(picture.clone())
                out.append(picture)
            elif torch.rand((), generator=self._random) < 0.5:
                place = int(torch.randint(self.size, (), generator=self._random))
                out.append(self.kept[place].to(picture))
                self.kept[place] = picture.clone()
            else:
                out.append(picture)
        return torch.stack(out)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: pictures in bytes, and the state of the drawing."""
        pictures = [
            (picture.float().clamp(0, 1) * 255).round().byte().cpu() for picture in self.kept
        ]
        return {"pictures": pictures, "random": self._random.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.kept = [picture.float() / 255 for picture in state["pictures"]][: self.size]
        self._random.set_state(state["random"].cpu())
