"""EIFER for Blender: facial muscle signals into animation, faces into muscle signals.

The root is the Blender extension, and outside Blender the package ``eifer``. Nothing here
imports bpy until Blender calls :func:`register`.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    # `from eifer import api` must work without bpy and without paying for it before it is asked.
    if name == "api":
        return importlib.import_module(".eifer_addon.api", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def register() -> None:
    """Add the add-on's classes, panels, menus and command to Blender."""
    from .operators import registration

    registration.register()


def unregister() -> None:
    """Take away everything that :func:`register` added."""
    from .operators import registration

    registration.unregister()
