"""Delimited text with a header: numbers by column name, and errors that name row and column."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from ..errors import EiferError

_LONGEST_LINE = 1 << 18
_MOST_CHARACTERS = 1 << 32
#: A gz file of a few kB can hold gigabytes of the same line.
_MOST_UNPACKED = 1 << 29
_MOST_VALUES = 1 << 26
_DELIMITERS = (",", ";", "\t")
_COMMENT = "#"
_EXPORT = "Export the file again, or choose another one."
_MEND = "Mend the row or export the file again."


@dataclass(frozen=True)
class Table:
    """The head of a table.

    Attributes
    ----------
    path : pathlib.Path
    names : tuple of str
        The columns' names as they are written.
    comments : tuple of str
        Lines above the header that start with ``#``, without it.
    delimiter : str
    header_row : int
        The header's line in the file, from 1.
    """

    path: Path
    names: tuple[str, ...]
    comments: tuple[str, ...]
    delimiter: str
    header_row: int

    @property
    def lowered(self) -> frozenset[str]:
        """The columns' names in lower case."""
        return frozenset(name.lower() for name in self.names)

    def index(self, name: str) -> int:
        """Number of a column, in its own case or else in any; `EiferError` when it is missing."""
        if name in self.names:
            return self.names.index(name)
        found = [k for k, other in enumerate(self.names) if other.lower() == name.lower()]
        if not found:
            raise EiferError(f"{self.path.name} has no column '{name}'.", _EXPORT)
        if len(found) > 1:
            raise EiferError(f"{self.path.name} names the column '{name}' twice.", _EXPORT)
        return found[0]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows with their line in the file; a row of another length than the header is refused."""
        for row, cells in self.ragged_rows():
            if len(cells) != len(self.names):
                raise EiferError(
                    f"Row {row} of {self.path.name} has {len(cells)} cells, but the header names "
                    f"{len(self.names)} columns.",
                    _MEND,
                )
            yield row, cells

    def ragged_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows of any length, without blank ones."""
        with _text(self.path) as stream:
            for row, line in _lines(self.path, stream):
                if row > self.header_row and line.strip():
                    yield row, _cells(self.path, row, line, self.delimiter)

    def numbers(
        self, names: Sequence[str], always: Sequence[str] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """The columns `always` and `names` as numbers.

        Parameters
        ----------
        names : sequence of str
            Columns that may be empty together, where a frame is a gap.
        always : sequence of str
            Columns that must hold a number in every row.

        Returns
        -------
        first : numpy.ndarray
            float64 (n_rows, n_always).
        values : numpy.ndarray
            float64 (n_rows, n_names); a row whose cells are all empty is all NaN.

        Raises
        ------
        EiferError
            Naming row and column, when a cell is no number though others of its row are.
        """
        columns = [*always, *names]
        wanted, split = [self.index(name) for name in columns], len(always)
        values = array("d")
        for row, cells in self.rows():
            found = [cells[k] for k in wanted]
            values.extend(self._finite(row, found[:split], always))
            values.extend(self._finite_or_gap(row, found[split:], names))
            if len(values) > _MOST_VALUES:
                raise EiferError(
                    f"{self.path.name} holds more than {_MOST_VALUES} numbers.",
                    "Cut it into shorter files.",
                )
        table = np.array(values, np.float64).reshape(-1, len(columns))
        return table[:, :split], table[:, split:]

    def _finite_or_gap(self, row: int, cells: list[str], names: Sequence[str]) -> list[float]:
        if all(map(is_empty, cells)):
            return [math.nan] * len(cells)
        return self._finite(row, cells, names)

    def _finite(self, row: int, cells: list[str], names: Sequence[str]) -> list[float]:
        values = [number(cell) for cell in cells]
        for name, cell, value in zip(names, cells, values, strict=True):
            if not math.isfinite(value):
                raise EiferError(
                    f"Row {row} of {self.path.name} holds {cell[:20]!r} in the column '{name}', "
                    "which is not a number.",
                    _MEND,
                )
        return values


def number(cell: str) -> float:
    """A cell as a number, NaN when it is none."""
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def is_empty(cell: str) -> bool:
    """Whether a cell stands for a missing number."""
    return cell.strip().lower() in ("", "nan", "na", "n/a", "null", "none", "-nan", "-nan(ind)")


def open_table(path: Path) -> Table:
    """The comments and the header of a delimited text file.

    Raises
    ------
    EiferError
        When the file is missing, empty, no text, damaged, or names a column twice.
    """
    comments: list[str] = []
    with _text(path) as stream:
        for row, line in _lines(path, stream):
            if line.startswith(_COMMENT):
                comments.append(line[1:].strip())
            elif line.strip():
                return _table_of(path, row, line, comments)
    raise EiferError(f"{path.name} holds no table: it has no header.", _EXPORT)


def _table_of(path: Path, row: int, line: str, comments: list[str]) -> Table:
    delimiter = max(_DELIMITERS, key=line.count)
    names = tuple(cell.strip() for cell in _cells(path, row, line, delimiter))
    seen: set[str] = set()
    for name in names:
        # OpenFace has x_0 in the picture and X_0 in space.
        if name and name in seen:
            raise EiferError(f"{path.name} names the column '{name[:40]}' twice.", _EXPORT)
        seen.add(name)
    return Table(path, names, tuple(comments), delimiter, row)


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """The file as text, unpacked where it is a gz; what goes wrong in it becomes a sentence."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        if packed:
            with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
                yield stream
        else:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                yield stream
    except FileNotFoundError as error:
        raise EiferError(f"{path} does not exist.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise EiferError(f"{path.name} is not a text file.", _EXPORT) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EiferError(f"{path.name} is a damaged or cut gz file.", _EXPORT) from error
    except OSError as error:
        raise EiferError(
            f"{path} cannot be read: {error.strerror or error}.", "Choose another file."
        ) from error


def _lines(path: Path, stream: TextIO) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1; endless lines and unpacked floods are refused."""
    total, most = 0, _MOST_UNPACKED if path.suffix.lower() == ".gz" else _MOST_CHARACTERS
    row = 0
    while line := stream.readline(_LONGEST_LINE):
        row += 1
        total += len(line)
        if len(line) >= _LONGEST_LINE or "\0" in line:
            raise EiferError(f"Row {row} of {path.name} is no row of a table.", _EXPORT)
        if total > most:
            raise EiferError(
                f"{path.name} holds more than {most >> 20} MB of text.",
                "Cut it into shorter files.",
            )
        yield row, line


def _cells(path: Path, row: int, line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.strip("\r\n").split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except (csv.Error, StopIteration) as error:
        raise EiferError(f"Row {row} of {path.name} has a broken quotation.", _MEND) from error
