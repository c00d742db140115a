"""EMOCA v2 (Danecek et al., "EMOCA: emotion driven monocular face capture and animation", 2022).

DECA's network with a second ResNet50 whose expression and jaw take the place of DECA's. Crop and
meaning of the numbers are DECA's.
"""

from __future__ import annotations

from .base import Reconstructor, numbered
from .deca import GROUPS, crop, decode

BACKEND = Reconstructor(
    name="emoca",
    title="EMOCA v2",
    space="flame2020:e50j3",
    licence="the authors' own, not for commercial use; FLAME's licence is the user's as well",
    citation="Danecek et al., EMOCA: emotion driven monocular face capture and animation, 2022",
    checkpoint="deca-epoch=….ckpt in EMOCA_v2_lr_mse_20/detail/checkpoints",
    source="the authors' repository radekd91/emoca, script download_assets.sh",
    outputs=numbered(**GROUPS),
    crop=crop,
    decode=decode,
    signs=("state_dict.deca.", "deca.E_expression.", "deca.E_flame."),
)
