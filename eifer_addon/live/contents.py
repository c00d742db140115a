"""Settings that name files, with what the files hold: a journal must not depend on them later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..signals.montage_files import read_montage
from ..signals.normalise import load_document
from ..signals.pairs import pair_name
from .settings import LiveSettings


def with_contents(settings: LiveSettings) -> LiveSettings:
    """The same settings, with profile and montage inside instead of their paths.

    Raises
    ------
    EiferError
        When a file cannot be read or is something else.
    """
    profile, montage = settings.profile, settings.montage
    if profile is not None:
        profile = dict(load_document(profile))
    if isinstance(montage, str):
        montage = as_names(read_montage(Path(montage)))
    return replace(settings, profile=profile, montage=montage)


def as_names(targets: Any) -> dict[str, str | None]:
    """A montage's targets with names alone as keys, as JSON wants: ``"A - B"`` for a pair."""
    return {
        pair_name(*key) if isinstance(key, tuple) else str(key): target
        for key, target in targets.items()
    }
