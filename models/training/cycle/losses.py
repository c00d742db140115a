"""EIFER's six groups of losses, each with a weight, and none computed whose weight is 0.

S is a picture with electrodes, N one without; a cycle is S→N→S or N→S→N, and its passes are the
first and the second translation. What the paper leaves open is said at each group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoders import Codes
from .flame import OVAL
from .render import Drawn

GROUPS = (
    "adversarial", "reconstruction", "minimal_change", "occlusion_expression", "occlusion_shape",
    "global_transformation",
)  # fmt: skip
#: Beside the six: SMIRK's landmarks, which fresh encoders need.
ANCHOR = "anchor"
#: The groups that look at a second pass.
SECOND = ("reconstruction", "occlusion_expression", "occlusion_shape", "global_transformation")
#: The groups that need codes, which a plain CycleGAN has not.
CODED = ("occlusion_expression", "occlusion_shape", "global_transformation", ANCHOR)
_N_LANDMARKS = 478
#: Codes in the anchor count so much beside the squared distance of the landmarks.
_SMALL_CODES = 1e-4


@dataclass(frozen=True)
class Pass:
    """One translation.

    Attributes
    ----------
    image : torch.Tensor
        (B, 3, edge, edge), what came out.
    codes, drawn, masked
        What went in between; None in a plain CycleGAN.
    """

    image: Tensor
    codes: Codes | None = None
    drawn: Drawn | None = None
    masked: Tensor | None = None


@dataclass(frozen=True)
class Cycle:
    """A picture, its translation, and the way back.

    Attributes
    ----------
    source : torch.Tensor
        (B, 3, edge, edge).
    first : Pass
    second : Pass or None
        None when no loss looks at it.
    points : torch.Tensor or None
        (B, 478, 2), landmarks of the source in pixels.
    """

    source: Tensor
    first: Pass
    second: Pass | None = None
    points: Tensor | None = None

    def both(self) -> tuple[tuple[Codes, Drawn], tuple[Codes, Drawn]]:
        """Codes and renderings of the two passes."""
        if self.second is None:
            raise ValueError("the second pass was not run")
        return _coded(self.first), _coded(self.second)


def _coded(one: Pass) -> tuple[Codes, Drawn]:
    if one.codes is None or one.drawn is None:
        raise ValueError("a plain CycleGAN has no codes")
    return one.codes, one.drawn


def reconstruction(off: Cycle, on: Cycle) -> Tensor:
    """A picture against its cycled one (Zhu et al. 2017), mean absolute difference."""
    return _mean(functional.l1_loss(c.second.image, c.source) for c in (off, on) if c.second)


def minimal_change(off: Cycle, on: Cycle) -> Tensor:
    """A picture against its translation, mean absolute difference (MC-CycleGAN, 2023)."""
    return _mean(functional.l1_loss(c.first.image, c.source) for c in (off, on))


def occlusion_expression(off: Cycle, on: Cycle) -> Tensor:
    """The face's code of the first pass against that of the second, and the two renderings.

    The code is expression, lids and jaw. Both passes learn: the encoder of S has to say of the
    covered face what that of N says of the uncovered one, and the generator has to paint a face of
    which it can be said.
    """
    parts = []
    for cycle in (off, on):
        (first, drawn), (second, redrawn) = cycle.both()
        parts.append(
            functional.l1_loss(first.face(), second.face())
            + functional.l1_loss(drawn.image, redrawn.image)
        )
    return _mean(parts)


def occlusion_shape(off: Cycle, on: Cycle) -> Tensor:
    """The four shape codes of one person (two cycles, two passes) against their mean, squared."""
    shapes = torch.stack([codes.shape for cycle in (off, on) for codes, _ in cycle.both()])
    return ((shapes - shapes.mean(dim=0, keepdim=True)) ** 2).mean()


def global_transformation(off: Cycle, on: Cycle) -> Tensor:
    """The head's turn and place of the first pass against those of the second.

    The turn in radians; the place as where the camera shows the head, in halves of the picture.
    """
    parts = []
    for cycle in (off, on):
        (first, _), (second, _) = cycle.both()
        parts.append(
            functional.l1_loss(first.pose, second.pose)
            + functional.l1_loss(_seen_at(first.camera), _seen_at(second.camera))
        )
    return _mean(parts)


def _seen_at(camera: Tensor) -> Tensor:
    """Cameras (B, 3) as log of the scale, and the head's place in halves of a picture."""
    scale = camera[:, :1]
    return torch.cat([scale.clamp(min=1e-3).log(), scale * camera[:, 1:]], dim=1)


def anchor(off: Cycle, on: Cycle, sensors: float) -> Tensor:
    """Landmarks of the rendering against those of the picture, as SMIRK is trained.

    Not one of EIFER's six: with SMIRK's weights to start from it can be 0; fresh encoders would
    have no reason to lay the rendering onto the face without it.

    Parameters
    ----------
    off, on : Cycle
    sensors : float
        How much the landmarks under electrodes count, which are less certain.
    """
    parts = []
    for cycle, share in ((off, sensors), (on, 1.0)):
        codes, drawn = _coded(cycle.first)
        if cycle.points is None or share == 0:
            continue
        half = cycle.source.shape[-1] / 2
        inner = [k for k in range(_N_LANDMARKS) if k not in OVAL]
        gap = (drawn.landmarks[:, inner] - cycle.points[:, inner]) / half
        small = (codes.shape**2).mean() + (codes.expression**2).mean()
        parts.append(share * ((gap**2).mean() + _SMALL_CODES * small))
    return _mean(parts)


def _mean(parts: object) -> Tensor:
    values = list(parts)  # type: ignore[call-overload]
    return torch.stack(values).mean()


def judged(verdict: Tensor, *, real: bool, kind: str) -> Tensor:
    """What a critic is told of its verdicts, or a generator of verdicts on its pictures.

    ``lsgan`` (Mao et al. 2017): squared distance from 1 (real) or 0. ``hinge`` (Lim and Ye 2017):
    the critic is content beyond ±1.
    """
    if kind == "hinge":
        return functional.relu(1 - verdict if real else 1 + verdict).mean()
    return ((verdict - (1.0 if real else 0.0)) ** 2).mean()


def fooled(verdict: Tensor, kind: str) -> Tensor:
    """What a generator is told of a critic's verdict on its picture."""
    return -verdict.mean() if kind == "hinge" else judged(verdict, real=True, kind=kind)


def adversarial(
    off: Cycle, on: Cycle, critic_normal: nn.Module, critic_sensor: nn.Module, kind: str
) -> Tensor:
    """How badly the translations fool the critics."""
    pairs = ((critic_normal, off), (critic_sensor, on))
    return _mean(fooled(critic(cycle.first.image), kind) for critic, cycle in pairs)


def needs_second(weights: Mapping[str, float]) -> bool:
    """Whether any loss that counts looks at the second pass."""
    return any(weights[name] > 0 for name in SECOND)


def counted(
    weights: Mapping[str, float], compute: Mapping[str, Callable[[], Tensor]]
) -> dict[str, Tensor]:
    """The losses whose weight is above 0, not weighted; the others are not computed."""
    return {name: function() for name, function in compute.items() if weights.get(name, 0.0) > 0}
