"""From a stream to another program: the player, `eifer live`, and real receivers."""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live import lsl
from eifer.eifer_addon.live.play_settings import PlaySettings
from eifer.eifer_addon.live.player import Player
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.verbs.sending import add_sending_arguments, outgoing_of

PATIENCE_S = 60.0


@pytest.fixture
def receiver() -> Iterator[tuple[int, dict[str, float]]]:
    """The port of a VMC receiver, and the largest value of each name that it got."""
    largest: dict[str, float] = {}

    def keep(_address: str, name: str, value: float) -> None:
        largest[name] = max(value, largest.get(name, 0.0))

    dispatcher = Dispatcher()
    dispatcher.map("/VMC/Ext/Blend/Val", keep)
    server = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield int(server.server_address[1]), largest
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE_S)


def pull_until_ended(name: str, verb: subprocess.Popen[str]) -> tuple[np.ndarray, np.ndarray]:
    found = lsl.load_lsl().resolve_byprop("name", name, timeout=PATIENCE_S)
    inlet = lsl.load_lsl().StreamInlet(found[0], recover=False)
    assert lsl.facts_of(inlet.info(PATIENCE_S)).channels == ARKIT_NAMES
    values: list[Any] = []
    stamps: list[float] = []
    end = time.monotonic() + PATIENCE_S
    while verb.poll() is None and time.monotonic() < end:
        try:
            block, times = inlet.pull_chunk(timeout=0.1)
        except RuntimeError:  # the verb is over
            break
        values += block
        stamps += times
    return np.array(values), np.array(stamps)


def test_the_simulated_subjects_face_reaches_other_programs(
    unique_name: str, receiver: tuple[int, dict[str, float]], tmp_path: Path
) -> None:
    port, largest = receiver
    player = Player(PlaySettings(name=unique_name, duration_s=20.0))
    player.start()
    verb = subprocess.Popen(
        [sys.executable, "-m", "eifer.eifer_addon.cli", "live", "--source", unique_name,
         "--out", str(tmp_path / "take.npz"), "--seconds", "8", "--wait", "40",
         "--send-vmc", f"127.0.0.1:{port}", "--send-lsl", f"{unique_name} face"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        values, stamps = pull_until_ended(f"{unique_name} face", verb)
        said, _ = verb.communicate(timeout=PATIENCE_S)
    finally:
        verb.kill()
        player.close()
    assert verb.returncode == 0, said
    assert set(largest) == {name[0].upper() + name[1:] for name in ARKIT_NAMES}
    strongest = max(largest, key=largest.__getitem__)
    assert largest[strongest] > 0.3
    assert len(stamps) > 100
    assert np.all(np.diff(stamps) > 0)
    column = ARKIT_NAMES.index(strongest[0].lower() + strongest[1:])
    assert values[:, column].max() > 0.3


def chosen(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_sending_arguments(parser)
    return outgoing_of(parser.parse_args(arguments))


def test_receivers_are_named_with_or_without_a_port() -> None:
    assert chosen() == {}
    assert chosen("--send-vmc", "lab-pc")["vmc_port"] == 39539
    both = chosen("--send-vmc", "10.0.0.2:39540", "--send-osc", "[::1]:9001")
    assert (both["vmc_host"], both["vmc_port"]) == ("10.0.0.2", 39540)
    assert (both["osc_host"], both["osc_port"]) == ("::1", 9001)
    assert chosen("--send-osc", "::1")["osc_host"] == "::1"


@pytest.mark.parametrize(
    "wrong",
    [("--send-vmc", "host:port"), ("--send-vmc", "host:70000"),
     ("--send-osc", "host", "--osc-address", "/same")],
)  # fmt: skip
def test_impossible_receivers_are_refused(wrong: tuple[str, ...]) -> None:
    with pytest.raises(EiferError):
        chosen(*wrong)
