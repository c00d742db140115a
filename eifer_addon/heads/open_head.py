"""The open head: EIFER's own head model, built at set-up from CC0 data."""

from __future__ import annotations

from functools import cache

from ..assets import asset_path
from .model import HeadModel


@cache
def load_open_head() -> HeadModel:
    """The open head, read once per process.

    Returns
    -------
    HeadModel
        With units, landmarks, electrodes, materials and colours. Shared: do not change arrays.

    Raises
    ------
    EiferError
        When it was not built, with the command that builds it.
    """
    head = HeadModel.load(asset_path("open_head.npz"))
    for value in vars(head).values():
        if hasattr(value, "setflags"):
            value.setflags(write=False)
    return head
