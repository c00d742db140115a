"""Every recording that cannot be used is refused with one sentence of cause and one of remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import edfio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.signals.recording import Recording

RATE = 1000


def edf_file(path: Path, seconds: int = 5, **details: object) -> Path:
    """A whole EDF file of two channels with records of one second."""
    samples = np.random.default_rng(0).normal(0, 50, (2, seconds * RATE))
    signals = [
        edfio.EdfSignal(row, RATE, label=label, physical_dimension="uV")
        for row, label in zip(samples, ("Zyg li", "Corr re"), strict=True)
    ]
    edfio.Edf(signals, data_record_duration=1, **details).write(path)  # type: ignore[arg-type]
    return path


def check_sentences(error: EiferError) -> None:
    """A cause and a remedy, each ending as a sentence does, on one line."""
    assert error.cause.endswith(".")
    assert error.remedy.endswith(".")
    assert "\n" not in str(error)


def refusal(action: Callable[[], object]) -> EiferError:
    """The error that `action` raises; its cause is one sentence and its remedy too."""
    with pytest.raises(EiferError) as caught:
        action()
    check_sentences(caught.value)
    return caught.value


def patched(path: Path, offset: int, content: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    path.write_bytes(bytes(data))
    return path


def test_a_missing_file_a_folder_and_an_empty_file_are_named(tmp_path: Path) -> None:
    assert "does not exist" in refusal(lambda: read_recording(tmp_path / "no.edf")).cause
    assert "is a folder" in refusal(lambda: read_recording(tmp_path)).cause
    (tmp_path / "empty.edf").touch()
    assert "empty.edf is empty" in refusal(lambda: read_recording(tmp_path / "empty.edf")).cause


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are of POSIX systems")
def test_a_file_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edf_file(tmp_path / "a.edf")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything: let the system say no
        monkeypatch.setattr(os, "access", lambda *_: False)
    error = refusal(lambda: read_recording(path))
    assert "no permission to read" in error.cause


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04\0\0",
        b"A letter to a friend.\n",
    ],
)
def test_another_kind_of_file_is_refused_with_the_kinds_that_are_read(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.bin").write_bytes(content * 20)
    error = refusal(lambda: read_recording(tmp_path / "a.bin"))
    assert "a.bin is not a recording" in error.cause
    assert "EDF" in error.remedy


def test_an_edf_that_is_none_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.edf").write_bytes(b"\x89PNG" * 100)
    assert "not an EDF file" in refusal(lambda: read_recording(tmp_path / "a.edf")).cause


@pytest.mark.parametrize(
    ("kept_records", "sentence"),
    [(4, "data record 5 is missing"), (2, "data records 3 to 5 are missing")],
)
def test_truncated_edf_names_the_missing_record(
    tmp_path: Path, kept_records: int, sentence: str
) -> None:
    path = edf_file(tmp_path / "a.edf")
    whole = path.read_bytes()
    record = 2 * 2 * RATE
    path.write_bytes(whole[: 3 * 256 + kept_records * record + 77])
    error = refusal(lambda: read_recording(path))
    assert sentence in error.cause
    assert f"{kept_records} s of 5 s" in error.cause
    part = read_recording(path, partial=True)
    assert part.n_samples == kept_records * RATE
    assert "missing" in part.source["notes"][0]
    path.write_bytes(whole)
    np.testing.assert_array_equal(part.data(), read_recording(path).data(0, kept_records * RATE))


def test_an_edf_cut_anywhere_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = edf_file(tmp_path / "a.edf", annotations=[edfio.EdfAnnotation(1, None, "smile")])
    whole = path.read_bytes()
    for end in range(1, len(whole), 397):
        (tmp_path / "cut.edf").write_bytes(whole[:end])
        assert "cut.edf" in refusal(lambda: read_recording(tmp_path / "cut.edf")).cause


@pytest.mark.parametrize(
    ("offset", "content"),
    [
        (236, b"99999999"), (236, b"lots    "), (244, b"0       "),
        (244, b"-1      "), (244, b"nan     "), (252, b"9999"), (252, b"0   "), (252, b"-3  "),
        (184, b"256     "), (256 + 2 * 216, b"99999999"), (256 + 2 * 216, b"-1      "),
        (256 + 2 * 216, b"1.5     "), (256 + 2 * 104, b"abc     "),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(tmp_path: Path, offset: int, content: bytes) -> None:
    path = patched(edf_file(tmp_path / "a.edf"), offset, content)

    def use() -> None:
        recording = read_recording(path)
        to_activity(recording)

    assert "a.edf" in refusal(use).cause


@pytest.mark.parametrize("announced", [b"-1      ", b"0       ", b"3       "])
def test_an_edf_with_more_records_than_announced_is_read_and_said(
    tmp_path: Path, announced: bytes
) -> None:
    recording = read_recording(patched(edf_file(tmp_path / "a.edf"), 236, announced))
    assert recording.n_samples == 5 * RATE
    assert "5" in recording.source["notes"][0]


@settings(
    max_examples=300, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 255)), min_size=1, max_size=4))
def test_mutated_edf_headers_are_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    source = tmp_path / "whole.edf"
    if not source.exists():
        edf_file(source, 1, annotations=[edfio.EdfAnnotation(0.5, None, "smile")])
    data = bytearray(source.read_bytes())
    for offset, value in changes:
        data[offset] = value
    (tmp_path / "mutated.edf").write_bytes(bytes(data))
    try:
        recording = read_recording(tmp_path / "mutated.edf", partial=True)
        to_activity(recording, montage={recording.channels[0]: "zygomaticus"})
    except EiferError as error:
        check_sentences(error)


def test_a_discontinuous_edf_is_refused(tmp_path: Path) -> None:
    path = edf_file(tmp_path / "a.edf", annotations=[])
    data = path.read_bytes().replace(b"EDF+C", b"EDF+D", 1)
    assert data.count(b"+3\x14\x14") == 1
    path.write_bytes(data.replace(b"+3\x14\x14", b"+9\x14\x14"))
    error = refusal(lambda: read_recording(path))
    assert "discontinuous" in error.cause
    assert "EDF+C" in error.remedy


def test_raw_emg_below_a_hundred_hertz_is_refused_but_envelopes_are_not(tmp_path: Path) -> None:
    rows = "\n".join(f"{k / 50:.2f},{k % 7}" for k in range(200))
    (tmp_path / "slow.csv").write_text(f"time (s),Zyg li\n{rows}\n")
    error = refusal(lambda: read_recording(tmp_path / "slow.csv"))
    assert "50 Hz, too slow for raw EMG" in error.cause
    assert "envelope=True" in error.remedy
    assert read_recording(tmp_path / "slow.csv", envelope=True).holds_envelope
    recording = Recording.from_array(np.ones((1, 100)), 50.0, ("Zyg li",))
    assert "too slow" in refusal(lambda: to_activity(recording)).cause


def table(path: Path, **cells: str) -> Path:
    """A thousand rows of time and two channels, with some cells replaced: r12c1="text"."""
    lines = ["time (s),Zyg li,Corr re"]
    for row in range(1000):
        values = [f"{row / 1000:.3f}", f"{row % 7}.5", f"{row % 5}.25"]
        values = [cells.get(f"r{row}c{k}", value) for k, value in enumerate(values)]
        lines.append(",".join(value for value in values if value != "CUT"))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_nan_channels_are_named_with_their_frames(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", r12c1="NaN", r700c1="")
    error = refusal(lambda: read_recording(path))
    assert "Channel 'Zyg li' of a.csv has 2 of 1000 values" in error.cause
    assert "frame 12, 700" in error.cause
    assert "drop=['Zyg li']" in error.remedy
    assert read_recording(path, drop=["Zyg li"]).channels == ("Corr re",)


def test_a_channel_of_nothing_but_nan_is_named(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", **{f"r{k}c2": "nan" for k in range(1000)})
    assert (
        "Channel 'Corr re' of a.csv holds no numbers" in refusal(lambda: read_recording(path)).cause
    )


def test_not_a_number_in_memory_is_found_before_it_spreads() -> None:
    samples = np.random.default_rng(0).normal(0, 1, (2, 4000))
    samples[1, 1234] = np.inf
    recording = Recording.from_array(samples, 1000.0, ("Zyg li", "Corr re"))
    assert "frame 1234" in refusal(lambda: to_activity(recording)).cause


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"r500c2": "CUT"}, "Line 502 of a.csv has 2 columns instead of 3"),
        ({"r500c2": "oops"}, "Line 502 of a.csv holds 'oops' in column 'Corr re'"),
        (
            {f"r{k}c0": f"{k / 1000 + 3:.3f}" for k in range(400, 1000)},
            "jumps by 3.001 at line 402",
        ),
        ({f"r{k}c0": "1.0" for k in range(1000)}, "does not increase"),
    ],
)
def test_a_broken_table_names_the_line(
    tmp_path: Path, cells: dict[str, str], sentence: str
) -> None:
    path = table(tmp_path / "a.csv", **cells)
    assert sentence in refusal(lambda: read_recording(path)).cause


def test_a_table_without_a_rate_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Zyg li,Corr re\n1,2\n3,4\n")
    error = refusal(lambda: read_recording(tmp_path / "a.csv"))
    assert "says no sampling rate" in error.cause
    assert "rate_hz=" in error.remedy


@pytest.mark.parametrize(
    "text", ["Zyg li,Corr re\n", "time,time\n1,2\n3,4\n", "a,b,c\n1,2\n3,4\n", "# only a comment\n"]
)
def test_tables_without_usable_rows_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert "a.csv" in refusal(lambda: read_recording(tmp_path / "a.csv", rate_hz=1000)).cause


@settings(
    max_examples=200, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=5))
def test_mutated_tables_are_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    source = tmp_path / "whole.csv"
    if not source.exists():
        table(source)
    data = bytearray(source.read_bytes())
    for offset, value in changes:
        data[offset] = value
    (tmp_path / "mutated.csv").write_bytes(bytes(data))
    try:
        recording = read_recording(tmp_path / "mutated.csv")
        assert np.isfinite(recording.data()).all()
    except EiferError as error:
        check_sentences(error)


def test_a_damaged_fmov_file_names_the_line(tmp_path: Path) -> None:
    good = "\t".join(["1.0", "0.1", "0.1", "0.01", "0.01", "0", "0", "0"]) + "\t\n"
    (tmp_path / "a.txt").write_text(good * 100 + "1.0\t0.1\n")
    error = refusal(lambda: read_recording(tmp_path / "a.txt"))
    assert "Line 101 of a.txt has 2 columns" in error.cause


def test_zero_mapped_channels_list_what_was_found(tmp_path: Path) -> None:
    recording = Recording.from_array(
        np.random.default_rng(0).normal(size=(2, 4000)), 1000.0, ("EEG A", "EEG B")
    )
    error = refusal(lambda: to_activity(recording))
    assert "EEG A, EEG B" in error.cause
    assert "zygomaticus" in error.remedy


def test_too_short_a_recording_is_refused() -> None:
    recording = Recording.from_array(np.ones((1, 50)), 1000.0, ("Zyg li",))
    assert "lasts 0.050 s" in refusal(lambda: to_activity(recording)).cause


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"rate": 1000}, "no choice 'rate'"), ({"rate_hz": "fast"}, "is not a number"),
        ({"rate_hz": -1}, "is not a sampling rate"), ({"format": "docx"}, "no format 'docx'"),
        ({"drop": ["Mass li"]}, "no channel 'Mass li'"), ({"units": ["uV"]}, "1 units were given"),
        ({"drop": ["Zyg li", "Corr re"]}, "Every channel was left out"),
        ({"rate_hz": 500}, "no channel at 500 Hz"),
    ],
)  # fmt: skip
def test_choices_that_do_not_fit_are_refused(
    tmp_path: Path, choices: dict[str, object], sentence: str
) -> None:
    path = edf_file(tmp_path / "a.edf")
    assert sentence in refusal(lambda: read_recording(path, **choices)).cause


@pytest.mark.parametrize(
    "profile",
    [{}, {"format_version": 9, "muscles": {}}, {"format_version": 1, "muscles": {"m": {}}},
     {"format_version": 1, "muscles": {"m": {"baseline": 0, "scale": 0}}}, "absent.json"],
)  # fmt: skip
def test_a_profile_that_is_none_is_refused(profile: object) -> None:
    samples = np.random.default_rng(0).normal(0, 1, (1, 4000))
    recording = Recording.from_array(samples, 1000.0, ("Zyg li",))
    refusal(lambda: to_activity(recording, profile=profile))  # type: ignore[arg-type]


def test_a_refused_write_leaves_the_existing_file(tmp_path: Path) -> None:
    path = edf_file(tmp_path / "a.edf")
    before = path.read_bytes()
    bad = Recording.from_array(np.full((1, 1000), np.nan), 1000.0, ("Zyg li",))
    refusal(lambda: write_edf(bad, path))
    good = Recording.from_array(
        np.random.default_rng(0).normal(size=(1, 1000)), 1000.0, ("Zyg li",)
    )
    assert "exists already" in refusal(lambda: write_edf(good, path, overwrite=False)).cause
    assert (
        "folder does not exist" in refusal(lambda: write_edf(good, tmp_path / "no" / "a.edf")).cause
    )
    assert path.read_bytes() == before
    assert not re.findall(r"\.tmp", " ".join(p.name for p in tmp_path.iterdir()))
    assert [p.name for p in tmp_path.iterdir()] == ["a.edf"]
