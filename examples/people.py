"""Eight people out of the open head's identity basis, drawn at random.

Run it with::

    python examples/people.py people.png [workbench|cycles] [size]
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from eifer import api
from eifer.eifer_addon.scene import stage
from eifer.eifer_addon.scene.headless import empty_scene
from eifer.eifer_addon.video.encode import read_image

COLUMNS, ROWS = 4, 2
SEED = 5


def _contact_sheet() -> ModuleType:
    """The neighbouring example, for its PNG writer."""
    path = Path(__file__).with_name("contact_sheet.py")
    spec = importlib.util.spec_from_file_location("contact_sheet", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def render_people(engine: str, size: int) -> np.ndarray:
    """Random people as one array (ROWS * size, COLUMNS * size, 3) uint8."""
    rng = np.random.default_rng(SEED)
    model = api.load_head()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROWS):
            row = []
            for _ in range(COLUMNS):
                context = empty_scene(25.0)
                identity = np.clip(rng.normal(size=model.n_identity), -2.0, 2.0)
                head = api.add_head(context, model, identity=identity, n_identity=0, n_expression=0)
                stage.prepare_stage(context, head, engine, (size, size))
                row.append(read_image(stage.render_still(context, Path(folder) / "one.png")))
            rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows, axis=0)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "people.png")
    chosen = sys.argv[2] if len(sys.argv) > 2 else "workbench"
    people = render_people(chosen, int(sys.argv[3]) if len(sys.argv) > 3 else 256)
    _contact_sheet().write_png(target, people)
    sys.stdout.write(f"{target}\n")
