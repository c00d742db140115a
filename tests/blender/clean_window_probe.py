"""Films without electrodes in a Blender window; started by ``.ci/real_blender.py``."""

from __future__ import annotations

import sys
from pathlib import Path

# Blender does not look for modules beside the script that it runs.
sys.path.insert(0, str(Path(__file__).parent))

import window_clean
from window_harness import play

play(window_clean.SCENES)
