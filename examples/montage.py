"""Say which channel is which muscle: show the mapping, change it, save it, use it.

With a recording of yours, or without one, a simulated one of 44 single electrodes. The picture
shows Fridlund's and Kuramoto's electrodes with what they are taken for (docs/signals.md). Run it
with::

    python examples/montage.py [session.edf | -] [montage.json] [montage.png]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from eifer.eifer_addon import api
from eifer.eifer_addon.figures import FAINT, HAIR, INK, STYLE, need_matplotlib, new_figure
from eifer.eifer_addon.heads.electrodes import electrode_scheme
from eifer.eifer_addon.heads.face_canvas import face_features, face_outline
from eifer.eifer_addon.signals.montage import Montage, map_channels, short_label
from eifer.models.synthetic.monopolar import Layout, fridlund_layout
from eifer.models.synthetic.physiology import simulate_recording

DEFAULT = Path("montage.json")
#: From a guess to a certainty, readable without colours too.
MAP = "viridis_r"
#: Where the columns of labels begin, how far apart they are, and a face's height over its width.
EDGE, LINE, FACE_ASPECT = 104.0, 11.0, 1.25


def edit(path: str, saved: Path) -> None:
    """Show the mapping of a recording, make a change, save it, and convert with it."""
    if path == "-":
        recording = simulate_recording(10.0, 1000.0, scheme="fridlund-monopolar")[0]
    else:
        recording = api.read_recording(path)
    montage = api.map_channels(recording, scheme="auto", sides="both")
    print(montage.describe())
    if path == "-":  # the pair over the left masseter, turned round, and one that is given up
        montage = montage.with_pair("Mass li 2", "Mass li 1", "masseter.left")
        montage = montage.with_target("Ment re 1 - Ment re 2", None)
    montage.save(saved)
    activity = api.to_activity(recording, montage=saved)
    print(activity.describe())
    print(f"not mapped: {', '.join(activity.unmapped) or 'none'}")


def picture(path: Path) -> None:
    """Draw both schemes with the muscles that their electrodes are taken for."""
    mpl = need_matplotlib()
    kuramoto = electrode_scheme("kuramoto")
    singles = Layout(tuple(e.name for e in kuramoto), np.array([e.canvas for e in kuramoto]))
    with mpl.rc_context({**STYLE, "font.size": 7.5}):
        figure = new_figure(9.6, 4.3, 150, facecolor="white")
        for left, title, layout in (
            (0.0, "Fridlund: 44 single electrodes make 22 pairs", fridlund_layout()),
            (0.47, "Kuramoto: 19 single electrodes", singles),
        ):
            axes = figure.add_axes((left, 0.1, 0.5, 0.83))
            axes.set_title(title, fontsize=9, color=INK)
            dots = draw(axes, layout, map_channels(layout.channels))
        box = figure.add_axes((0.4, 0.09, 0.2, 0.02))
        bar = figure.colorbar(dots, cax=box, orientation="horizontal")
        bar.set_label("score of the mapping")
        bar.outline.set_visible(False)
        figure.savefig(path)


def draw(axes: Any, layout: Layout, montage: Montage) -> Any:
    """One face: electrodes coloured by score, hollow where they belong to no muscle."""
    for line in (face_outline(), *face_features().values()):
        axes.plot(*line.T, color=HAIR, linewidth=0.9, zorder=1)
    places = dict(zip(layout.channels, layout.places, strict=True))
    spots, scores, labels = [], [], []
    for match in montage.matches:
        own = np.array([places[name] for name in match.pair or (match.channel,)])
        if match.muscle is not None:
            axes.plot(*own.T, color=INK, linewidth=1, zorder=2)
            spots.extend(own)
            scores.extend([match.score] * len(own))
            both = " (both)" if match.side == "both" else ""
            code = "" if match.pair else f"{match.channel}  "
            labels.append((own.mean(axis=0), f"{code}{short_label(match.muscle)}{both}"))
        elif match.channel in montage.unmapped:
            axes.plot(*own.T, "o", mfc="white", mec=FAINT, ms=5, zorder=3)
            labels.append((own[0], f"{match.channel}  not mapped"))
    write(axes, labels)
    axes.set_aspect(FACE_ASPECT)
    axes.axis("off")
    axes.set_xlim(-172, 172)
    axes.set_ylim(-98, 86)
    for x, side in ((-EDGE, "subject's right"), (EDGE, "subject's left")):
        axes.text(x, -92, side, color=FAINT, ha="right" if x < 0 else "left")
    return axes.scatter(*np.array(spots).T, c=scores, cmap=MAP, vmin=0.4, vmax=1, s=26, zorder=4,
                        edgecolors="white", linewidths=0.6)  # fmt: skip


def write(axes: Any, labels: list[tuple[np.ndarray, str]]) -> None:
    """Labels in a column on either side, each with a line to its electrode."""
    for way in (-1, 1):
        own = sorted((tuple(spot), text) for spot, text in labels if spot[0] * way > 0)
        if way > 0:  # what lies on the midline has room on the left only
            own += [(tuple(spot), text) for spot, text in labels if spot[0] == 0]
        own.sort(key=lambda item: -item[0][1])
        height = 110.0
        for (x, y), text in own:
            height = min(height - LINE, y + LINE / 2)
            axes.plot([x, way * (EDGE - 3)], [y, height], color=HAIR, linewidth=0.5, zorder=1)
            axes.text(way * EDGE, height, text, color=INK, va="center",
                      ha="left" if way > 0 else "right")  # fmt: skip


def main() -> None:
    """Take the recording, the file to save to and the picture from the command line."""
    arguments = sys.argv[1:]
    edit(arguments[0] if arguments else "-", Path(arguments[1]) if arguments[1:] else DEFAULT)
    if arguments[2:]:
        picture(Path(arguments[2]))


if __name__ == "__main__":
    main()
