"""What a player sends, and when: the schedule without the sending."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.chunks import SEAM, Chunk, chunks_of
from eifer.eifer_addon.live.play_settings import PlaySettings
from eifer.eifer_addon.signals.recording import Event, Recording

RATE_HZ = 1000.0
EVENTS = (Event(0.1, "smile"), Event(0.005, "rest"), Event(0.2564, "brows", 0.3), Event(9.0, "x"))


def ramp(n_samples: int, rate_hz: float = RATE_HZ) -> Recording:
    """Channel 0 counts the samples, channel 1 counts them backwards."""
    count = np.arange(float(n_samples))
    return Recording.from_array(np.stack([count, -count]), rate_hz, ("n", "-n"), events=EVENTS)


def sent(recording: Recording, n_chunks: int | None = None, **settings: Any) -> list[Chunk]:
    return list(itertools.islice(chunks_of(recording, PlaySettings(**settings)), n_chunks))


@pytest.mark.parametrize("chunk", [1, 7, 32, 2500])
def test_each_sample_is_sent_once_whatever_the_chunk(chunk: int) -> None:
    chunks = sent(ramp(2345), chunk=chunk, loop=False)
    values = np.concatenate([c.samples for c in chunks])
    np.testing.assert_array_equal(values[:, 0], np.arange(2345.0))
    np.testing.assert_array_equal(values[:, 1], -np.arange(2345.0))
    assert [len(c.samples) for c in chunks[:-1]] == [chunk] * (len(chunks) - 1)


@pytest.mark.parametrize("chunk", [1, 7, 400])
def test_a_loop_goes_on_without_a_gap_and_names_its_seams(chunk: int) -> None:
    chunks = sent(ramp(300), n_chunks=1500 // chunk, chunk=chunk, loop=True)
    values = np.concatenate([c.samples for c in chunks])[:, 0]
    np.testing.assert_array_equal(values, np.arange(len(values)) % 300)
    markers = [marker for c in chunks for marker in c.markers]
    seams = [time_s for time_s, name in markers if name == SEAM]
    np.testing.assert_allclose(seams, 0.3 * np.arange(1, (len(values) - 1) // 300 + 1))
    assert markers == sorted(markers, key=lambda marker: marker[0])
    smiles = [time_s for time_s, name in markers if name == "smile"]
    np.testing.assert_allclose(smiles, [0.1 + 0.3 * k for k in range(len(smiles))])
    assert len(smiles) == (len(values) - 101) // 300 + 1
    assert chunks[-1].n_seams == (len(values) - 1) // 300


def test_an_event_keeps_its_exact_time() -> None:
    markers = [m for c in sent(ramp(1000), chunk=16, loop=False) for m in c.markers]
    assert [name for _, name in markers] == ["rest", "smile", "brows"]
    np.testing.assert_allclose([time_s for time_s, _ in markers], [0.005, 0.1, 0.2564])


def test_times_follow_from_indices_after_any_time() -> None:
    rate = 1000 / 3
    chunks = sent(ramp(1000, rate), n_chunks=20_000, chunk=10, loop=True)
    expected = (np.arange(1, 20_001) * 10 - 1) / rate
    np.testing.assert_array_equal([c.stamp_s for c in chunks], expected)
    np.testing.assert_array_equal([c.due_s for c in chunks], expected)


def test_a_higher_speed_is_a_higher_rate() -> None:
    stamps = [c.stamp_s for c in sent(ramp(1000), chunk=100, loop=False, speed=4.0)]
    np.testing.assert_allclose(stamps, (np.arange(1, 11) * 100 - 1) / 4000)
    events = [m for c in sent(ramp(1000), speed=4.0, loop=False) for m in c.markers]
    assert events[1] == (0.025, "smile")


def test_jitter_delays_the_sending_but_neither_times_nor_order() -> None:
    chunks = sent(ramp(1000), chunk=5, loop=False, jitter_ms=20.0, seed=4)
    late = np.array([c.due_s - c.stamp_s for c in chunks])
    assert late.min() >= 0
    assert 0.005 < late.mean() < 0.020
    assert late.max() < 0.020 + 0.005
    assert np.all(np.diff([c.due_s for c in chunks]) >= 0)
    np.testing.assert_array_equal(
        [c.stamp_s for c in chunks], [c.stamp_s for c in sent(ramp(1000), chunk=5, loop=False)]
    )


def test_whole_numbers_are_rounded_and_stay_in_range() -> None:
    data = np.array([[0.6, -1.5, 1e9, np.nan]])
    recording = Recording.from_array(data, 100.0, ("a",))
    (chunk,) = sent(recording, loop=False, channel_format="int16")
    assert chunk.samples.dtype == np.int16
    np.testing.assert_array_equal(chunk.samples[:, 0], [1, -2, 32767, 0])


def test_an_empty_recording_is_refused() -> None:
    with pytest.raises(EiferError, match="no samples"):
        sent(ramp(0))


@pytest.mark.parametrize(
    "wrong",
    [{"speed": 0}, {"speed": float("nan")}, {"chunk": 0}, {"jitter_ms": -1}, {"stamps": "now"},
     {"channel_format": "int8"}, {"seconds": 0}, {"name": ""}],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EiferError, match="is not possible"):
        PlaySettings(**wrong)


def test_settings_survive_json() -> None:
    settings = PlaySettings("a.edf", {"stream": "Amp"}, speed=2.0, name="x", seconds=3.0)
    assert PlaySettings.from_document(settings.to_document()) == settings
    assert PlaySettings("secret name.edf").stream_name == "EIFER playback"
    assert PlaySettings().stream_source_id == PlaySettings().stream_source_id
    assert PlaySettings().stream_source_id != PlaySettings(name="b").stream_source_id
