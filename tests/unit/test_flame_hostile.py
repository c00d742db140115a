"""Files made to harm: nothing in them runs, memory stays bounded, each ends in one sentence."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flame_fuzz import cuts, flips
from flame_writer import flame_pickle, synthetic_arrays

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.flame_file import load_flame, parse_flame

TESTS = Path(__file__).resolve().parents[1]
WHERE = Path("model.pkl")
TEN_GB = 10 * 2**30


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return synthetic_arrays(seed=5, n_vertices=60, dtype=np.float32)


def text(value: str) -> bytes:
    """A text value as an opcode."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def call(name: str, *arguments: bytes) -> bytes:
    """GLOBAL, arguments, REDUCE."""
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def stack_call(module: str, dotted: str, *arguments: bytes) -> bytes:
    """STACK_GLOBAL, which reaches attributes of attributes."""
    return text(module) + text(dotted) + b"\x93(" + b"".join(arguments) + b"tR"


def attacks(canary: Path) -> dict[str, bytes]:
    """Pickled values; with Python's own unpickler each would call something."""
    touch = text(f"touch {canary}")
    write = text(f"open({str(canary)!r}, 'w').close()")
    name = text(str(canary))
    return {
        "os.system": call("os.system", touch),
        "posix.system": call("posix.system", touch),
        "nt.system": call("nt.system", touch),
        "subprocess": call("subprocess.getoutput", touch),
        "Popen": call("subprocess.Popen", b"]" + text("touch") + b"a" + name + b"a"),
        "eval": call("builtins.eval", write),
        "eval of Python 2": call("__builtin__.eval", write),
        "exec": call("builtins.exec", write),
        "import": call("builtins.__import__", text("os")),
        "importlib": call("importlib.import_module", text("os")),
        "getattr chain": call(
            "builtins.getattr", call("builtins.__import__", text("os")), text("system")
        ),
        "attrgetter": call("operator.attrgetter", text("system")),
        "getattr over allowed": call("builtins.getattr", b"cnumpy\nndarray\n", text("tofile")),
        "dotted name": stack_call("shutil", "os.system", touch),
        "dotted method": stack_call("numpy", "ndarray.tofile", name),
        "chumpy's os": call("chumpy.ch.os.system", touch),
        "partial": call("functools.partial", b"cos\nsystem\n", touch),
        "map": call("builtins.map", b"cos\nsystem\n", b"]" + touch + b"a"),
        "numpy.load": call("numpy.load", name, b"N\x88"),
        "numpy.fromfile": call("numpy.fromfile", text("/dev/zero")),
        "numpy.frombuffer": call("numpy.frombuffer", name),
        "numpy.memmap": call(
            "numpy.memmap", name, text("f8"), text("w+"), b"K\x00", b"K\x04\x85"
        ),
        "core memmap": call("numpy.core.memmap.memmap", name, text("f8"), text("w+")),
        "open_memmap": call("numpy.lib.format.open_memmap", name, text("w+")),
        "numpy.zeros": call("numpy.zeros", b"\x8a\x05" + TEN_GB.to_bytes(5, "little")),
        "runstring": call("numpy.testing._private.utils.runstring", write, b"}"),
        "load_npz": call("scipy.sparse.load_npz", name),
        "nested pickle": call("pickle.loads", b"C\x04\x80\x02N."),
        "codecs.decode": call("_codecs.decode", text("x"), text("zip")),
        "bytearray of 10 GB": call(
            "__builtin__.bytearray", b"\x8a\x05" + TEN_GB.to_bytes(5, "little")
        ),
        "reconstructor": call(
            "copy_reg._reconstructor", b"csubprocess\nPopen\n", b"cbuiltins\nobject\n", b"N"
        ),
        "memmap reconstructed": call(
            "numpy.core.multiarray._reconstruct", b"cnumpy\nmemmap\n", b"K\x00\x85", text("b")
        ),
        "INST": b"(" + touch + b"ios\nsystem\n",
        "OBJ": b"(cos\nsystem\n" + touch + b"o",
        "NEWOBJ": b"csubprocess\nPopen\n(" + touch + b"t\x81",
        "NEWOBJ_EX": b"csubprocess\nPopen\n(" + touch + b"t}\x92",
        "extension registry": b"\x82\x01",
        "persistent id": b"Psomething\n",
        "binary persistent id": text("something") + b"Q",
        "next buffer": b"\x97",
        "call of a value": text("os.system") + b"(" + touch + b"tR",
        "call of an array": call("numpy.core.multiarray._reconstruct", b"cnumpy\nndarray\n")
        + b"(" + touch + b"tR",
        "state of a class": b"cnumpy\nndarray\n}" + text("__reduce__") + touch + b"sb",
        "set state": call("builtins.setattr", b"cnumpy\nndarray\n", text("x"), text("y")),
    }  # fmt: skip


