"""The back ends by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from ...eifer_addon.errors import EiferError
from . import deca, deep3dface, eifer, emoca, encoder, focus, mediapipe, smirk
from .base import Backend, Reconstructor

DEFAULT = mediapipe.BACKEND.name


@functools.cache
def backends() -> Mapping[str, Backend]:
    """All back ends by name, the one that comes with the add-on first."""
    known: tuple[Backend, ...] = (
        mediapipe.BACKEND, encoder.BACKEND, smirk.BACKEND, deca.BACKEND, emoca.BACKEND,
        deep3dface.BACKEND, focus.BACKEND, eifer.BACKEND,
    )  # fmt: skip
    return MappingProxyType({backend.name: backend for backend in known})


def get_backend(name: str) -> Backend:
    """A back end by name.

    Raises
    ------
    EiferError
        For a name that is not known.
    """
    found = backends().get(name.lower())
    if found is None:
        known = ", ".join(backends())
        raise EiferError(f"There is no back end '{name}'.", f"Known are: {known}.")
    return found


def get_reconstructor(name: str) -> Reconstructor:
    """A back end with a network of the user's, by name.

    Raises
    ------
    EiferError
        For a name that is not known, or of the back end that comes with the add-on.
    """
    found = get_backend(name)
    if not isinstance(found, Reconstructor):
        raise EiferError(
            f"The back end '{found.name}' comes with the add-on and has no checkpoint.",
            "Name one of " + ", ".join(reconstructors()) + ".",
        )
    return found


def reconstructors() -> Mapping[str, Reconstructor]:
    """The back ends whose networks come from other people's checkpoints, by name."""
    return {
        name: found for name, found in backends().items()
        if isinstance(found, Reconstructor) and found.signs
    }  # fmt: skip
