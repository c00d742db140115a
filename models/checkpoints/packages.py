"""torch and timm, or a sentence about what is missing; only the import needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from ...eifer_addon.errors import EiferError

_WHY = "only importing a checkpoint needs it"


def need(name: str) -> ModuleType:
    """Import ``"torch"``, ``"timm"`` or another package that only the import needs.

    Raises
    ------
    EiferError
        When it is not installed, or fails while it is imported.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or name).partition(".")[0]
        raise EiferError(
            f"The Python package {missing} is not installed ({_WHY}).",
            "Install it with 'pip install torch timm' into any Python 3.11 or newer that has "
            "EIFER, and import the checkpoint there.",
        ) from error
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EiferError(
            f"The Python package {name} cannot be loaded: {first[:160].rstrip('.')} ({_WHY}).",
            "Install torch, torchvision and timm again, all from the same source.",
        ) from error
