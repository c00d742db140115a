"""Ten expressions of the open head on one sheet, or any list of them.

Run it with::

    python examples/contact_sheet.py sheet.png [workbench|cycles] [size]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import av
import numpy as np

from eifer import api
from eifer.eifer_addon.files import atomic_path
from eifer.eifer_addon.scene import stage
from eifer.eifer_addon.scene.controls import set_controls
from eifer.eifer_addon.scene.headless import empty_scene
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.encode import read_image

COLUMNS = 4
#: Controls without a side are raised on both.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"mouthSmile": 0.9, "cheekSquint": 0.7, "eyeSquint": 0.35},
    "laughing": {"jawOpen": 0.45, "mouthSmile": 1.0, "cheekSquint": 0.9, "eyeSquint": 0.5,
                 "mouthUpperUp": 0.3},
    "surprised": {"jawOpen": 0.55, "browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8},
    "angry": {"browDown": 1.0, "noseSneer": 0.5, "mouthPress": 0.7, "eyeSquint": 0.4},
    "sad": {"browInnerUp": 1.0, "mouthFrown": 0.9, "mouthShrugLower": 0.5, "eyeLookDown": 0.3},
    "disgusted": {"noseSneer": 1.0, "mouthUpperUp": 0.8, "browDown": 0.6, "eyeSquint": 0.5},
    "afraid": {"browInnerUp": 0.9, "browOuterUp": 0.5, "eyeWide": 1.0, "mouthStretch": 0.8,
               "jawOpen": 0.2},
    "winking": {"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.8, "cheekSquintLeft": 0.7},
    "kissing": {"mouthPucker": 1.0, "eyeSquint": 0.2},
    "eyes closed": {"eyeBlink": 1.0},
    "looking left": {"eyeLookOutLeft": 0.9, "eyeLookInRight": 0.9, "mouthLeft": 0.3},
}  # fmt: skip


def both_sides(controls: dict[str, float]) -> dict[str, float]:
    """All 52 controls, those without a side given to both."""
    return {
        name: controls.get(name, controls.get(name.removesuffix("Left").removesuffix("Right"), 0.0))
        for name in ARKIT_NAMES
    }


def render_sheet(engine: str, size: int) -> np.ndarray:
    """The pictures as one array (rows * size, COLUMNS * size, 3) uint8."""
    context = empty_scene(25.0)
    head = api.add_head(context, api.load_head(), n_identity=0, n_expression=0)
    stage.prepare_stage(context, head, engine, (size, size))
    pictures = []
    with tempfile.TemporaryDirectory() as folder:
        for controls in EXPRESSIONS.values():
            set_controls(head, both_sides(controls))
            context.view_layer.update()
            pictures.append(read_image(stage.render_still(context, Path(folder) / "one.png")))
    rows = [pictures[k : k + COLUMNS] for k in range(0, len(pictures), COLUMNS)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) uint8 as a PNG."""
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="image2") as out:
        stream = out.add_stream("png", rate=1)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode()]:
            out.mux(packet)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "sheet.png")
    chosen = sys.argv[2] if len(sys.argv) > 2 else "workbench"
    write_png(target, render_sheet(chosen, int(sys.argv[3]) if len(sys.argv) > 3 else 256))
    sys.stdout.write(f"{target}\n")