def in_model(attack: bytes, arrays: dict[str, np.ndarray], key: str = "v_template") -> bytes:
    """A FLAME pickle in which one value is an attack, and everything else is good."""
    good = flame_pickle({name: value for name, value in arrays.items() if name != key})
    return good[:-1] + b"(" + text(key) + attack + b"u."


def test_the_attacks_are_live(tmp_path: Path) -> None:
    """Python's own unpickler runs them, so that a file that stays away below proves something."""
    canary = tmp_path / "canary"
    live = attacks(canary)
    for name in ("os.system", "eval", "exec", "numpy.memmap", "dotted name", "INST", "OBJ"):
        pickle.loads(b"\x80\x04" + live[name] + b".")
        assert canary.exists(), name
        canary.unlink()


@pytest.mark.parametrize("attack", attacks(Path("canary")))
@pytest.mark.parametrize("place", ["alone", "needed key", "other key"])
def test_no_attack_runs(
    attack: str, place: str, arrays: dict[str, np.ndarray], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    canary = tmp_path / "canary"
    body = attacks(canary)[attack]
    path = tmp_path / "flame2020.pkl"
    if place == "alone":
        path.write_bytes(b"\x80\x04" + body + b".")
    else:
        key = "v_template" if place == "needed key" else "bs_style"
        path.write_bytes(in_model(body, arrays, key))
    inert = attack == "bytearray of 10 GB" and place == "other key"
    if inert:
        # An allowed name under a key that nobody reads is described, never made.
        load_flame(path)
    else:
        with pytest.raises(EiferError) as caught:
            load_flame(path)
        assert str(path) in caught.value.cause
        assert caught.value.cause.count(". ") == 0
    assert not canary.exists()


def array_bytes(shape: bytes, raw: bytes, dtype: bytes = b"f8") -> bytes:
    """A pickled array with any shape over any bytes, as Python 2 wrote it."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01"
        + shape + b"cnumpy\ndtype\n(U" + bytes([len(dtype)]) + dtype
        + b"K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(raw)) + raw + b"tb"
    )  # fmt: skip


def number(value: int) -> bytes:
    """LONG1, any whole number."""
    return b"\x8a\x0a" + value.to_bytes(10, "little", signed=True)


def csc(shape: bytes, indptr: bytes, indices: bytes = b"", data: bytes = b"") -> bytes:
    """A pickled csc matrix with any parts."""
    return (
        b"cscipy.sparse.csc\ncsc_matrix\n)\x81}(U\x06_shape" + shape
        + b"U\x06indptr" + array_bytes(number(len(indptr) // 8) + b"\x85", indptr, b"i8")
        + b"U\x07indices" + array_bytes(number(len(indices) // 8) + b"\x85", indices, b"i8")
        + b"U\x04data" + array_bytes(number(len(data) // 8) + b"\x85", data) + b"ub"
    )  # fmt: skip


def int64(*values: int) -> bytes:
    return np.array(values, np.int64).tobytes()


def doubling(pair: bytes, times: int) -> bytes:
    """A value made of itself twice, again and again: small to write, endless to walk."""
    return text("x") + pair * times


BOMBS: dict[str, Callable[[], bytes]] = {
    "array of 10 GB": lambda: array_bytes(number(TEN_GB // 24) + b"K\x03\x86", b"12345678"),
    "array of 2^80": lambda: array_bytes(number(2**78) + b"K\x04\x86", b""),
    "size that wraps to 0": lambda: array_bytes(number(2**62) + b"K\x08\x86", b""),
    "negative size": lambda: array_bytes(number(-1) + b"\x85", b"12345678"),
    "sixty axes": lambda: array_bytes(b"(" + b"K\x01" * 60 + b"t", b"12345678"),
    "size that is no number": lambda: array_bytes(text("3") + b"\x85", b"12345678"),
    "void of 10 GB": lambda: array_bytes(b")", b"", b"V10737418240"),
    "sparse of 10 GB": lambda: csc(b"K\x05" + number(TEN_GB // 40) + b"\x86", int64(0)),
    "sparse with a wild index": lambda: csc(
        b"K\x05K<\x86", int64(*range(61)), int64(*([2**60] * 60)), bytes(480)
    ),
    "sparse with a negative index": lambda: csc(
        b"K\x05K<\x86", int64(*range(61)), int64(*([-1] * 60)), bytes(480)
    ),
    "sparse that claims more": lambda: csc(b"K\x05K<\x86", int64(*[0] * 60, 2**50)),
    "sparse that goes back": lambda: csc(b"K\x05K<\x86", int64(*[0] * 30, -5, *[0] * 30)),
    "10 GB of bytes announced": lambda: b"\x8e" + struct.pack("<Q", TEN_GB),
    "10 GB of bytearray announced": lambda: b"\x96" + struct.pack("<Q", TEN_GB),
    "2^63 bytes announced": lambda: b"\x8e" + struct.pack("<Q", 2**63 + 1),
    "10 GB of text announced": lambda: b"\x8d" + struct.pack("<Q", TEN_GB),
    "10 GB frame announced": lambda: b"\x95" + struct.pack("<Q", TEN_GB),
    "2 GB number announced": lambda: b"\x8b" + struct.pack("<i", 2**31 - 1),
    "huge memo index": lambda: b"Nr" + struct.pack("<I", 2**32 - 1),
    "huge memo index in text": lambda: b"Np" + b"9" * 4000 + b"\n",
    "unknown memo index": lambda: b"j" + struct.pack("<I", 2**32 - 1),
    "number of a million digits": lambda: b"I" + b"9" * 10**6 + b"\n",
    "nested lists": lambda: b"]" * 90_000 + b"a" * 89_999,
    "nested tuples": lambda: b"N" + b"\x85" * 150_000,
    "tuples of tuples as a key": lambda: b"}" + doubling(b"2\x86", 60) + b"Ns",
    "tuples of tuples": lambda: doubling(b"2\x86", 60),
    "a list in itself": lambda: b"]2a",
    "chumpy in itself": lambda: b"cchumpy.ch\nCh\n)\x81q\x00}U\x01xh\x00sb",
    "a million operations": lambda: b"N0" * 500_000,
    "marks": lambda: b"(" * 150_000,
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray]) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        key = "J_regressor" if "sparse" in name else "v_template"
        (folder / f"{name}.pkl").write_bytes(in_model(make(), arrays, key))
    for name, data in zip_bombs(arrays).items():
        (folder / f"{name}.npz").write_bytes(data)
    return folder


def npy_header(shape: str, descr: str = "'<f8'") -> bytes:
    """The header of an ``.npy`` that claims what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def zip_bombs(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Archives that unpack to much, or whose arrays claim much."""

    def archive(template: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("v_template.npy", template)
            for name, value in arrays.items():
                if name != "v_template":
                    member = io.BytesIO()
                    np.save(member, value)
                    packed.writestr(f"{name}.npy", member.getvalue())
        return out.getvalue()

    objects = io.BytesIO()
    np.save(objects, np.array([{}], object), allow_pickle=True)
    own = archive(npy_header("(3,)") + bytes(24)).replace(b"v_template.npy", b"template.npyXX")
    return {
        "npz of 300 MB": archive(npy_header("(12500000, 3)") + bytes(300_000_000)),
        "npz of 240 MB": archive(npy_header("(10000000, 3)") + bytes(240_000_000)),
        "npz that claims 10 GB": archive(npy_header(f"({TEN_GB // 24}, 3)") + bytes(240)),
        "npz with a negative size": archive(npy_header("(-1, 3)") + bytes(240)),
        "npz with a nested header": archive(npy_header("(" * 500 + ")" * 500) + bytes(24)),
        "npz with code in its header": archive(npy_header("__import__('os').abort()")),
        "npz of objects": archive(objects.getvalue()),
        "npz of structures": archive(npy_header("(3,)", "[('a', '<f8'), ('b', 'O')]") + bytes(48)),
        "npz of a wrong name": own,
    }


def watched(task: str, folder: Path) -> dict[str, Any]:
    """Run the fuzzing process and read its report."""
    done = subprocess.run(
        [sys.executable, str(TESTS / "flame_fuzz.py"), task, str(folder)],
        capture_output=True, text=True, timeout=600, check=False, cwd=TESTS,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin",
             "EIFER_CACHE": str(folder / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_bombs_are_refused_within_a_bounded_memory(bombs: Path, tmp_path: Path) -> None:
    report = watched(f"folder:{bombs}", tmp_path)
    assert report["refused"] == len(list(bombs.iterdir()))
    assert report["loaded"] == 0
    # The largest archive that is unpacked at all has 256 MB.
    assert report["grown_mb"] < 500
    assert report["slowest_s"] < 5
    assert set(report["events"]) <= {"compile"}


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("flips:2020:10000", 10_000),
        ("flips:2023open:2000", 2000),
        ("flips:npz:2000", 2000),
        ("flips:2020:60:full", 60),
    ],
)
def test_flipped_bytes_load_or_are_refused(task: str, count: int, tmp_path: Path) -> None:
    report = watched(task, tmp_path)
    assert report["loaded"] + report["refused"] == count
    assert report["loaded"] > 0
    assert report["refused"] > count / 10
    assert report["slowest_s"] < 5
    assert report["grown_mb"] < (500 if "full" in task else 20)
    # NumPy parses the headers of .npz members as literals; nothing else may happen.
    assert set(report["events"]) <= ({"compile"} if "npz" in task else set())


@pytest.mark.parametrize("style", ["2020", "2023open", "npz"])
def test_truncation_at_every_997th_byte_is_refused(style: str, tmp_path: Path) -> None:
    report = watched(f"cuts:{style}:997", tmp_path)
    assert report["loaded"] == 0
    assert report["refused"] > 300
    assert set(report["events"]) <= ({"compile"} if style == "npz" else set())


def test_truncation_of_a_full_size_file_is_refused(tmp_path: Path) -> None:
    # Every 997th byte of 53 MB would take hours; every 997,000th keeps the spacing odd.
    report = watched("cuts:2020:997000:full", tmp_path)
    assert report["loaded"] == 0
    assert report["refused"] > 50


def test_flipped_bytes_of_our_own_head_file_are_named(
    arrays: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    saved = parse_flame(flame_pickle(arrays), WHERE).save(tmp_path / "head.npz")
    data, damaged = saved.read_bytes(), tmp_path / "damaged.npz"
    outcomes = []
    for changed in (*flips(data, 1000, seed=1), *cuts(data, 9973)):
        damaged.write_bytes(changed)
        try:
            load_flame(damaged)
            outcomes.append("loaded")
        except EiferError as error:
            outcomes.append("named" if str(damaged) in error.cause else error.cause)
    assert set(outcomes) == {"loaded", "named"}


def test_our_own_head_file_that_claims_10_gb_is_refused_unread(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    saved = parse_flame(flame_pickle(arrays), WHERE).save(tmp_path / "head.npz")
    with zipfile.ZipFile(saved) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    parts["template.npy"] = npy_header(f"({TEN_GB // 12}, 3)", "'<f4'") + bytes(240)
    with zipfile.ZipFile(saved, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    with pytest.raises(EiferError, match=r"not a readable \.npz"):
        load_flame(saved)


def test_a_refusal_names_what_was_asked_for(arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(EiferError, match=r"model.pkl asks for 'os.system', .* nothing in it was"):
        parse_flame(in_model(call("os.system", text("true")), arrays), WHERE)
    with pytest.raises(EiferError, match=r"'v_template' of model.pkl claims the shape"):
        parse_flame(in_model(BOMBS["array of 10 GB"](), arrays), WHERE)


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "flame2020.pkl"
    with path.open("wb") as stream:
        stream.truncate(TEN_GB)
    with pytest.raises(EiferError, match="10240 MB, more than any FLAME model"):
        load_flame(path)
