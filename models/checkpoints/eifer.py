"""The encoders within a checkpoint of EIFER (Büchner et al., CVPR 2025).

EIFER is a cycle of two modules, one that removes electrodes from a picture (S→N, sensors to
normal) and one that adds them (N→S); each holds an encoder with SMIRK's layout. The authors'
weights are not public, so neither are their names: an encoder is known by SMIRK's own names,
whatever stands before them (such as Lightning's ``state_dict.``), and the two are told apart by
the module's name. The one of S→N has learned from faces under electrodes and is the default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...eifer_addon.errors import EiferError
from ..reconstructors.eifer import BACKEND
from .building import Built, guess
from .reading import Checkpoint, some
from .smirk import encoders

_STEM = "pose_encoder.encoder.conv_stem.weight"
_ENCODER_PARTS = ("pose_encoder.", "shape_encoder.", "expression_encoder.")
_FROM, _TO = r"(?:s|sensors?)", r"(?:n|normal)"
_BETWEEN = r"(?:2|_?to_?|_|)"
_EDGE, _END = r"(?:^|[._])(?:g_?|gen_?)?", r"(?:[._]|$)"
_MODULES = {
    "s2n": re.compile(f"{_EDGE}{_FROM}{_BETWEEN}{_TO}{_END}", re.IGNORECASE),
    "n2s": re.compile(f"{_EDGE}{_TO}{_BETWEEN}{_FROM}{_END}", re.IGNORECASE),
}
DEFAULT_MODULE = "s2n"


@dataclass(frozen=True)
class _Found:
    """An encoder in the checkpoint: the beginning of its names, and the module it belongs to."""

    prefix: str
    module: str


def build(checkpoint: Checkpoint, module: str = "") -> Built:
    """The encoder of one module of EIFER.

    Parameters
    ----------
    checkpoint : Checkpoint
    module : {"", "s2n", "n2s"} or str
        Which encoder: that of faces with electrodes, that of faces without, or the beginning of
        its names. Empty takes the only one, or else that of faces with electrodes.

    Raises
    ------
    EiferError
        When no encoder, or no such one, is in the file, or its weights do not fit.
    """
    found = _encoders(checkpoint)
    if not found:
        alike = guess(checkpoint)
        looks = f"it looks like a checkpoint of {alike}" if alike else "it has no SMIRK encoder"
        raise EiferError(
            f"{checkpoint.path.name} is no checkpoint of {BACKEND.title}: {looks} "
            f"(it begins with {some(checkpoint.tensors)}).",
            "Its names have to end as those of SMIRK's encoders do, for example in " + _STEM + ".",
        )
    chosen = _chosen(found, module, checkpoint.path.name)
    own = {
        name: tensor
        for name, tensor in checkpoint.part(chosen.prefix).items()
        if name.startswith(_ENCODER_PARTS)
    }
    used = {chosen.prefix + name for name in own}
    where = f"{checkpoint.path.name} ({chosen.prefix.rstrip('.') or 'encoder'})"
    return Built(encoders(own, where), _left_out(checkpoint, found, used))


def _left_out(checkpoint: Checkpoint, found: list[_Found], used: set[str]) -> tuple[str, ...]:
    """The parts of the checkpoint that are not needed: other encoders, generators, critics."""
    parts = set()
    for name in checkpoint.tensors.keys() - used:
        others = [one.prefix for one in found if one.prefix and name.startswith(one.prefix)]
        parts.add(max(others, key=len).rstrip(".") if others else ".".join(name.split(".")[:2]))
    return tuple(sorted(parts))


def _encoders(checkpoint: Checkpoint) -> list[_Found]:
    prefixes = [key.removesuffix(_STEM) for key in checkpoint.tensors if key.endswith(_STEM)]
    return [
        _Found(prefix, next((m for m, words in _MODULES.items() if words.search(prefix)), ""))
        for prefix in sorted(prefixes)
    ]


def _chosen(found: list[_Found], module: str, where: str) -> _Found:
    wanted = module or (DEFAULT_MODULE if len(found) > 1 else "")
    fits = [one for one in found if not wanted or wanted == one.module]
    fits = fits or [one for one in found if one.prefix.startswith(wanted)]
    if len(fits) == 1:
        return fits[0]
    names = some((one.prefix.rstrip(".") for one in found), 6)
    how_many = "several" if fits else "none"
    raise EiferError(
        f"{where} holds {len(found)} encoders ({names}), and '{wanted}' names {how_many} of them.",
        "Say which with --module: s2n (faces with electrodes), n2s (without), or the beginning "
        "of its names.",
    )
