"""The child process of a `muscle_analysis_process.MuscleProcess`: numbers first, then the page.

It is started with the interpreter that runs now, so that Blender's window lives on meanwhile.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import EiferError
from .muscle_analysis import compare_sources
from .muscle_analysis_compare import Choices
from .muscle_analysis_files import NAMES, save_analysis
from .muscle_analysis_inputs import measured_from, predict
from .muscle_page import write_page
from .muscle_page_html import write_html
from .processes import Parent
from .signals.activity import Activity
from .track import ExpressionTrack

#: Predicted activity on the film's own clock, for the take.
OWN_CLOCK = "film_activity.npz"


def main(arguments: list[str]) -> int:
    """Analyse what the request names, and say how far it is."""
    parent = Parent()
    folder = Path(arguments[0])
    asked = json.loads((folder / "request.json").read_text("utf-8"))
    try:
        _analyse(folder, asked, parent)
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    return 0


def _analyse(folder: Path, asked: dict[str, Any], parent: Parent) -> None:
    track = ExpressionTrack.load(folder / "track.npz")
    ours = predict(track, asked["model"] or None, scheme=asked["scheme"], name=asked["name"])
    parent.send({"part": 0.3})
    theirs = None
    if asked["activity"]:
        theirs = measured_from(Activity.load(folder / "measured.npz"))
    elif asked["recording"]:
        theirs = measured_from(
            asked["recording"], reading=asked["reading"], conversion=asked["conversion"]
        )
    parent.send({"part": 0.6})
    found = compare_sources(ours, theirs, sync=asked["sync"], how=Choices())
    parent.send({"part": 0.9})
    ours.activity.save(folder / OWN_CLOCK)
    out = folder / "out"
    save_analysis(found, out, overwrite=True, report=False)
    (folder / "words.txt").write_text(found.describe(), encoding="utf-8")
    parent.send({"analysed": True})
    write_page(out / NAMES["page"], found)
    write_html(out / NAMES["report"], found)
    parent.send({"reported": True})
