"""Damaged and hostile track files: read rightly or refused with one sentence, quickly."""

from __future__ import annotations

import gzip
import io
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import track_files as files
from reader_fuzz import check_sentences, mutated, peak_memory, refusal

from eifer.eifer_addon import exchange
from eifer.eifer_addon.errors import EiferError

COUNT = int(os.environ.get("EIFER_FUZZ", "500"))
_LONGEST_S = 5.0
_MOST_MEMORY = 1 << 30


def own_csv(path: Path) -> Path:
    return exchange.write(files.some_track(), path)[0]


def own_npz(path: Path) -> Path:
    return exchange.write(files.some_track(), path)[0]


def live_link(path: Path) -> Path:
    return files.livelink(path, n_frames=4)


def open_face(path: Path) -> Path:
    return files.openface(path, n_frames=9)


def py_feat(path: Path) -> Path:
    return files.pyfeat(path, n_frames=6)


def mmm_table(path: Path) -> Path:
    return files.mmm(path, "deca", n_frames=4)


def mediapipe_table(path: Path) -> Path:
    return files.mediapipe(path, n_frames=4)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "own.csv": own_csv, "own.npz": own_npz, "livelink.csv": live_link, "openface.csv": open_face,
    "pyfeat.csv": py_feat, "mmm.csv": mmm_table, "mmm.csv.gz": mmm_table,
    "mediapipe.csv": mediapipe_table, "smirk.npz": files.smirk, "deca.npz": files.deca,
    "vhap.npz": files.vhap,
}  # fmt: skip


def read(path: Path) -> None:
    """Read as a user would, and believe nothing that comes out."""
    track = exchange.read_track(path, rate_hz=30)
    assert len(track) > 0
    assert np.isfinite(track.coefficients).all()
    assert np.isfinite(track.timestamps).all()
    assert ((track.confidence >= 0) & (track.confidence <= 1)).all()
    assert track.head_pose is None or np.isfinite(track.head_pose).all()
    assert track.identity is None or np.isfinite(track.identity).all()
    assert track.describe()


@pytest.mark.parametrize("name", list(WRITERS))
def test_mutated_tracks_are_read_or_refused(name: str, tmp_path: Path) -> None:
    whole = WRITERS[name](tmp_path / f"whole.{name}")
    read(whole)
    data = whole.read_bytes()
    damaged, generator = tmp_path / f"damaged.{name}", np.random.default_rng(len(name))
    before, refused = peak_memory(), 0
    for number in range(COUNT):
        damaged.write_bytes(mutated(data, generator))
        start = time.perf_counter()
        try:
            read(damaged)
        except EiferError as error:
            check_sentences(error)
            refused += 1
        assert time.perf_counter() - start < _LONGEST_S, number
    # The checksum of a gz gives every change away.
    assert 0 < refused < COUNT + name.endswith(".gz")
    assert peak_memory() - before < _MOST_MEMORY


@pytest.mark.parametrize("name", list(WRITERS))
def test_cut_tracks_are_read_or_refused_by_name(name: str, tmp_path: Path) -> None:
    data = WRITERS[name](tmp_path / f"whole.{name}").read_bytes()
    damaged = tmp_path / f"cut.{name}"
    for end in np.unique(np.linspace(0, len(data) - 1, 30).astype(int)):
        damaged.write_bytes(data[:end])
        try:
            read(damaged)
        except EiferError as error:
            check_sentences(error)
            unnamed = damaged.name not in str(error)
        else:
            unnamed = False
        assert not unnamed, end


def replaced(path: Path, row: int, column: str, text: str | None) -> Path:
    """One cell changed, or with None taken out; rows count from 1, as a text editor does."""
    lines = path.read_text().splitlines()
    header = next(k for k, line in enumerate(lines) if not line.startswith("#"))
    names = [name.strip() for name in lines[header].split(",")]
    cells = lines[row - 1].split(",")
    if text is None:
        del cells[names.index(column)]
    else:
        cells[names.index(column)] = text
    lines[row - 1] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("livelink.csv", "JawOpen"),
        ("openface.csv", "AU12_r"),
        ("openface.csv", "timestamp"),
        ("mmm.csv", "exp_7"),
        ("mediapipe.csv", "jawOpen"),
        ("mediapipe.csv", "mouthPucker"),
    ],
)
@pytest.mark.parametrize("text", ["nan", "inf", "abc", "1_0", "", "1e999"])
def test_a_cell_that_is_no_number_is_named(
    name: str, column: str, text: str, tmp_path: Path
) -> None:
    path = replaced(WRITERS[name](tmp_path / name), 4, column, text)
    error = refusal(lambda: exchange.read_track(path))
    assert f"Row 4 of {name} holds" in error.cause
    assert f"'{column}'" in error.cause


