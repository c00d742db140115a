"""EIFER's encoders (Büchner et al., "Electromyography-informed facial expression reconstruction").

They have SMIRK's layout, 361 numbers of the same meaning (field notes, section 1), and see the
same crop; what differs is what they have learned from.
"""

from __future__ import annotations

from dataclasses import replace

from . import smirk

BACKEND = replace(
    smirk.BACKEND,
    name="eifer",
    title="EIFER",
    licence="as its authors gave it to you; the weights need FLAME, whose licence is the user's",
    citation="Büchner et al., Electromyography-informed facial expression reconstruction, 2025",
    checkpoint="a checkpoint with the names of SMIRK's encoder",
    source="EIFER's authors or your own training (it is not public)",
    signs=(),
)
