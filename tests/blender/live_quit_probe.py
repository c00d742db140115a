"""Connect a replay and quit Blender in the middle of a take; started by ``.ci/real_blender.py``.

``blender -b --python live_quit_probe.py -- RECORDING FOLDER`` writes the child's process id and
folder to ``FOLDER/live.json``, for a look at what is left of them.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

import bpy

RECORDING, FOLDER = (Path(argument) for argument in sys.argv[-2:])
_PATIENCE_S = 60.0

package = next(m for m in bpy.context.preferences.addons.keys() if m.endswith(".eifer"))  # noqa: SIM118
live = importlib.import_module(f"{package}.eifer_addon.scene.live_driver")
settings = importlib.import_module(f"{package}.eifer_addon.live.settings")

driver = live.driver
driver.connect(
    bpy.context, settings.LiveSettings(recording=str(RECORDING), journal_folder=str(FOLDER))
)
driver.session.record("quit")
end = time.monotonic() + _PATIENCE_S
while driver.snapshot.take is None or driver.snapshot.take.seconds < 1.0:
    assert time.monotonic() < end, driver.snapshot.sentence
    driver.step(time.monotonic())
    time.sleep(0.01)
facts = {"pid": driver.session.pid, "folder": str(driver.session._folder)}
(FOLDER / "live.json").write_text(json.dumps(facts), encoding="utf-8")
bpy.ops.wm.quit_blender()
