"""The commands in the documentation work as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from film_writer import write_film

from eifer.eifer_addon.cli import build_parser, main
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import Camera, render
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.models.synthetic.physiology import simulate_recording

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: Path, *, marked: bool) -> list[list[str]]:
    """Arguments of every command of EIFER on a page, or of the blocks marked ``sh``."""
    found = []
    for kind, block in _BLOCK.findall(page.read_text("utf-8")):
        if kind != "sh" and (marked or kind):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            plain = line.removeprefix("blender --command ")
            if plain.startswith("eifer "):
                found.append(shlex.split(plain, comments=True)[1:])
    return found


def film_of_a_head(path: Path) -> None:
    """Three frames of the open head."""
    head = load_open_head()
    camera = Camera.facing(head.template, 256, margin=1.4)
    picture = render(head.template, head.triangles, head.colours, camera).image
    write_film(path, [picture] * 3)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_is_understood(page: Path) -> None:
    for arguments in commands(page, marked=False):
        options = build_parser().parse_args(arguments)  # exits where an option is unknown
        assert options.verb == arguments[0]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page, marked=True)], ids=lambda page: page.name
)
def test_commands_that_are_marked_run_in_the_order_of_their_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, _ = simulate_recording(22.0, 1000.0, seed=1)
    write_edf(recording, tmp_path / "session.edf")
    for name in ("take.edf", "movements.edf"):
        (tmp_path / name).write_bytes((tmp_path / "session.edf").read_bytes())
    rows = np.round(recording.data(0, 4000)[-4:-2].T, 3)
    np.savetxt(tmp_path / "counts.csv", rows, "%.3f", ",", header="Zyg li,Zyg re", comments="")
    if page.name == "video.md":
        film_of_a_head(tmp_path / "interview.mp4")
    monkeypatch.chdir(tmp_path)
    for arguments in commands(page, marked=True):
        code = main(arguments)
        assert code == 0, (arguments, capsys.readouterr().err)


def test_the_pages_on_recordings_have_commands_that_run() -> None:
    marked = {page.name for page in PAGES if commands(page, marked=True)}
    assert {"formats.md", "signals.md", "recordings.md", "video.md"} <= marked
