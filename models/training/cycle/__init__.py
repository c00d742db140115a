"""EIFER's first phase: electrodes off and onto a face by two cycles around a FLAME rendering.

Flows in: unpaired pictures of one person with electrodes (S) and without (N), with landmarks
(`unpaired`). Flows out: a network that takes electrodes off (S→N), and its encoder. Between lie an
encoder of SMIRK's layout (`encoders`), FLAME in torch (`flame`), a differentiable rendering
(`render`), the masked picture (`mask`), a generator and a critic (`generator`, `discriminator`),
the six groups of losses (`losses`) and the two trainings (`eifer`, `mc_cyclegan`).

Büchner, Anders, Guntinas-Lichius and Denzler, "Electromyography-informed facial expression
reconstruction for physiological-based synthesis and analysis", CVPR 2025 (arXiv 2503.09556).
"""

from ...checkpoints.packages import declare_operators

# Lightning and timm import torchvision, which may have been built beside another torch.
declare_operators()
