"""The verbs of the command line, one module each.

A verb has ``HELP``, ``EXAMPLE``, ``add_arguments(parser)`` and ``run(options) -> Result``. It
calls `api` and, where it needs Blender, imports `scene` when it runs. Only `cli` prints.
A verb that keeps something when it is interrupted says so in ``WHEN_STOPPED``.
"""

from __future__ import annotations

from . import (
    calibrate,
    clean,
    compare,
    demo,
    emg,
    evaluate,
    export,
    inspect,
    live,
    models,
    muscles,
    play,
    rig,
    simulate,
    sources,
    sync,
    train,
    video,
)
from . import map as muscle_map
from .base import Verb

VERBS: dict[str, Verb] = {
    "demo": demo,
    "inspect": inspect,
    "rig": rig,
    "emg": emg,
    "calibrate": calibrate,
    "sync": sync,
    "export": export,
    "map": muscle_map,
    "sources": sources,
    "play": play,
    "live": live,
    "video": video,
    "clean": clean,
    "compare": compare,
    "models": models,
    "muscles": muscles,
    "simulate": simulate,
    "train": train,
    "evaluate": evaluate,
}