@pytest.mark.parametrize("name", ["livelink.csv", "openface.csv", "mmm.csv", "mediapipe.csv"])
def test_a_ragged_row_is_named(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path / name)
    lines = path.read_text().splitlines()
    lines[3] += ",0.5"
    path.write_text("\n".join(lines))
    assert f"Row 4 of {name} has" in refusal(lambda: exchange.read_track(path)).cause


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("livelink.csv", "JawOpen", "Open", "has no column 'JawOpen'"),
        ("livelink.csv", "JawRight", "JawLeft", "names the column 'JawLeft' twice"),
        ("livelink.csv", ".207,61,", ".207,52,", "counts '52' blendshapes"),
        ("livelink.csv", "14:03:08:00.207", "14.03.08", "no timecode like"),
        ("openface.csv", "timestamp", "when", "has no column 'timestamp'"),
        ("mmm.csv", "exp_49", "ext_49", "has 49 columns of the group 'exp'"),
        ("mmm.csv", "exp_49", "exp_48", "names the column 'exp_48' twice"),
        ("mmm.csv", "exp_31", "exp_50", "lacks column 31 of the group 'exp'"),
        ("mediapipe.csv", "jawOpen", "JawOpenness", "is not a track of EIFER"),
        ("own.csv", "# space: arkit52", "# space: arkit53", "'arkit53' is not known"),
        ("own.csv", "# space: arkit52", "#", "does not say which expression space"),
        ("own.csv", "# provenance: {", "# provenance: ", "line 'provenance' of own.csv is damaged"),
        ("own.csv", "head.tx_m", "head.t_m", "a part of a head pose only"),
    ],
)
def test_a_wrong_header_is_named(
    name: str, before: str, after: str, words: str, tmp_path: Path
) -> None:
    path = WRITERS[name](tmp_path / name)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    assert words in str(refusal(lambda: exchange.read_track(path)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "holds no table"),
        (b"\n\n  \n", "holds no table"),
        (b"\x00\x01rubbish" * 40, "no row of a table"),
        (b"\xff\xfe\x00r\xe9sum\xe9", "not a text file"),
        (b"\x1f\x8b\x08\x00junk", "damaged or cut gz"),
        (b"time,a,b\n1,2,3\n", "is not a track of"),
        (b"," * (1 << 19), "no row of a table"),
        (b'a,"b\n1,2\n', "broken quotation"),
        (files.LIVELINK_HEADER.encode(), "holds no frame"),
    ],
)
def test_what_is_no_track_is_one_sentence(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(data)
    error = refusal(lambda: exchange.read_track(path))
    assert words in error.cause
    assert path.name in error.cause


def test_a_flood_in_a_small_gz_is_refused_before_memory_fills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eifer.eifer_addon.exchange.table._MOST_UNPACKED", 1 << 20)
    path = files.mmm(tmp_path / "a.csv.gz", "smirk", n_frames=2)
    rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(rows[0] + rows[1] * 2000))
    assert "more than 1 MB of text" in refusal(lambda: exchange.read_track(path)).cause


def test_missing_files_folders_and_unknown_choices_are_named(tmp_path: Path) -> None:
    for name in ("gone.csv", "gone.npz"):
        assert "does not exist" in refusal(lambda n=name: exchange.read_track(tmp_path / n)).cause
    assert "is a folder" in refusal(lambda: exchange.read_track(tmp_path)).cause
    path = files.smirk(tmp_path / "a.npz")
    for choices, words in (
        ({"format": "fbx"}, "'fbx' is no format"),
        ({"fps": 3}, "'fps' is no choice"),
        ({"rate_hz": -1}, "-1 is no frame rate"),
        ({"rate_hz": "x"}, "'x' is no frame rate"),
        ({"rate_hz": float("nan")}, "nan is no frame rate"),
        ({"angles": "gon"}, "'gon' is no unit"),
        ({"rate_hz": 3, "basis": "../x"}, "'../x:e50j3l2' is not known"),
    ):
        assert words in refusal(lambda c=choices: exchange.read_track(path, **c)).cause


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/eifer_was_here",)


def test_pickles_in_an_npz_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, expression_params=np.array([Bomb()], dtype=object))
    error = refusal(lambda: exchange.read_track(path, rate_hz=30))
    assert "'expression_params' of evil.npz cannot be read" in error.cause
    assert not Path("/tmp/eifer_was_here").exists()


def test_an_array_that_claims_more_than_there_is_costs_no_memory(tmp_path: Path) -> None:
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        member, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 50)}
    )
    path = tmp_path / "liar.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("expression_params.npy", member.getvalue())
    before = peak_memory()
    assert "damaged" in refusal(lambda: exchange.read_track(path, rate_hz=30)).cause
    assert peak_memory() - before < 1 << 26


@pytest.mark.parametrize("name", ["own.npz", "smirk.npz"])
def test_packings_that_numpy_does_not_use_are_refused(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path / name)
    with zipfile.ZipFile(path) as archive:
        members = {info: archive.read(info) for info in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    error = refusal(lambda: exchange.read_track(path, rate_hz=30))
    assert "packed in a way" in error.cause


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expression_params": np.zeros((12, 0))}, "'expression_params' of a.npz has the shape"),
        ({"expression_params": np.full((12, 50), np.nan)}, "at frame 0, column 0"),
        ({"expression_params": np.zeros((12, 50), complex)}, "not numbers"),
        ({"expression_params": np.full((12, 50), "a")}, "not numbers"),
        ({"expression_params": np.full((12, 50), 1e300)}, "no coefficient"),
        ({"jaw_params": np.zeros((11, 3))}, "'jaw_params' of a.npz has 11 frames"),
        ({"jaw_params": np.zeros((12, 3, 3))}, "no rotation matrix at frame 0"),
        ({"jaw_params": np.zeros((12, 4))}, "has 4 columns"),
        ({"eyelid_params": np.zeros((12, 3))}, "not (frames, 2)"),
        ({"shape_params": np.zeros((12, 400))}, "not (frames, 1 to 300)"),
        ({"timestamps": np.zeros(12)}, "does not increase at frame 1"),
        ({"timestamps": np.zeros(3)}, "3 timestamps for 12 frames"),
    ],
)
def test_wrong_arrays_are_named(changes: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    with np.load(files.smirk(tmp_path / "a.npz")) as archive:
        arrays = dict(archive) | changes
    np.savez(tmp_path / "a.npz", **arrays)
    choices = {} if "timestamps" in changes else {"rate_hz": 30}
    assert words in refusal(lambda: exchange.read_track(tmp_path / "a.npz", **choices)).cause
