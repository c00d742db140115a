"""Files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.files import atomic_path, load_npz, save_npz


def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_halfway() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_kept_when_it_may_not_be_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(EiferError, match="exists already"), atomic_path(target, overwrite=False):
        pass
    assert target.read_text() == "old"


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match="folder does not exist"):
        save_npz(tmp_path / "no" / "a.npz", "thing", 1, {}, {})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"

    def fill_the_disk() -> None:
        with atomic_path(target), Path("/dev/full").open("w") as full:
            full.write("x" * 10)
            full.flush()

    with pytest.raises(EiferError, match="the disk is full"):
        fill_the_disk()
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the system's refusal is raised at the call that would meet it.
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(EiferError, match="no permission"), atomic_path(tmp_path / "a"):
        pass


def test_the_result_has_the_permissions_of_an_ordinary_file(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("")
    with atomic_path(tmp_path / "atomic") as temporary:
        temporary.write_text("")
    assert (tmp_path / "atomic").stat().st_mode == ordinary.stat().st_mode


def test_kind_version_and_damage_are_told_apart(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "a.npz", "thing", 2, {"x": np.arange(3)}, {"n": 1})
    arrays, meta, version = load_npz(path, "thing", 2)
    assert (arrays["x"].tolist(), meta, version) == ([0, 1, 2], {"n": 1}, 2)
    with pytest.raises(EiferError, match="holds thing, not other"):
        load_npz(path, "other", 2)
    with pytest.raises(EiferError, match="newer EIFER"):
        load_npz(path, "thing", 1)
    with pytest.raises(EiferError, match="does not exist"):
        load_npz(tmp_path / "b.npz", "thing", 1)
    whole = path.read_bytes()
    for cut in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:cut])
        with pytest.raises(EiferError):
            load_npz(path, "thing", 2)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, meta=np.array([{"kind": "thing"}], dtype=object))
    with pytest.raises(EiferError, match="not a readable EIFER file"):
        load_npz(path, "thing", 1)


def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "a.npz", "thing", 1, {"x": np.arange(50.0)}, {"n": 1})
    whole = bytearray(path.read_bytes())
    generator = np.random.default_rng(5)
    refused = 0
    for _ in range(1500):
        damaged = whole.copy()
        damaged[generator.integers(len(whole))] ^= int(generator.integers(1, 256))
        path.write_bytes(damaged)
        try:
            load_npz(path, "thing", 1)
        except EiferError:
            refused += 1
    assert refused > 1000
