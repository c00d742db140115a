"""Damaged and hostile files of muscle activity: read rightly or refused with one sentence."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reader_fuzz import check_sentences, mutated, peak_memory, refusal

from eifer import api
from eifer.eifer_addon import exchange
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity

COUNT = int(os.environ.get("EIFER_FUZZ", "500"))
_MOST_MEMORY = 1 << 30


def some_activity() -> Activity:
    values = np.random.default_rng(0).random((12, 2)).astype(np.float32)
    return Activity(
        values, 100.0, ("zygomaticus.left", "corrugator.right"), np.ones(2), np.ones(2),
        ("Zyg li", "Corr re"), ("low-pass 6 Hz",), events=((0.0, "smile", 0.1),),
    )  # fmt: skip


def saved(folder: Path) -> Path:
    return some_activity().save(folder / "act.npz")


def table(folder: Path) -> Path:
    return api.export(some_activity(), folder / "act.csv")[0]


def derivative(folder: Path) -> Path:
    return api.export(some_activity(), folder / "deriv", subject="1", task="x")[0]


def sidecar(folder: Path) -> Path:
    return api.export(some_activity(), folder / "deriv", subject="1", task="x")[1]


FILES: dict[str, Callable[[Path], Path]] = {
    "npz": saved, "csv": table, "bids": derivative, "json": sidecar
}  # fmt: skip


@pytest.mark.parametrize("kind", list(FILES))
def test_mutated_and_cut_activities_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    path = FILES[kind](tmp_path)
    whole, generator = path.read_bytes(), np.random.default_rng(len(kind))
    damaged = [mutated(whole, generator) for _ in range(COUNT)]
    damaged += [whole[:end] for end in np.linspace(0, len(whole) - 1, 20).astype(int)]
    before, refused = peak_memory(), 0
    for data in damaged:
        path.write_bytes(data)
        try:
            back = api.read_activity(path)
        except EiferError as error:
            check_sentences(error)
            refused += 1
            continue
        assert np.isfinite(back.values).all()
        assert back.values.shape == (len(back), len(back.muscles))
        assert back.describe()
    assert refused > 0
    assert peak_memory() - before < _MOST_MEMORY


def changed(path: Path, before: str, after: str) -> Path:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return path


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("# eifer: activity", "# somebody: activity", "is no muscle activity of EIFER's"),
        ("time_s,zyg", "when,zyg", "lacks the time or the muscles"),
        ("time_s,zygomaticus.left", "time_s,a,zygomaticus.left", "Row 16 of act.csv has 3 cells"),
        ('# channels: ["Zyg li", "Corr re"]', '# channels: ["Zyg li"]', "does not fit its 2"),
        ("# rate_hz: 100.0", "# rate_hz: 50.0", "leave its 50 frames/s at frame 1"),
        ("# rate_hz: 100.0", "# rate_hz: -1", "does not fit its 2 muscles"),
        ("# scale: [1.0, 1.0]", "# scale: [1.0, 1.0", "line 'scale' of act.csv is damaged"),
        ("# events: [[0.0", "# events: [[null", "lacks a part of an activity"),
        ("# start_s: 0.0\n", "", "lacks a part of an activity"),
    ],
)
def test_a_wrong_header_is_named(before: str, after: str, words: str, tmp_path: Path) -> None:
    error = refusal(lambda: api.read_activity(changed(table(tmp_path), before, after)))
    assert words in error.cause
    assert "act.csv" in error.cause


@pytest.mark.parametrize("cell", ["nan", "abc", "", "1e999"])
def test_a_cell_that_is_no_number_is_named(cell: str, tmp_path: Path) -> None:
    path = table(tmp_path)
    lines = path.read_text().splitlines()
    time, _, second = lines[-1].split(",")
    path.write_text("\n".join([*lines[:-1], f"{time},{cell},{second}"]))
    error = refusal(lambda: api.read_activity(path))
    assert f"Row {len(lines)} of act.csv holds" in error.cause
    assert "'zygomaticus.left'" in error.cause


def test_a_missing_row_is_seen_in_the_times(tmp_path: Path) -> None:
    path = table(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-3] + lines[-2:]))
    assert "at frame 9" in refusal(lambda: api.read_activity(path)).cause


def test_a_derivative_whose_parts_do_not_fit_is_refused(tmp_path: Path) -> None:
    path = derivative(tmp_path)
    beside = path.with_name(path.name.replace(".tsv.gz", ".json"))
    whole = json.loads(beside.read_text())
    for key, value, words in (
        ("Columns", ["time", "zygomaticus.left"], "3 cells, but the header names 2"),
        ("Columns", "time", "does not describe"),
        ("Eifer", {}, "does not describe"),
        ("SoftwareFilters", "none", "filters in"),
    ):
        beside.write_text(json.dumps(whole | {key: value}))
        assert words in refusal(lambda: api.read_activity(path)).cause
    beside.unlink()
    assert "does not exist" in refusal(lambda: api.read_activity(path)).cause


def test_a_flood_in_a_small_derivative_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eifer.eifer_addon.exchange.table._MOST_UNPACKED", 1 << 16)
    path = derivative(tmp_path)
    path.write_bytes(gzip.compress(b"0\t1\t1\n" * 100_000))
    assert "MB of text" in refusal(lambda: api.read_activity(path)).cause


def test_what_is_no_activity_says_so(tmp_path: Path) -> None:
    assert "does not exist" in refusal(lambda: api.read_activity(tmp_path / "no.npz")).cause
    track = api.export(api.emg_to_expression(some_activity()), tmp_path / "t.csv")[0]
    assert "is a track" in refusal(lambda: api.read_activity(track)).cause
    empty = tmp_path / "e.csv"
    empty.write_bytes(b"")
    assert "holds no table" in refusal(lambda: api.read_activity(empty)).cause
    assert not exchange.is_activity(empty)
