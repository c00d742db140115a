"""Clean-up and fusion in a Blender window; started by ``.ci/real_blender.py``.

In a Blender of its own, because its pictures show other folds than those of the recordings.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Blender does not look for modules beside the script that it runs.
sys.path.insert(0, str(Path(__file__).parent))

import window_session
from window_harness import play

play(window_session.SCENES)
