"""Shared memory: what is read is whole, however hard the other process writes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.shared import STATUS_BYTES, VALUES, SharedState, memory_folder

#: Writes as fast as it can; every message holds one number everywhere.
_HAMMER = """
import sys, numpy as np
from eifer.eifer_addon.live.shared import VALUES, SharedState
shared = SharedState(sys.argv[1])
values = np.zeros((), VALUES)
number = 0
print("ready", flush=True)
while True:
    number += 1
    for name in VALUES.names:
        values[name] = number % 251
    values["n_samples"] = number
    shared.write_values(values)
    if number % 16 == 0:
        shared.write_status({"number": number, "text": "x" * (number % 5000), "end": number})
"""


@pytest.fixture
def shared(tmp_path: Path) -> SharedState:
    return SharedState.create(tmp_path)


def test_nothing_was_written_yet(shared: SharedState) -> None:
    assert shared.read_values()["n_samples"] == 0
    assert shared.read_status() == (0, {})


def test_the_newest_message_is_read_by_another_mapping(shared: SharedState) -> None:
    other = SharedState(shared.path)
    values = np.zeros((), VALUES)
    for k in range(1, 20):
        values["n_samples"] = k
        values["coefficients"][:3] = k
        shared.write_values(values)
        shared.write_status({"k": k})
        assert other.read_values()["n_samples"] == k
        assert other.read_values()["coefficients"][2] == k
        assert other.read_status() == (k, {"k": k})


def test_what_was_read_stays_when_more_is_written(shared: SharedState) -> None:
    values = np.zeros((), VALUES)
    values["activity"] = 1.0
    shared.write_values(values)
    kept = shared.read_values()["activity"]
    values["activity"] = 2.0
    for _ in range(10):
        shared.write_values(values)
    assert (kept == 1.0).all()


def test_no_read_is_torn_while_a_process_writes(shared: SharedState) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _HAMMER, str(shared.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        seen, statuses, last = set(), set(), 0
        until = time.monotonic() + 60.0
        while (len(seen) < 3000 or len(statuses) < 100) and time.monotonic() < until:
            values = shared.read_values()
            number = int(values["n_samples"])
            assert number >= last
            last = number
            seen.add(number)
            if number:
                for name in VALUES.names:
                    expected = number if name == "n_samples" else number % 251
                    assert (values[name] == expected).all(), name
            _, status = shared.read_status()
            if status:
                assert status["number"] == status["end"]
                assert len(status["text"]) == status["number"] % 5000
                statuses.add(status["number"])
        assert len(seen) >= 3000
        assert len(statuses) >= 100
    finally:
        writer.kill()
        writer.wait(timeout=30)
        if writer.stdout is not None:
            writer.stdout.close()


def test_a_torn_message_is_not_taken(shared: SharedState) -> None:
    values = np.zeros((), VALUES)
    values["n_samples"] = 7
    shared.write_values(values)
    assert shared.read_values()["n_samples"] == 7
    values["n_samples"] = 8
    shared.write_values(values)
    content = bytearray(shared.path.read_bytes())
    place = content.rfind((8).to_bytes(8, "little"))
    content[place + 1] ^= 0xFF
    shared.path.write_bytes(content)
    assert SharedState(shared.path).read_values()["n_samples"] == 0
    assert shared.read_values()["n_samples"] == 7


def test_a_status_that_is_too_long_is_refused(shared: SharedState) -> None:
    with pytest.raises(EiferError, match="too long"):
        shared.write_status({"text": "x" * STATUS_BYTES})


@pytest.mark.parametrize("content", [b"", b"something else", b"\0" * 300_000])
def test_another_file_is_no_shared_memory(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "live.shared"
    path.write_bytes(content)
    with pytest.raises(EiferError, match="no shared memory"):
        SharedState(path)


def test_the_file_goes_with_the_session(tmp_path: Path) -> None:
    shared = SharedState.create(tmp_path)
    shared.close(remove=True)
    assert not list(tmp_path.iterdir())


def test_a_session_has_a_private_folder() -> None:
    folder = memory_folder()
    try:
        assert folder.stat().st_mode & 0o077 == 0
    finally:
        folder.rmdir()
