"""Streams on the network: finding, describing and choosing them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live import lsl
from eifer.eifer_addon.live.stream_facts import (
    MOST_CHANNELS,
    StreamFacts,
    StreamSelector,
    channel_rows,
)

Outlet = Callable[..., subprocess.Popen[str]]
SAMPLES = np.arange(30.0).reshape(3, 10)


def until(found: Callable[[], object], patience_s: float = 20.0) -> bool:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.05)
    return False


def test_streams_are_found_with_names_and_units(lsl_outlet: Outlet, unique_name: str) -> None:
    names = ["Zyg li", "Zyg li", "µ <&>"]
    lsl_outlet(SAMPLES, 500.0, unique_name, source_id="amp-7", channels=names,
               units=["µV", "uV", ""], format="int16")  # fmt: skip
    (facts,) = lsl.find_streams(1.0, StreamSelector(name=unique_name))
    assert facts.source_id == "amp-7"
    assert (facts.n_channels, facts.rate_hz, facts.channel_format) == (3, 500.0, "int16")
    assert facts.channels == ("Zyg li", "Zyg li (2)", "µ <&>")
    assert facts.units == ("uV", "uV", "?")
    assert facts.channel_types == ("EMG",) * 3
    assert facts.holds_signal
    assert StreamFacts.from_document(facts.to_document()) == facts


def test_a_stream_without_description_gets_numbered_channels(
    lsl_outlet: Outlet, unique_name: str
) -> None:
    lsl_outlet(SAMPLES, 100.0, unique_name)
    (facts,) = lsl.find_streams(1.0, StreamSelector(name=unique_name))
    assert facts.channels == ("channel 1", "channel 2", "channel 3")
    assert facts.units == ("?", "?", "?")


def test_the_list_follows_what_comes_and_goes(lsl_outlet: Outlet, unique_name: str) -> None:
    watched = lsl.WatchedStreams(forget_after_s=1.0)
    selector = StreamSelector(name=unique_name)

    def present() -> list[StreamFacts]:
        return [facts for facts in watched.poll() if selector.matches(facts)]

    assert not present()
    sender = lsl_outlet(SAMPLES, 100.0, unique_name, channels=["a", "b", "c"])
    assert until(present)
    assert until(lambda: present()[0].channels == ("a", "b", "c"))
    sender.kill()
    assert until(lambda: not present())
    watched.close()


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([], ("channel 1", "channel 2")),
        ([{"label": "a"}], ("a", "channel 2")),
        ([{"label": "a"}, {"label": "b"}, {"label": "c"}], ("a", "b")),
        ([{"label": "a\nb\x00\x1b[31m"}, {"label": "  "}], ("a b [31m", "channel 2")),
        ([{"label": "x" * 10**6}, {"label": "&lol;<!ENTITY"}], ("x" * 80, "&lol;<!ENTITY")),
    ],
)
def test_hostile_descriptions_become_short_names(
    rows: list[dict[str, str]], names: tuple[str, ...]
) -> None:
    assert channel_rows(rows, 2)[0] == names


def test_a_stream_that_claims_too_many_channels_costs_no_memory() -> None:
    assert channel_rows([], 2**31 - 1) == ((), (), ())
    assert len(channel_rows([], MOST_CHANNELS)[0]) == MOST_CHANNELS


def facts(name: str, **details: object) -> StreamFacts:
    given = {"type": "EMG", "source_id": f"{name}-id", "n_channels": 2, "rate_hz": 1000.0}
    return StreamFacts(name, **{**given, **details})  # type: ignore[arg-type]


def test_a_selector_chooses_one_stream_or_says_why_not() -> None:
    amp, other = facts("Amp"), facts("Amp", source_id="second")
    cues = facts("Cues", type="Markers", channel_format="string", rate_hz=0.0)
    there = (amp, other, cues)
    assert StreamSelector(source_id="second").choose(there) == other
    assert StreamSelector(type="emg", source_id="Amp-id").choose(there) == amp
    with pytest.raises(EiferError, match=r"2 streams fit name 'Amp'.*source id 'second'"):
        StreamSelector(name="Amp").choose(there)
    with pytest.raises(EiferError, match="no signal with a sampling rate"):
        StreamSelector(name="Cues").choose(there)
    with pytest.raises(EiferError, match=r"No stream fits name 'Emp'.*Cues"):
        StreamSelector(name="Emp").choose(there)
    assert StreamSelector.of(amp) == StreamSelector(source_id="Amp-id")
    selector = StreamSelector(name="Amp", hostname="lab")
    assert StreamSelector.from_document(selector.to_document()) == selector


def in_a_new_process(code: str, **environment: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_missing_library_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    damaged = tmp_path / "liblsl.so"
    damaged.write_bytes(b"not a library")
    said = in_a_new_process(
        "from eifer.eifer_addon.live.lsl import load_lsl\n"
        "from eifer.eifer_addon.errors import EiferError\n"
        "try: load_lsl()\n"
        "except EiferError as error: print('EiferError', error.cause, '|', error.remedy)",
        PYLSL_LIB=str(damaged),
    )
    assert "EiferError liblsl could not be loaded" in said
    assert "PYLSL_LIB" in said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pylsl brings liblsl elsewhere")
def test_an_installed_mne_lsl_does_where_the_assets_were_not_built(tmp_path: Path) -> None:
    pytest.importorskip("mne_lsl", reason="mne-lsl is not installed here")
    said = in_a_new_process(
        "from eifer.eifer_addon.live import lsl\n"
        "print(lsl.find_library(), lsl.load_lsl().library_version())",
        EIFER_ASSETS=str(tmp_path),
    )
    assert "mne_lsl" in said
    assert int(said.split()[-1]) >= 116
