"""EIFER's two modules, S→N and N→S: encoder, rendering, masked picture, generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from . import losses
from .encoders import SmirkEncoder, load_smirk
from .flame import training_head
from .generator import Generator
from .losses import Cycle, Pass
from .mask import MaskRule, filled, masked_picture, point_mask
from .render import FaceRenderer
from .training import Batch, CycleTraining, fresh

if TYPE_CHECKING:
    from ..config import Config


class FaceModule(nn.Module):
    """One direction: a picture's code is drawn, and the generator paints the drawing.

    The parts bear the names of SMIRK's checkpoint.

    Parameters
    ----------
    width, blocks, norm
        As `Generator` takes them.
    """

    def __init__(self, width: int, blocks: int, norm: str) -> None:
        super().__init__()
        self.smirk_encoder = SmirkEncoder()
        self.smirk_generator = Generator(6, width, blocks, norm)
        fresh(self.smirk_generator)

    def forward(
        self,
        image: Tensor,
        hull: Tensor,
        renderer: FaceRenderer,
        rule: MaskRule,
        *,
        mesh_hull: bool = False,
        shown: Tensor | None = None,
    ) -> Pass:
        """Translate pictures.

        Parameters
        ----------
        image : torch.Tensor
            (B, 3, edge, edge) in 0 to 1.
        hull : torch.Tensor
            (B, 1, edge, edge), 1 within the hull of the landmarks.
        renderer : FaceRenderer
        rule : MaskRule
        mesh_hull : bool
            Cut out the rendering's own outline in place of the landmarks' hull.
        shown : torch.Tensor, optional
            (B, 1, edge, edge), 1 at the pixels that are put back; drawn by chance otherwise.
        """
        codes = self.smirk_encoder(image)
        drawn = renderer(codes)
        if shown is None:
            shown = point_mask(drawn, renderer.triangles, rule)
        hull = filled(drawn.mask) if mesh_hull else hull
        masked = masked_picture(image, hull, drawn.mask, shown, rule)
        painted = self.smirk_generator(torch.cat([drawn.image.to(masked.dtype), masked], dim=1))
        return Pass(painted, codes, drawn, masked)


class Eifer(CycleTraining):
    """EIFER's first phase."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        model = config.model
        fresh(self.critic_normal)
        fresh(self.critic_sensor)
        shape = (model["width"], model["blocks"], model["norm"])
        self.s2n, self.n2s = FaceModule(*shape), FaceModule(*shape)
        self.smirk_sha256 = ""
        if model["smirk"]:
            for module in (self.s2n, self.n2s):
                self.smirk_sha256 = load_smirk(
                    model["smirk"], module.smirk_encoder, module.smirk_generator
                )
        self.renderer = FaceRenderer(
            training_head(model["head"]), int(model["image_size"]), str(model["shading"])
        )
        self.rule = MaskRule(
            model["mask_growth"], model["mask_points"], model["mask_gaps"], model["mask_noise"]
        )

    def groups(self, off: Cycle, on: Cycle) -> dict[str, Callable[[], Tensor]]:
        """The three of a CycleGAN, the three of the occluded code, and the anchor."""
        sensors = float(self.config.loss["anchor_sensors"])
        return super().groups(off, on) | {
            "occlusion_expression": lambda: losses.occlusion_expression(off, on),
            "occlusion_shape": lambda: losses.occlusion_shape(off, on),
            "global_transformation": lambda: losses.global_transformation(off, on),
            losses.ANCHOR: lambda: losses.anchor(off, on, sensors),
        }

    def cycles(self, batch: Batch, *, second: bool) -> tuple[Cycle, Cycle]:
        """Both cycles of a batch.

        The hull of the source cuts out the face in the second pass too, because the face stays
        where it is. In some batches the rendering's outline takes its place: that is all that an
        exported network has, which sees no landmarks.
        """
        mesh_hull = self.training and float(torch.rand(())) < float(self.config.model["mesh_hull"])
        found = []
        for side, there, back in (
            ("sensor", self.s2n, self.n2s), ("normal", self.n2s, self.s2n),
        ):  # fmt: skip
            image, hull = batch[side], batch[f"{side}_hull"]
            first = there(image, hull, self.renderer, self.rule, mesh_hull=mesh_hull)
            again = None
            if second:
                again = back(first.image, hull, self.renderer, self.rule, mesh_hull=mesh_hull)
            found.append(Cycle(image, first, again, batch[f"{side}_points"]))
        return found[0], found[1]
