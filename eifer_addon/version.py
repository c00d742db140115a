"""The add-on's version, read from its manifest, the one place that states it."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path


@functools.cache
def software_version() -> str:
    """The version of the extension, for provenance."""
    manifest = Path(__file__).resolve().parents[1] / "blender_manifest.toml"
    try:
        with manifest.open("rb") as stream:
            return str(tomllib.load(stream)["version"])
    except FileNotFoundError:
        return "unknown"
