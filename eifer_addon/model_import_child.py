"""The child process of a `model_import.ModelImport`: ``python -P entry.py model_import_child …``.

It runs in a Python of the user's, with what `models.checkpoints` needs and nothing of Blender's.
"""

from __future__ import annotations

import json

from ..models.checkpoints.importing import import_checkpoint
from .errors import EiferError
from .processes import Parent


def main(arguments: list[str]) -> int:
    """Import the checkpoint that the request names, and say how far it is."""
    parent = Parent()
    asked = json.loads(arguments[0])
    try:
        made = import_checkpoint(
            asked["backend"], asked["checkpoint"], name=asked["name"] or None,
            module=asked["module"], overwrite=asked["overwrite"],
            on_progress=lambda done, total: parent.send({"part": done / total}),
        )  # fmt: skip
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    found = {"name": made.card.name, "path": str(made.path), "sha256": made.sha256}
    parent.send({"made": {**found, "difference": made.difference}})
    return 0
