"""Let an independent reader judge the open head: MediaPipe looks at each of the 52 units.

Every unit is raised to 1 on the rig, rendered with Workbench and read by MediaPipe's Face
Landmarker, which was trained on real faces and knows nothing of this head. Each picture is read
twice, also mirrored, so that the network's own left-right bias cancels. Run it with::

    python examples/unit_table.py [units.md]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from eifer import api
from eifer.eifer_addon.scene import stage
from eifer.eifer_addon.scene.controls import set_controls
from eifer.eifer_addon.scene.headless import empty_scene
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.encode import read_image
from eifer.eifer_addon.video.landmarker import FaceLandmarker

#: A score that rises by less is within the reader's noise.
NOISE = 0.02


#: ARKit's mouthClose closes the lips of an open jaw: it is read from there.
STARTS = {"mouthClose": {"jawOpen": 1.0}}


def other_side(name: str) -> str:
    """The control of the other side, or the same one for a control of both."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


# jawLeft and mouthLeft name a direction: a mirrored picture shows the other one, too.
_MIRRORED = [ARKIT_NAMES.index(other_side(name)) for name in ARKIT_NAMES]


def read_picture(landmarker: FaceLandmarker, picture: np.ndarray) -> np.ndarray:
    """ARKit scores (52,) of a picture, the mean of itself and its mirror image."""
    faces = [landmarker.detect(image) for image in (picture, picture[:, ::-1].copy())]
    if not all(faces):
        raise RuntimeError("no face was recognised on the rendered head")
    straight, mirrored = (found[0].blendshapes for found in faces)
    return (straight + mirrored[_MIRRORED]) / 2.0


def read_units(size: int = 384) -> tuple[np.ndarray, np.ndarray]:
    """Scores (52, 52) of the face before and of the same face with each unit at 1, a row each."""
    context = empty_scene(25.0)
    head = api.add_head(context, api.load_head(), n_identity=0, n_expression=0)
    stage.prepare_stage(context, head, "workbench", (size, size))
    landmarker = FaceLandmarker()

    def score(controls: dict[str, float]) -> np.ndarray:
        set_controls(head, {name: controls.get(name, 0.0) for name in ARKIT_NAMES})
        context.view_layer.update()
        with tempfile.TemporaryDirectory() as folder:
            still = stage.render_still(context, Path(folder) / "unit.png")
            return read_picture(landmarker, read_image(still))

    neutral = score({})
    before = [score(STARTS[name]) if name in STARTS else neutral for name in ARKIT_NAMES]
    after = [score({**STARTS.get(name, {}), name: 1.0}) for name in ARKIT_NAMES]
    return np.stack(before), np.stack(after)


def verdict(k: int, rise: np.ndarray) -> str:
    """What the reader can tell of unit `k` from the rise (52,) of the scores."""
    opposite = rise[_MIRRORED[k]]
    if rise[k] < NOISE:
        return "cannot tell"
    if _MIRRORED[k] == k:
        return "yes"
    return "yes" if rise[k] > opposite else "wrong side"


def table(before: np.ndarray, after: np.ndarray) -> str:
    """A Markdown table of all units."""
    lines = [
        "| unit at 1 | before | raised | rise | other side | read as such | rises most |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for k, name in enumerate(ARKIT_NAMES):
        rise = after[k] - before[k]
        side = f"{rise[_MIRRORED[k]]:+.2f}" if _MIRRORED[k] != k else ""
        first = int(np.argmax(rise))
        lines.append(
            f"| {name} | {before[k, k]:.2f} | {after[k, k]:.2f} | {rise[k]:+.2f} | {side} "
            f"| {verdict(k, rise)} | {ARKIT_NAMES[first]} {rise[first]:+.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = table(*read_units())
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    sys.stdout.write(text)
