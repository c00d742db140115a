"""Feeds damaged FLAME files to the reader in a process of its own, which is watched.

Run as ``python flame_fuzz.py TASK``: memory is capped with RLIMIT_AS, an audit hook notes every
event that would be code running or a file being written, and one JSON line reports the outcome.
"""

from __future__ import annotations

import codecs
import importlib
import json
import pickletools
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from flame_writer import N_VERTICES, synthetic_arrays, write_flame

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.flame_file import parse_flame
from eifer.eifer_addon.heads.model import PARENTS, HeadModel

#: Vertices of the small file: all of FLAME's structure in 0.3 MB.
SMALL = 60
EVENTS = (
    "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "pty.", "import", "exec", "compile",
    "pickle.", "marshal.", "open", "code.", "sys.", "urllib.", "webbrowser.", "mmap.",
)  # fmt: skip
WHERE = Path("model.pkl")


class Watch:
    """An audit hook that counts while it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: Counter[str] = Counter()
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event.startswith(EVENTS):
            # The name of what is imported or opened, so that a report can be understood.
            named = event in ("import", "open", "os.system", "subprocess.Popen")
            self.seen[f"{event} {ascii(arguments[0])[:60]}" if named else event] += 1


def good_file(folder: Path, style: str, n_vertices: int) -> bytes:
    """The bytes of a file that loads, float32 to be small."""
    path = folder / f"good_{style}_{n_vertices}"
    dtype = np.float64 if n_vertices == N_VERTICES else np.float32
    write_flame(path, style, arrays=synthetic_arrays(7, n_vertices, dtype=dtype))
    return path.read_bytes()


def structure(data: bytes) -> np.ndarray:
    """The places of a file that are not inside an array's bytes."""
    if data.startswith(b"PK"):
        # Local headers and array headers lie before the data, the directory at the end.
        return np.r_[np.arange(200), np.arange(len(data) - 700, len(data))]
    starts = [at or 0 for _, _, at in pickletools.genops(data)] + [len(data)]
    kept = [np.arange(a, min(b, a + 40)) for a, b in pairwise(starts)]
    return np.concatenate(kept)


def flips(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """One byte changed at a time: half anywhere, half in the structure."""
    random = np.random.default_rng(seed)
    places = structure(data)
    for index in range(count):
        at = int(random.choice(places)) if index % 2 else int(random.integers(len(data)))
        value = (data[at] + int(random.integers(1, 256))) % 256
        yield data[:at] + bytes([value]) + data[at + 1 :]


def cuts(data: bytes, step: int) -> Iterator[bytes]:
    """The file broken off at every multiple of `step`."""
    return (data[:end] for end in range(0, len(data), step))


def check_head(head: HeadModel) -> None:
    """What loads must be a head: layout, finiteness, sums, corners."""
    vertices = len(head.template)
    assert head.identity_basis.shape == (vertices, 3, 300)
    assert head.expression_basis.shape[:2] == (vertices, 3)
    assert head.pose_correctives.shape == (vertices, 3, 36)
    assert head.joint_regressor.shape == (len(PARENTS), vertices)
    assert head.triangles.dtype == np.int32
    assert 0 <= head.triangles.min() <= head.triangles.max() < vertices
    for array in (
        head.template, head.identity_basis, head.expression_basis, head.pose_correctives,
        head.joint_regressor, head.weights,
    ):  # fmt: skip
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert np.abs(head.weights.sum(axis=1) - 1).max() < 1e-3


def check_sentence(error: EiferError) -> None:
    """One sentence that names the file, and a remedy."""
    assert str(WHERE) in error.cause, error.cause
    assert error.cause.endswith("."), error.cause
    assert error.cause.isprintable(), error.cause
    assert len(error.cause) < 300, error.cause
    assert error.remedy, error.cause


def feed(files: Iterator[bytes], watch: Watch) -> dict[str, Any]:
    """Parse every file; count what loads and what is refused."""
    loaded = refused = 0
    slowest = 0.0
    for data in files:
        begin = time.perf_counter()
        watch.on = True
        try:
            head = parse_flame(data, WHERE)
        except EiferError as error:
            watch.on = False
            check_sentence(error)
            refused += 1
        else:
            watch.on = False
            check_head(head)
            loaded += 1
        slowest = max(slowest, time.perf_counter() - begin)
    return {"loaded": loaded, "refused": refused, "slowest_s": slowest}


def cap_memory(headroom_mb: int) -> None:
    """Let this process grow by so much and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + headroom_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def files_of(task: str, folder: Path) -> tuple[Iterator[bytes], bytes, int]:
    """The damaged files of a task, the good one, and the memory that may be used in MB."""
    kind, style, *rest = task.split(":")
    if kind == "folder":
        paths = sorted(Path(style).iterdir())
        return (path.read_bytes() for path in paths), good_file(folder, "2020", SMALL), 600
    size = N_VERTICES if "full" in rest else SMALL
    data = good_file(folder, style, size)
    count = int(rest[0])
    damaged = flips(data, count, seed=997) if kind == "flips" else cuts(data, count)
    return damaged, data, 500 if size == N_VERTICES else 100


def main(task: str, folder: Path) -> None:
    """Carry one task out and report it."""
    watch = Watch()
    damaged, good, headroom_mb = files_of(task, folder)
    check_head(parse_flame(good, WHERE))
    # Python imports the codecs of protocol 0's text and of zip names, and the character table of
    # its tokenizer, when they are first used.
    for codec in ("raw_unicode_escape", "cp437"):
        codecs.lookup(codec)
    importlib.import_module("unicodedata")
    cap_memory(headroom_mb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = feed(damaged, watch)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({**report, "grown_mb": grown / 1024, "events": dict(watch.seen)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
