"""Which muscles move which expression, as the part of EMG2Exp that is not left to be learned.

An expression whose own muscles were recorded moves only where one of them acts, and for faint
activity in proportion to it: a brow does not lower because the mouth smiles, however often both
were seen together. How strongly each muscle pulls, and by how much the others help or hinder,
is learned. Antagonists and the neighbours whose signal reaches the same electrodes hold it back:
a trembling zygomaticus under a masseter that trembles as much is no smile. The tables follow the
Facial Action Coding System (Ekman, Friesen, Hager 2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Muscles under electrodes that move a coefficient of `arkit52` (both without side). Coefficients
#: that are not named are moved by muscles under no electrode, and told from what goes with them.
AGONISTS: Mapping[str, tuple[str, ...]] = {
    "browDown": ("corrugator", "depressor_supercilii", "orbicularis_oculi", "levator_labii"),
    "browInnerUp": ("frontalis_medialis",),
    "browOuterUp": ("frontalis_lateralis", "frontalis_medialis"),
    "cheekSquint": ("orbicularis_oculi", "zygomaticus"),
    "eyeSquint": ("orbicularis_oculi", "corrugator", "depressor_supercilii", "levator_labii"),
    "mouthFrown": ("depressor_anguli_oris",),
    "mouthPucker": ("orbicularis_oris",),
    "mouthShrugLower": ("mentalis",),
    "mouthShrugUpper": ("mentalis",),
    "mouthSmile": ("zygomaticus",),
    "mouthUpperUp": ("levator_labii",),
    "noseSneer": ("levator_labii",),
}
#: Coefficients that have another muscle under an electrode of their own: where that one is not
#: recorded they are told from what goes with them, although a lesser agonist is there.
_LEADING: Mapping[str, tuple[str, ...]] = {
    "browDown": ("corrugator", "depressor_supercilii"),
    "browOuterUp": ("frontalis_lateralis",),
    "cheekSquint": ("orbicularis_oculi",),
    "eyeSquint": ("orbicularis_oculi",),
}
#: Muscles that hold a coefficient back: antagonists, and neighbours that its electrodes hear.
HOLDERS: Mapping[str, tuple[str, ...]] = {
    "browDown": ("frontalis_medialis", "frontalis_lateralis"),
    "browInnerUp": ("corrugator", "depressor_supercilii"),
    "browOuterUp": ("corrugator", "depressor_supercilii", "orbicularis_oculi"),
    "cheekSquint": ("frontalis_lateralis", "levator_labii"),
    "eyeSquint": ("frontalis_lateralis", "frontalis_medialis"),
    "mouthFrown": ("zygomaticus", "orbicularis_oris", "mentalis"),
    "mouthPucker": ("zygomaticus", "masseter", "depressor_anguli_oris", "mentalis"),
    "mouthShrugLower": ("orbicularis_oris", "depressor_anguli_oris"),
    "mouthShrugUpper": ("orbicularis_oris", "depressor_anguli_oris"),
    "mouthSmile": ("depressor_anguli_oris", "orbicularis_oris", "masseter"),
    "mouthUpperUp": ("orbicularis_oris", "zygomaticus"),
    "noseSneer": ("zygomaticus", "orbicularis_oculi", "frontalis_medialis"),
}
_SIDES = ("Left", "Right")
#: Steepness of the saturating part of a pull.
_BEND = 3.0
#: The same of what holds back, which is soon as large as it gets.
_BEND_OF_HOLD = 12.0
#: Where the logarithms of the pulls begin: of the own side, and of the other one.
_OWN, _OTHER = -1.0, -4.0
#: Where those of what holds back begin.
_HELD = -4.0


def _side(name: str) -> tuple[str, str]:
    """A coefficient without its side, and the muscles' word for that side (empty: both)."""
    for side in _SIDES:
        if name.endswith(side):
            return name.removesuffix(side), side.lower()
    return name, ""


def tables(inputs: Sequence[str], outputs: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Which inputs pull at an output, which of them stand on its own side, and which lead it.

    Returns
    -------
    pulls, own, leading : Tensor
        float32 (n_outputs, n_inputs), 0 or 1.
    """
    found = torch.zeros(3, len(outputs), len(inputs))
    for row, name in enumerate(outputs):
        base, side = _side(name)
        for column, muscle in enumerate(inputs):
            kind, _, of = muscle.partition(".")
            if kind not in AGONISTS.get(base, ()):
                continue
            here = not side or of == side
            leads = here and kind in _LEADING.get(base, AGONISTS[base])
            found[:, row, column] = torch.tensor([1.0, float(here), float(leads)])
    return found[0], found[1], found[2]


class Agonists(nn.Module):
    """What the recorded muscles of each output pull, and what others hold back; 0 at rest.

    Parameters
    ----------
    inputs, outputs : sequence of str
        Muscles with side, and coefficients; in another space than `arkit52` nothing is pulled.
    """

    pulls: Tensor
    leading: Tensor
    holds: Tensor

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        pulls, own, leading = tables(inputs, outputs)
        self.register_buffer("pulls", pulls, persistent=False)
        self.register_buffer("leading", leading, persistent=False)
        begin = torch.where(own > 0, _OWN, _OTHER)
        self.straight = nn.Parameter(begin.clone())
        self.bent = nn.Parameter(begin.clone())
        self.register_buffer("holds", _holds(inputs, outputs), persistent=False)
        self.held_straight = nn.Parameter(torch.full_like(self.holds, _HELD))
        self.held_bent = nn.Parameter(torch.full_like(self.holds, _HELD))

    def forward(self, level: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """Pulls (..., n_outputs) of levels (..., n_inputs), and 1 where a leading one is there."""
        straight = functional.softplus(self.straight) * self.pulls
        bent = functional.softplus(self.bent) * self.pulls
        pull = functional.linear(level, straight)
        pull = pull + functional.linear(1.0 - torch.exp(-_BEND * level), bent)
        there = functional.linear(1.0 - missing, self.leading)
        return pull, torch.clamp(there, max=1.0)

    def held(self, level: Tensor) -> Tensor:
        """What antagonists and neighbours hold back (..., n_outputs) at levels (..., n_inputs)."""
        straight = functional.softplus(self.held_straight) * self.holds
        bent = functional.softplus(self.held_bent) * self.holds
        held = functional.linear(level, straight)
        return held + functional.linear(1.0 - torch.exp(-_BEND_OF_HOLD * level), bent)


def _holds(inputs: Sequence[str], outputs: Sequence[str]) -> Tensor:
    """Which inputs hold an output back, float32 (n_outputs, n_inputs), 0 or 1."""
    found = torch.zeros(len(outputs), len(inputs))
    for row, name in enumerate(outputs):
        base, side = _side(name)
        for column, muscle in enumerate(inputs):
            kind, _, of = muscle.partition(".")
            found[row, column] = float(kind in HOLDERS.get(base, ()) and (not side or of == side))
    return found


def agonists_of(inputs: Sequence[str], outputs: Sequence[str]) -> Agonists | None:
    """Agonists of a network's outputs; None in spaces and for muscles that the table lacks."""
    pulls, _, _ = tables(inputs, outputs)
    return Agonists(inputs, outputs) if bool(pulls.any()) else None
