"""The child process that opens MAT and HDF5 files; started by `isolated`, never imported.

SciPy's reader of MAT files crashes the whole process for some damaged files, and HDF5's library
loops for ever over others (both measured with random changes of bytes). In a child of its own, that
ends as a sentence. One request per line of JSON on standard input, one answer per line on standard
output. Nothing of the package is imported here, so that it starts fast.
"""

from __future__ import annotations

import json
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

#: Arrays may unpack to this many times the size of their file, and always to the least.
_MOST_UNPACKED, _LEAST_LIMIT = 16, 1 << 28
#: Address space of the child beside what the size of its file justifies; the libraries take 0.1 GB.
_MEMORY = 900 << 20
_SMALL, _MOST_TEXTS, _MOST_ENTRIES, _DEPTH = 64, 4096, 2000, 4
_BLOCK_BYTES = 1 << 24


#: What the libraries raise for damaged files.
_DAMAGE = (
    OSError, ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError,
    RuntimeError, MemoryError, EOFError, AssertionError, NotImplementedError, SystemError,
    struct.error, zlib.error,
)  # fmt: skip


class _RefusedError(Exception):
    """A file that would take more memory than its size justifies."""


def limit_memory(file_bytes: int) -> None:
    """Let the system refuse memory beyond what the file can need; not on Windows."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _MEMORY + 6 * file_bytes
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def check_size(count: float, file_bytes: int) -> None:
    """Refuse `count` bytes when the file is far too small for them."""
    if count > max(_MOST_UNPACKED * file_bytes, _LEAST_LIMIT):
        raise _RefusedError(f"it says that it unpacks to {count / 1e6:.0f} MB")


def entry(name: str, shape: tuple[int, ...], kind: str, values: Any = None) -> dict[str, Any]:
    """What is told about one array or text."""
    return {"name": name, "shape": [int(n) for n in shape], "kind": kind, "values": values}


def of_array(name: str, array: np.ndarray) -> dict[str, Any]:
    """An entry for an array in memory, with its values when it is small or of texts."""
    if array.dtype.kind in "biuf":
        small = array.size <= _SMALL
        return entry(name, array.shape, "number", array.astype(float).tolist() if small else None)
    flat = array.reshape(-1)[:_MOST_TEXTS].tolist() if array.dtype.kind in "OUS" else []
    texts = [t.decode("utf-8", "replace") if isinstance(t, bytes) else t for t in flat]
    if texts and all(isinstance(text, str) for text in texts):
        return entry(name, array.shape, "text", texts)
    return entry(name, array.shape, "complex" if array.dtype.kind == "c" else "other")


class MatFile:
    """A MAT file of version 4 to 7, whole in memory."""

    def __init__(self, path: str) -> None:
        from scipy.io import loadmat, whosmat
        from scipy.io.matlab import MatReadError

        size = Path(path).stat().st_size
        try:
            check_size(sum(8 * float(np.prod(s, dtype=float)) for _, s, _ in whosmat(path)), size)
            found = loadmat(path, simplify_cells=True)
        except MatReadError as error:
            raise ValueError(str(error)) from error
        self.arrays: dict[str, np.ndarray] = {}
        self.texts: dict[str, str] = {}
        for name, value in found.items():
            if not name.startswith("__"):
                self._flatten(str(name), value, 0)

    def _flatten(self, name: str, value: Any, depth: int) -> None:
        if isinstance(value, dict):
            for key, part in value.items() if depth < _DEPTH else ():
                self._flatten(f"{name}.{key}", part, depth + 1)
        elif isinstance(value, str):
            self.texts[name] = value
        elif isinstance(value, list):
            self.arrays[name] = np.array([None, *value], dtype=object)[1:]
        else:
            self.arrays[name] = np.asarray(value)

    def entries(self) -> list[dict[str, Any]]:
        """Every array and text."""
        texts = [entry(name, (), "text", [text]) for name, text in self.texts.items()]
        return [of_array(name, array) for name, array in self.arrays.items()] + texts

    def save(self, name: str, out: str) -> None:
        """Write one array as ``.npy``."""
        np.save(out, self.arrays[name], allow_pickle=False)


class HdfFile:
    """An HDF5 file, MAT 7.3 among them; arrays stay in it."""

    def __init__(self, path: str) -> None:
        import h5py

        self.h5py = h5py
        self.size = Path(path).stat().st_size
        self.file = h5py.File(path, "r")

    def entries(self) -> list[dict[str, Any]]:
        """Every data set and every attribute."""
        found: list[dict[str, Any]] = []

        def visit(name: str, item: Any) -> bool | None:
            if not name.startswith("#"):
                found.extend(self._of_item(name, item))
            return True if len(found) > _MOST_ENTRIES else None

        found.extend(self._attributes("", self.file))
        self.file.visititems(visit)
        return found

    def _of_item(self, name: str, item: Any) -> Iterator[dict[str, Any]]:
        if isinstance(item, self.h5py.Dataset):
            yield self._of_dataset(name, item)
        yield from self._attributes(f"{name}/", item)

    def _of_dataset(self, name: str, item: Any) -> dict[str, Any]:
        shape = item.shape or ()
        kind = item.attrs.get("MATLAB_class", b"")
        if kind == b"char" and item.size <= _MOST_TEXTS:
            return entry(name, (), "text", [self._characters(item)])
        if kind == b"cell" and item.size <= _MOST_TEXTS:
            cells = [self.file[reference] for reference in item[()].reshape(-1)]
            if cells and all(c.attrs.get("MATLAB_class") == b"char" for c in cells):
                return entry(name, shape, "text", [self._characters(c) for c in cells])
            return entry(name, shape, "other")
        if item.dtype.kind in "biuf" and item.size > _SMALL:
            return entry(name, shape, "number")
        if item.size > _MOST_TEXTS:
            return entry(name, shape, "other")
        return of_array(name, np.asarray(item[()]))

    @staticmethod
    def _characters(item: Any) -> str:
        codes = np.asarray(item[()]).T.reshape(-1)[:_MOST_TEXTS]
        return "".join(chr(int(code)) for code in codes if 0 < int(code) < 0xD800)

    def _attributes(self, start: str, item: Any) -> Iterator[dict[str, Any]]:
        for key, value in item.attrs.items():
            if isinstance(value, str | bytes):
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
                yield entry(f"{start}@{key}", (), "text", [text])
            elif np.size(value) <= _SMALL:
                yield of_array(f"{start}@{key}", np.asarray(value))

    def save(self, name: str, out: str) -> None:
        """Write one data set as ``.npy``, block by block."""
        item = self.file[name]
        check_size(float(np.prod(item.shape, dtype=float)) * item.dtype.itemsize, self.size)
        saved = np.lib.format.open_memmap(out, "w+", item.dtype.newbyteorder("="), item.shape)
        row = max(1, item.dtype.itemsize * int(np.prod(item.shape[1:])))
        step = max(1, _BLOCK_BYTES // row)
        for start in range(0, item.shape[0], step):
            saved[start : start + step] = item[start : start + step]
        saved.flush()


def answer(request: dict[str, Any], opened: dict[str, Any]) -> dict[str, Any]:
    """Do what one line asks for; `opened` keeps the file between its two requests."""
    path = request["path"]
    if request["do"] == "list":
        opened.clear()
        limit_memory(Path(path).stat().st_size)
        opened[path] = HdfFile(path) if request["kind"] == "hdf5" else MatFile(path)
        return {"entries": opened[path].entries()}
    opened[path].save(request["name"], request["out"])
    return {"saved": True}


def main() -> None:
    """Answer line by line until the parent closes the pipe."""
    warnings.simplefilter("ignore")
    opened: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), opened)
        except _RefusedError as error:
            reply = {"refused": str(error)}
        except _DAMAGE as error:  # anything else ends the child, which is a sentence as well
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
