"""A user's script that runs a batch: bpy is imported and nothing is guarded by ``__main__``.

Usage: ``batch_script.py OUT VICTIM FILE…``. Whoever works on the film called VICTIM is killed as
soon as it says how far it is, each time. Writes the reports to OUT/reports.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

with contextlib.suppress(ImportError):  # where Blender's module is not installed
    import bpy  # noqa: F401

from eifer import api


def kill(kind: str, values: dict[str, object]) -> None:
    """SIGKILL for the process that works on the victim."""
    if kind == "progress" and values["name"] == sys.argv[2]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(str(values["pid"])), signal.SIGKILL)


result = api.video_batch(sys.argv[3:], sys.argv[1], attempts=2, workers=2, on_news=kill)
Path(sys.argv[1], "reports.json").write_text(json.dumps(result.reports), encoding="utf-8")
