"""What is exported of a training: a network that cleans crops, and the encoder beside it.

The translator's contract: ``image`` float32 (n, 3, 256, 256) RGB in 0 to 1 gives ``clean`` of the
same shape and ``coverage`` (n, 1, 256, 256) in 0 to 1. An exported network sees no landmarks, so
the outline of the rendering takes the place of their hull, and the pixels that are put back are a
fixed pattern: the same crop gives the same result.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .eifer import Eifer
from .mask import MaskRule, filled, grow
from .mc_cyclegan import McCycleGan
from .training import CycleTraining

SIZE = 256
_PATTERN_SEED = 0
#: A change of this share counts as half sure that something covered the pixel, and how steeply.
_CHANGED, _STEEPNESS = 0.06, 80.0
_AROUND = 5


class CleanNetwork(nn.Module):
    """S→N of a training as one network.

    Parameters
    ----------
    training : CycleTraining
    coverage : {"difference", "face"}
        Whether what was changed counts as covered, or all that was painted anew.
    """

    def __init__(self, training: CycleTraining, coverage: str = "difference") -> None:
        super().__init__()
        if not isinstance(training, Eifer | McCycleGan):
            raise TypeError(f"{type(training).__name__} has no network to export")
        self.size, self.coverage = int(training.config.model["image_size"]), coverage
        self.network = training.s2n
        self.renderer = training.renderer if isinstance(training, Eifer) else None
        if isinstance(training, Eifer):
            rule = training.rule
            self.rule = MaskRule(rule.growth, rule.points, gaps=0.0, noise=0.0)
            random = torch.Generator().manual_seed(_PATTERN_SEED)
            pattern = torch.rand(1, 1, self.size, self.size, generator=random) < rule.points
            self.register_buffer("pattern", pattern.float(), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """``clean`` and ``coverage`` of crops (n, 3, 256, 256)."""
        small = _resized(image, self.size)
        painted, face = self._painted(small)
        clean = _resized(painted, SIZE)
        if self.coverage == "difference":
            return clean, changed(image, clean)
        whole = torch.ones_like(image[:, :1])
        return clean, whole if face is None else _resized(face, SIZE)

    def _painted(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """The generator's picture, and where the face was painted anew."""
        if self.renderer is None:
            return self.network(image), None
        codes = self.network.smirk_encoder(image)
        drawn = self.renderer(codes)
        hull = filled(drawn.mask)
        shown = self.pattern * drawn.mask
        face = grow(hull, self.rule.growth)
        masked = torch.where(shown > 0, image, image * (1 - face) * (1 - drawn.mask))
        return self.network.smirk_generator(torch.cat([drawn.image, masked], dim=1)), face

    def fixed(self) -> CleanNetwork:
        """The same, ready to be exported: a fixed amount of work in the rasteriser."""
        if self.renderer is not None:
            self.renderer.fix_reach()
        return self.eval()


class EncoderNetwork(nn.Module):
    """The encoder of S→N as a reconstructor: crops (n, 3, 224, 224) to (n, 361)."""

    edge = 224

    def __init__(self, training: Eifer) -> None:
        super().__init__()
        self.size = int(training.config.model["image_size"])
        self.encoder = training.s2n.smirk_encoder

    def forward(self, image: Tensor) -> Tensor:
        """Rows in the order of SMIRK's groups, without its limits."""
        rows: Tensor = self.encoder.rows(_resized(image, self.size))
        return rows


def changed(image: Tensor, clean: Tensor) -> Tensor:
    """How sure it is that a pixel was covered, (n, 1, edge, edge): by how much it was changed."""
    gap = (image - clean).abs().mean(dim=1, keepdim=True)
    gap = functional.avg_pool2d(gap, _AROUND, 1, _AROUND // 2)
    sure = torch.sigmoid(_STEEPNESS * (gap - _CHANGED))
    wide = functional.max_pool2d(sure, _AROUND, 1, _AROUND // 2)
    return functional.avg_pool2d(wide, _AROUND, 1, _AROUND // 2).clamp(0, 1)


def _resized(image: Tensor, size: int) -> Tensor:
    if image.shape[-1] == size:
        return image
    return functional.interpolate(image, (size, size), mode="bilinear", align_corners=False)
