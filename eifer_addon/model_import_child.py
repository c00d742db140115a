"""The child process of a `model_import.ModelImport`: ``python -P entry.py model_import_child …``.

A checkpoint is imported in a Python of the user's, with what `models.checkpoints` needs and nothing
of Blender's; a Basel Face Model in Blender's own, because landmarks are found on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..models.checkpoints.importing import import_checkpoint
from .errors import EiferError
from .processes import Parent


def main(arguments: list[str]) -> int:
    """Import the checkpoint that the request names, and say how far it is."""
    parent = Parent()
    asked = json.loads(arguments[0])
    try:
        made = _bfm(asked) if asked["backend"] == "bfm" else _checkpoint(asked, parent)
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    parent.send({"made": made})
    return 0


def _checkpoint(asked: Mapping[str, Any], parent: Parent) -> dict[str, Any]:
    made = import_checkpoint(
        asked["backend"], asked["checkpoint"], name=asked["name"] or None,
        module=asked["module"], overwrite=asked["overwrite"],
        on_progress=lambda done, total: parent.send({"part": done / total}),
    )  # fmt: skip
    return {
        "name": made.card.name, "path": str(made.path), "sha256": made.sha256,
        "difference": made.difference,
    }  # fmt: skip


def _bfm(asked: Mapping[str, Any]) -> dict[str, Any]:
    from .heads.bfm import import_bfm, load_bfm

    head = load_bfm(asked["checkpoint"])
    import_bfm(asked["checkpoint"])
    return {"name": head.name, "path": "the known heads", "sha256": head.info["sha256"]}
