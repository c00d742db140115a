"""Import films in a Blender window; started by ``.ci/real_blender.py`` like ``window_probe.py``.

In a Blender of its own, because its pictures show another panel than those of the recordings.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Blender does not look for modules beside the script that it runs.
sys.path.insert(0, str(Path(__file__).parent))

import window_video
from window_harness import play

play(window_video.SCENES)
