"""Muscles told from a film in a Blender window; started by ``.ci/real_blender.py``.

In a Blender of its own, because its pictures show other panels than those of the other probes.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Blender does not look for modules beside the script that it runs.
sys.path.insert(0, str(Path(__file__).parent))

import window_muscles
from window_harness import play

play(window_muscles.SCENES)
