"""The journal: lossless, readable after every kind of end, and refused when it is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eifer.eifer_addon import cli
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.journal import JournalWriter, read_journal, settle, unfinished
from eifer.eifer_addon.live.pipeline import Frames
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.signals.journal_format import ENDS, MARK, ORPHANED, Journal
from eifer.eifer_addon.signals.readers import read_recording

CHANNELS = ("zygomaticus left", "corrugator right", "trigger")
RATE_HZ = 1000.0


def header(dtype: str = "f4", **changes: Any) -> dict[str, Any]:
    return {
        "format_version": 1, "take": "smile", "subject": "S1", "created": "2026-01-01T00:00:00",
        "settings": LiveSettings(recording="none").to_document(), "stream": {"name": "Amp"},
        "channels": list(CHANNELS), "units": ["uV", "µV", "?"], "rate_hz": RATE_HZ,
        "dtype": dtype, "muscles": ["zygomaticus.left"], "space": "arkit52",
        "frame_rate_hz": 500.0, **changes,
    }  # fmt: skip


def samples_of(dtype: str, n: int = 1000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=(n, 3)).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return rng.integers(low, high, size=(n, 3), dtype=dtype, endpoint=True)


def frames_of(start: int, stop: int) -> Frames:
    times = np.arange(start, stop) / 500.0
    return Frames(times, np.full((stop - start, 1), 0.5, np.float32),
                  np.full((stop - start, 52), 0.25, np.float32))  # fmt: skip


def write(path: Path, samples: np.ndarray, *, cuts: tuple[int, ...] = (), **changes: Any) -> Path:
    """A journal whose samples were written in pieces; `gap_at` marks 50 missing samples."""
    gap_at, end = changes.pop("gap_at", None), changes.pop("end", "stopped")
    writer = JournalWriter(path, header(samples.dtype.str[1:], **changes), {"a": np.arange(3)})
    places = sorted({0, *cuts, *([gap_at] if gap_at else []), len(samples)})
    for start, stop in pairwise(places):
        late = 0.05 if gap_at is not None and start >= gap_at else 0.0
        if start == gap_at:
            writer.gap(50, "lost on the way")
        times = 100.0 + late + np.arange(start, stop) / RATE_HZ
        writer.add(samples[start:stop], times + 0.001, times, frames_of(start // 2, stop // 2))
        writer.flush(1e9 + start)
    writer.note(MARK, name="smile", timestamp_s=100.1)
    if end:
        writer.close(end)
    else:
        writer.flush(2e9)
    assert writer.failure is None
    return path


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i2", "i4", "i8"])
def test_samples_come_back_as_they_were_sent(dtype: str, tmp_path: Path) -> None:
    samples = samples_of(dtype)
    path = write(tmp_path / "take.eiflog", samples, cuts=(1, 7, 300, 301))
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.data(), samples.T.astype(np.float64))
    np.testing.assert_array_equal(recording.data(5, 305), samples[5:305].T.astype(np.float64))
    np.testing.assert_array_equal(recording.channel(1, 299, 999), samples[299:999, 1])
    assert recording.data(10, 10).shape == (3, 0)
    journal = Journal(path)
    rows = [journal.samples(chunk) for chunk in journal.of_kind(b"DATA")]
    assert journal.raw(rows[0]).dtype == np.dtype(dtype)
    received = np.concatenate([journal.received(row) for row in rows])
    np.testing.assert_array_equal(received, 100.0 + np.arange(1000) / RATE_HZ + 0.001)
    np.testing.assert_allclose(np.concatenate([r.times for r in rows]), received - 0.001)


def test_a_journal_says_where_it_comes_from(tmp_path: Path) -> None:
    recording = read_journal(write(tmp_path / "take.eiflog", samples_of("f4")))
    assert recording.channels == CHANNELS
    assert recording.units == ("uV", "uV", "?")
    assert recording.rate_hz == RATE_HZ
    assert [(e.name, round(e.onset_s, 6)) for e in recording.events] == [("smile", 0.1)]
    assert recording.source["take"] == "smile"
    assert recording.source["stream"] == "Amp"
    assert recording.source["first_timestamp_s"] == 100.0


def test_frames_and_state_come_back(tmp_path: Path) -> None:
    journal = Journal(write(tmp_path / "take.eiflog", samples_of("f4"), cuts=(500,)))
    found = [journal.frames(chunk) for chunk in journal.of_kind(b"FRAM")]
    assert [f[0] for f in found] == [0, 250]
    np.testing.assert_array_equal(np.concatenate([f[1] for f in found]), np.arange(500) / 500.0)
    assert found[1][2].shape == (250, 1)
    assert found[1][3].shape == (250, 52)
    (state,) = journal.of_kind(b"STAT")
    np.testing.assert_array_equal(journal.state(state)["a"], np.arange(3))
    assert journal.end == {"sample": 1000, "reason": "stopped"}


def test_a_clock_that_drifts_gives_the_measured_rate(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "take.eiflog", header(), {})
    times = np.arange(20_000) / 1001.0
    writer.add(np.zeros((20_000, 3), np.float32), times, times, frames_of(0, 0))
    writer.close()
    recording = read_recording(tmp_path / "take.eiflog")
    assert recording.rate_hz == pytest.approx(1001.0, rel=1e-9)
    assert "clock measured 1001 Hz" in recording.source["notes"][0]


def test_a_file_cut_anywhere_gives_every_whole_chunk(tmp_path: Path) -> None:
    samples = samples_of("i2", 400)
    whole = write(tmp_path / "take.eiflog", samples, cuts=(100, 200, 300), end="")
    data = whole.read_bytes()
    rows = Journal(whole).of_kind(b"DATA")
    ends = [row.start + row.length for row in rows]
    cut = tmp_path / "cut.eiflog"
    for size in {*range(ends[0], len(data), 97), *ends, *(end - 1 for end in ends)}:
        cut.write_bytes(data[:size])
        expected = 100 * sum(end <= size for end in ends)
        if expected:
            np.testing.assert_array_equal(read_recording(cut).data(), samples[:expected].T)
        else:
            with pytest.raises(EiferError, match="holds no samples"):
                read_recording(cut)
    for size in range(0, rows[0].start, 50):
        cut.write_bytes(data[:size])
        with pytest.raises(EiferError):
            read_recording(cut)


def test_a_damaged_chunk_costs_itself_alone(tmp_path: Path) -> None:
    samples = samples_of("f4", 300)
    path = write(tmp_path / "take.eiflog", samples, cuts=(100, 200))
    data = bytearray(path.read_bytes())
    second = Journal(path).of_kind(b"DATA")[1]
    data[second.start + second.length // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(EiferError, match="2 stretches without a break"):
        read_recording(path)
    first, last = read_journal(path, 0), read_journal(path, 1)
    np.testing.assert_array_equal(first.data(), samples[:100].T)
    np.testing.assert_array_equal(last.data(), samples[200:].T)
    assert any(note.startswith("damaged") for note in last.source["notes"])


def test_a_gap_is_a_break_and_is_never_filled(tmp_path: Path) -> None:
    samples = samples_of("f4", 500)
    path = write(tmp_path / "take.eiflog", samples, gap_at=200)
    with pytest.raises(EiferError, match=r"0: 200 samples from 0\.0 s to 0\.2 s, 1: 300 samples"):
        read_recording(path)
    np.testing.assert_array_equal(read_journal(path, 1).data(), samples[200:].T)
    with pytest.raises(EiferError, match="no stretch 2"):
        read_journal(path, 2)


def test_an_interrupted_take_goes_on_as_another_part(tmp_path: Path) -> None:
    samples = samples_of("f4", 300)
    path = write(tmp_path / "take.eiflog", samples[:200], cuts=(100,), end="")
    with path.open("ab") as stream:  # a chunk that was cut off
        stream.write(path.read_bytes()[-60:-10])
    writer = JournalWriter(path, header(), {}, append=True)
    assert writer.n_samples == 200
    writer.gap(0, "started again")
    times = 101.0 + np.arange(100) / RATE_HZ
    writer.add(samples[200:], times, times, frames_of(100, 150))
    writer.close()
    journal = Journal(path)
    assert not journal.notes
    assert len(journal.of_kind(b"HEAD")) == 2
    assert [journal.samples(c).first for c in journal.of_kind(b"DATA")] == [0, 100, 200]
    np.testing.assert_array_equal(read_journal(path, 1).data(), samples[200:].T)


def test_another_source_is_no_part_of_a_take(tmp_path: Path) -> None:
    path = write(tmp_path / "take.eiflog", samples_of("f4"), end="")
    size = path.stat().st_size
    with pytest.raises(EiferError, match="other channels"):
        JournalWriter(path, header(channels=["a", "b", "c"]), {}, append=True)
    assert path.stat().st_size == size
    with pytest.raises(EiferError, match="exists already"):
        JournalWriter(path, header(), {})


def test_journals_that_were_cut_off_are_offered_until_they_are_settled(tmp_path: Path) -> None:
    write(tmp_path / "done.eiflog", samples_of("f4"))
    cut = write(tmp_path / "cut.eiflog", samples_of("f4"), end="")
    orphan = write(tmp_path / "orphan.eiflog", samples_of("f4"), end=ORPHANED)
    (tmp_path / "other.eiflog").write_bytes(b"no journal")
    for age, path in enumerate((orphan, cut)):
        os.utime(path, (1e9 - age, 1e9 - age))
    assert unfinished(tmp_path) == (cut, orphan)
    fresh = write(tmp_path / "fresh.eiflog", samples_of("f4"), end="")
    assert fresh not in unfinished(tmp_path)
    assert fresh in unfinished(tmp_path, fresh_s=0.0)
    before = read_recording(cut).data()
    settle(cut)
    settle(orphan)
    assert unfinished(tmp_path, fresh_s=0.0) == (fresh,)
    np.testing.assert_array_equal(read_recording(cut).data(), before)
    assert Journal(cut).chunks[-1].kind == ENDS


_FULL_DISK = """
import resource, sys
import numpy as np
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, sys.argv[2] + "/live")
from test_journal import JournalWriter, frames_of, header
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
writer = JournalWriter(sys.argv[1], header(), {})
for k in range(100):
    times = (np.arange(1000) + 1000 * k) / 1000.0
    writer.add(np.full((1000, 3), k, np.float32), times, times, frames_of(500 * k, 500 * k + 500))
    writer.flush(1e9 + k)
