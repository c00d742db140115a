"""Use the add-on in a Blender window with real mouse and key events; save screenshots.

Started by ``.ci/real_blender.py`` as ``blender --enable-event-simulate --python window_probe.py
-- RECORDINGS FOLDER`` under Xvfb. Further scenes go into a file ``window_….py`` beside this one and
into the list below.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Blender does not look for modules beside the script that it runs.
sys.path.insert(0, str(Path(__file__).parent))

import window_recordings as recordings
from window_harness import play

play([
    recordings.add_a_head,
    recordings.ask_for_a_rate,
    recordings.import_from_the_dialog,
    recordings.stop_within_the_filters,
    recordings.channels_and_edits,
])  # fmt: skip
