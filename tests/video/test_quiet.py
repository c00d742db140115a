"""Standard error without LiteRT's greeting, and with everything else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eifer.eifer_addon.video.quiet import Greeting

MAKE = """
import os, sys
from eifer.eifer_addon.video.landmarker import FaceLandmarker
os.write(2, b"before\\n")
FaceLandmarker(sys.argv[1])
FaceLandmarker(sys.argv[1])
os.write(2, b"after\\n")
"""


def test_the_networks_are_made_without_a_word(test_data: Path) -> None:
    model = test_data / "models" / "face_landmarker.task"
    command = [sys.executable, "-c", MAKE, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (0, ["before", "after"])


def fail(greeting: Greeting) -> None:
    with greeting.unheard():
        os.write(2, b"INFO: hello\nERROR: a node is unknown\n")
        raise ValueError("broken")


def test_all_but_the_greeting_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    greeting = Greeting(b"INFO: hello")
    with pytest.raises(ValueError, match="broken"):
        fail(greeting)
    with greeting.unheard():
        os.write(2, b"WARNING: slow\nINFO: hello\n")
    with greeting.unheard():
        os.write(2, b"INFO: hello\n")
    told = capfd.readouterr().err.splitlines()
    assert told == ["ERROR: a node is unknown", "WARNING: slow", "INFO: hello"]
