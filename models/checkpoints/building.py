"""What the builder of a reconstructor's network gives back, and which builders there are."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...eifer_addon.errors import EiferError
from ..reconstructors.registry import reconstructors
from .reading import Checkpoint, some

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Built:
    """A network filled from a checkpoint.

    Attributes
    ----------
    module : torch.nn.Module
        float32 (n, 3, edge, edge) RGB in 0 to 1 to (n, n_outputs) in the order of
        `Reconstructor.outputs`, without the decode rule's limits.
    left_out : tuple of str
        Parts of the checkpoint that are not needed, in words.
    """

    module: torch.nn.Module
    left_out: tuple[str, ...] = field(default=())


def builder(name: str) -> Callable[..., Built]:
    """The function ``build(checkpoint)`` of the module of a reconstructor's name.

    Where a checkpoint holds several networks, it takes which one as its second argument.
    """
    build: Callable[..., Built] = importlib.import_module(f".{name}", __package__).build
    return build


def refuse_others(checkpoint: Checkpoint, name: str) -> None:
    """Say whose checkpoint it seems to be when none of its names is one of `name`'s.

    Raises
    ------
    EiferError
        Naming what the file looks like.
    """
    wanted = reconstructors()[name]
    if any(key.startswith(wanted.signs) for key in checkpoint.tensors):
        return
    alike = guess(checkpoint)
    looks = f"looks like a checkpoint of {alike}" if alike else "is of an unknown network"
    raise EiferError(
        f"{checkpoint.path.name} is no checkpoint of {wanted.title}: it {looks} "
        f"(it begins with {some(checkpoint.tensors)}).",
        f"The official file is {wanted.checkpoint}, from {wanted.source}.",
    )


def guess(checkpoint: Checkpoint) -> str:
    """Title of the reconstructor whose names a checkpoint has, empty when it is none's."""
    hits = {
        found.title: sum(key.startswith(found.signs) for key in checkpoint.tensors)
        for found in reconstructors().values()
    }
    best = max(hits, key=lambda title: hits[title], default="")
    return best if best and hits[best] else ""
