"""The list of streams that a child process keeps for Blender."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.live.source_watch import SourceWatch
from eifer.eifer_addon.live.stream_facts import StreamFacts
from eifer.eifer_addon.processes import Child

Outlet = Callable[..., subprocess.Popen[str]]
SAMPLES = np.zeros((2, 10))
PATIENCE_S = 30.0


@pytest.fixture
def watch() -> Iterator[SourceWatch]:
    made = SourceWatch()
    yield made
    made.close()


def until(found: Callable[[], object]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.02)
    return False


def named(watch: SourceWatch, name: str) -> list[StreamFacts]:
    return [facts for facts in watch.poll() if facts.name == name]


def test_the_list_refreshes_by_itself(
    watch: SourceWatch, lsl_outlet: Outlet, unique_name: str
) -> None:
    watch.start()
    assert watch.poll() == ()
    sender = lsl_outlet(SAMPLES, 100.0, unique_name, channels=["Zyg li", "Zyg re"])
    assert until(lambda: named(watch, unique_name))
    assert until(lambda: named(watch, unique_name)[0].channels == ("Zyg li", "Zyg re"))
    sender.kill()
    assert until(lambda: not named(watch, unique_name))
    assert watch.error is None


def test_a_killed_list_says_so_and_comes_back(
    watch: SourceWatch, lsl_outlet: Outlet, unique_name: str
) -> None:
    lsl_outlet(SAMPLES, 100.0, unique_name)
    watch.start()
    assert until(lambda: named(watch, unique_name))
    assert watch._child is not None
    os.kill(watch._child.pid, signal.SIGKILL)
    assert until(lambda: watch.poll() == () and watch.error is not None)
    assert "ended" in str(watch.error)
    assert until(lambda: named(watch, unique_name))
    assert watch.error is None


def test_a_missing_library_becomes_a_sentence(
    watch: SourceWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "liblsl.so"
    damaged.write_bytes(b"not a library")
    monkeypatch.setenv("PYLSL_LIB", str(damaged))
    watch.start()
    assert until(lambda: watch.poll() == () and watch.error is not None)
    assert "liblsl could not be loaded" in str(watch.error)


def test_blenders_own_process_never_loads_liblsl() -> None:
    code = (
        "import sys; from eifer.eifer_addon.live.source_watch import SourceWatch\n"
        "watch = SourceWatch(); watch.start(); watch.poll(); watch.close()\n"
        "print('pylsl' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "False\n", done.stderr


def test_a_child_ends_when_its_parent_is_killed() -> None:
    code = (
        "import time; from eifer.eifer_addon.processes import Child\n"
        "child = Child('live.lister'); print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait(timeout=PATIENCE_S)
    parent.stdout.close()
    assert until(lambda: not is_running(child))


def test_a_child_goes_on_while_nobody_reads_what_it_says() -> None:
    code = (
        "from eifer.eifer_addon.processes import Parent\n"
        "parent = Parent()\n"
        "for k in range(20_000): parent.send({'report': k, 'text': 'x' * 90}, droppable=True)\n"
        "parent.send({'last': True})\n"
        "import sys; print('done', file=sys.stderr, flush=True); parent.ended.wait()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stderr.readline() == "done\n"
    child.stdin.close()
    said = [json.loads(line) for line in child.stdout]
    assert child.wait(timeout=PATIENCE_S) == 0
    assert said[-1] == {"last": True}
    assert [message["report"] for message in said[:50]] == list(range(50))
    assert 100 < len(said) < 20_000
    child.stdout.close()
    child.stderr.close()


HOSTILE = """
import sys
from eifer.eifer_addon.live.lsl import load_lsl
lsl, kept = load_lsl(), []
def info(name, n_channels):
    return lsl.StreamInfo(sys.argv[1] + name, "EMG", n_channels, 100, "float32", name)
deep = info('-deep <&>"\\n', 2)
element = deep.desc()
for _ in range(20_000):
    element = element.append_child("a")
long = info("-long", 2)
channels = long.desc().append_child("channels")
for _ in range(50_000):
    channels.append_child("channel").append_child_value("label", "y" * 200)
kept = [lsl.StreamOutlet(one) for one in (deep, long, info("-many", 100_000))]
print("ready", flush=True)
sys.stdin.read()
"""


def test_hostile_streams_are_listed_and_take_nothing_down(
    watch: SourceWatch, unique_name: str
) -> None:
    sender = subprocess.Popen(
        [sys.executable, "-c", HOSTILE, unique_name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert sender.stdin is not None
    assert sender.stdout is not None
    try:
        assert sender.stdout.readline() == "ready\n"
        watch.start()

        def channels() -> dict[str, tuple[str, ...]]:
            mine = [facts for facts in watch.poll() if facts.name.startswith(unique_name)]
            return {facts.name.removeprefix(unique_name): facts.channels for facts in mine}

        long = ("y" * 80, "y" * 80 + " (2)")
        assert until(lambda: len(channels()) == 3 and channels()["-long"] == long)
        assert channels()["-many"] == ()
        assert channels()['-deep <&>"\n'] == ("channel 1", "channel 2")
        assert watch.error is None
    finally:
        sender.kill()
        sender.wait(timeout=PATIENCE_S)
        sender.stdin.close()
        sender.stdout.close()


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_what_a_child_said_last_is_kept() -> None:
    child = Child("live.no_such_module")
    assert until(lambda: not child.is_alive)
    assert child.messages() == []
    assert "no_such_module" in child.last_words()
    assert child.send({"too": "late"}) in (True, False)
    child.close()
    assert not child.send({"too": "late"})
