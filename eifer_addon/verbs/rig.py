"""``eifer rig``: a rigged head in a .blend."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import api
from ..errors import EiferError
from .base import Result, require_blender, require_free

HELP = "Save a .blend with a rigged head: the open head, or a FLAME head of yours."
EXAMPLE = "eifer rig --out head.blend --head flame2023_Open.pkl"
_FPS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="the .blend to write")
    parser.add_argument("--head", type=Path, help="a FLAME pickle or npz (default: the open head)")
    parser.add_argument("--identity", type=int, default=10, help="number of identity keys")
    parser.add_argument("--expression", type=int, default=50, help="number of expression keys")
    parser.add_argument("--identity-from", type=Path, help="a track whose identity the head takes")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> Result:
    """Build the rig and save it."""
    require_blender()
    require_free([options.out], force=options.force)
    from ..scene.headless import empty_scene, save_blend

    head = api.load_head(options.head)
    identity = None
    if options.identity_from is not None:
        identity = api.read_track(options.identity_from).identity
        if identity is None:
            raise EiferError(
                f"The track {options.identity_from} holds no identity.",
                "Choose a track of a video or a parametric reconstruction.",
            )
    context = empty_scene(_FPS)
    obj = api.add_head(
        context, head, identity=identity,
        n_identity=options.identity, n_expression=options.expression,
    )  # fmt: skip
    saved = save_blend(options.out, overwrite=options.force)
    keys = len(obj.data.shape_keys.key_blocks) - 1
    text = f"{head.describe()}\nRig '{obj.name}' with {keys} shape keys saved to {saved}"
    return Result(text, {"blend": str(saved), "object": obj.name, "shape_keys": keys})