writer.close()
print(writer.failure)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of files")
def test_a_full_disk_stops_the_take_and_keeps_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "take.eiflog"
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(path), tests],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "take.eiflog could not be written: the file grew larger than is allowed" in done.stdout
    assert not Journal(path).notes
    recording = read_recording(path)
    assert recording.n_samples % 1000 == 0
    assert recording.n_samples > 0
    np.testing.assert_array_equal(
        recording.data()[0], np.repeat(np.arange(recording.n_samples // 1000), 1000)
    )


def test_inspect_shows_a_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "take.eiflog", samples_of("f4"))
    assert cli.main(["inspect", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["source"]["format"] == "eiflog"
    assert [row["samples"] for row in said["contents"]] == [1000] * 3
    write(tmp_path / "gap.eiflog", samples_of("f4"), gap_at=10)
    assert cli.main(["inspect", str(tmp_path / "gap.eiflog")]) == 0
    assert "has gaps" in capsys.readouterr().out


def test_a_take_with_one_damaged_header_field_is_refused_with_a_sentence(tmp_path: Path) -> None:
    for changes in ({"dtype": "no type"}, {"channels": 3}, {"rate_hz": "fast"}):
        path = tmp_path / f"{next(iter(changes))}.eiflog"
        JournalWriter(path, {**header(), **changes}, {}).close()
        with pytest.raises(EiferError, match="lacks a part"):
            read_recording(path)
    newer = tmp_path / "newer.eiflog"
    JournalWriter(newer, header(format_version=99), {}).close()
    with pytest.raises(EiferError, match="newer EIFER"):
        read_recording(newer)
