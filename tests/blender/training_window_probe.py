"""A subject's model trained from the panel in a window; started by ``.ci/real_blender.py``.

In a Blender of its own, because its pictures show other folds than those of the other probes.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Blender does not look for modules beside the script that it runs.
sys.path.insert(0, str(Path(__file__).parent))

import window_training
from window_harness import play

play(window_training.SCENES)
