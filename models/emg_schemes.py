"""The electrode schemes as models know them: which muscles they record, and whose channels are."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from ..eifer_addon.errors import EiferError
from ..eifer_addon.signals.activity import Activity

SIDES = ("left", "right")
#: Fridlund's pairs, one over each side of these muscles.
_FRIDLUND = (
    "frontalis_medialis", "frontalis_lateralis", "corrugator", "depressor_supercilii",
    "levator_labii", "orbicularis_oris", "depressor_anguli_oris", "mentalis", "orbicularis_oculi",
    "zygomaticus", "masseter",
)  # fmt: skip
#: Kuramoto's single electrodes stand over the same muscles but these.
_NOT_KURAMOTO = ("corrugator", "mentalis")
_CODE = {
    "fridlund": re.compile(r"^F(\d{1,2})\b"), "kuramoto": re.compile(r"^[KE](\d{1,2})$"),
}  # fmt: skip


@functools.cache
def muscles_of(scheme: str) -> tuple[str, ...]:
    """Muscles with side that `to_activity` gives for a scheme.

    Raises
    ------
    EiferError
        For another name than ``fridlund`` and ``kuramoto``.
    """
    if scheme not in _CODE:
        raise EiferError(
            f"There is no electrode scheme '{scheme}'.", f"Use one of {', '.join(_CODE)}."
        )
    left_out = _NOT_KURAMOTO if scheme == "kuramoto" else ()
    return tuple(f"{m}.{side}" for m in _FRIDLUND if m not in left_out for side in SIDES)


def scheme_of_channels(channels: Sequence[str]) -> str:
    """The scheme that the channels' codes tell, or nothing where the names are others."""
    for scheme, code in _CODE.items():
        told = [name for name in channels if code.match(name.strip())]
        if told and len(told) >= 0.8 * len(channels):
            return scheme
    return ""


def scheme_of(activity: Activity) -> str:
    """The scheme that an activity was recorded with, as far as it says so."""
    noted = str(activity.source.get("scheme", "")).partition("-")[0]
    return noted if noted in _CODE else scheme_of_channels(activity.channels)
