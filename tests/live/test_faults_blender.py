"""Two Blenders on one stream, of which one is killed: nobody loses anything.

Each is a process with bpy and the extension, connected as the panel does it, recording a take.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty_sender import Amplifier, FaultySender
from live_signals import CHANNELS, PATIENCE_S

from eifer.eifer_addon.live.journal import unfinished
from eifer.eifer_addon.live.takes import replay_journal
from eifer.eifer_addon.signals.journal_format import DATA, FRAM, Journal

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed here"),
    pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux"),
]
NAMES = (*CHANNELS[:-1], "counter")
_BLENDER = Path(__file__).parents[1] / "live_blender.py"


class Blender:
    """A process with bpy that does what it is told; see ``tests/live_blender.py``."""

    def __init__(self, stream: str, user: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_BLENDER), stream],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=os.environ | {"EIFER_CACHE": str(user)},
        )  # fmt: skip

    def ask(self, task: str, **values: Any) -> dict[str, Any]:
        """What it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": task, **values}) + "\n")
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise AssertionError(f"Blender ended at '{task}'")

    def kill(self) -> None:
        """End it without a goodbye, if it still runs."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE_S)

    def quit(self) -> int:
        """End it as a person does; the exit code."""
        self._process.communicate(timeout=PATIENCE_S)
        return self._process.returncode


@dataclass
class Story:
    """What happened to both.

    Attributes
    ----------
    takes : pathlib.Path
        Folder of the journals of the Blender that was killed.
    seen : int
        Samples that it had seen since its take began.
    offered : tuple of pathlib.Path
        What is left unfinished there before the next start.
    spared, recovered : dict
        What the other Blender said when its take ended, and the next one when it recovered the
        first one's.
    exit_code : int
        Of the other one.
    """

    takes: Path
    seen: int
    offered: tuple[Path, ...]
    spared: dict[str, Any]
    recovered: dict[str, Any]
    exit_code: int


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Two Blenders record the same stream; one is killed, the other goes on and stops."""
    name = f"two-blenders-{os.getpid()}"
    homes = [tmp_path_factory.mktemp(which) for which in ("killed", "spared")]
    sender, takes = FaultySender(Amplifier(name, NAMES)), homes[0] / "takes"
    first, second = blenders = [Blender(name, home) for home in homes]
    try:
        for blender in blenders:
            blender.ask("connect")
            blender.ask("record")
        killed = first.ask("run", samples=1500)
        first.kill()
        second.ask("run", samples=2000)
        spared = second.ask("stop")
        wait_for_the_end_of(int(killed["child"]))
        offered = unfinished(takes, fresh_s=0.0)
        blenders.append(Blender(name, homes[0]))
        recovered = blenders[-1].ask("recover")
        yield Story(takes, killed["seen"], offered, spared, recovered, second.quit())
    finally:
        for blender in blenders:
            blender.kill()
        sender.kill()


def wait_for_the_end_of(pid: int) -> None:
    """Until a process that is not ours is gone."""
    until = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists():
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        if state in "ZX":
            return
        assert time.monotonic() < until, "the live process outlives Blender"
        time.sleep(0.02)


def numbers_of(path: Path) -> np.ndarray:
    """The sender's numbers of a take's samples; the take is whole and replays bit for bit."""
    journal = Journal(path)
    assert not journal.notes
    live = np.concatenate([journal.frames(chunk)[3] for chunk in journal.of_kind(FRAM)])
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, live)
    return np.concatenate([
        journal.raw(journal.samples(chunk))[:, -1].astype(np.int64)
        for chunk in journal.of_kind(DATA)
    ])  # fmt: skip


def test_the_killed_blenders_take_is_whole(story: Story) -> None:
    (path,) = story.takes.glob("*.eiflog")
    assert story.offered == (path,)
    numbers = numbers_of(path)
    np.testing.assert_array_equal(np.diff(numbers), 1)
    # Its child went on until it noticed, so nothing that Blender has seen is missing.
    assert len(numbers) >= story.seen - 100


def test_the_next_start_offers_it_and_makes_it_a_take(story: Story) -> None:
    (path,) = story.offered
    assert story.recovered["path"] == str(path)
    assert story.recovered["left"] == 0
    assert story.recovered["seconds"] == pytest.approx(len(numbers_of(path)) / 1000.0, abs=0.2)
    assert unfinished(story.takes, fresh_s=0.0) == ()


def test_the_other_blender_notices_nothing(story: Story) -> None:
    said = story.spared
    assert said["lost"] == said["gaps"] == said["restarts"] == 0
    assert said["row_lost"] == said["row_gaps"] == 0
    numbers = numbers_of(Path(said["path"]))
    np.testing.assert_array_equal(np.diff(numbers), 1)
    assert len(numbers) >= 2000 - 100
    assert story.exit_code == 0
