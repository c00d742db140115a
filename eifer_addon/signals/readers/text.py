"""Tables in text files: encoding, dialect, header lines, and numbers, without guessing silently."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from ...errors import EiferError
from .base import Row, check_finite, one_line, unique_names

_COMMENT = ("#", "%")
_MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "#n/a", "-nan", "nan(ind)"})
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_PAIR = re.compile(r"^[#%\s]*([^=:]+?)\s*(?::=|=|:|\t)\s*(.+)$")
_ROWS_SNIFFED = 30
#: A header and a line of units at most stand above the numbers.
_MOST_HEADER_LINES = 2
_SHOWN = 24


@dataclass(frozen=True)
class Layout:
    """How a text table is written.

    Attributes
    ----------
    names : tuple of str
        One per column, empty where the header is.
    units : tuple of str
        Of the line of units under the header; empty when there is none.
    delimiter : str or None
        None means any white space.
    decimal : str
        ``"."`` or ``","``.
    skip : int
        Lines before the first row of numbers.
    numeric : tuple of bool
        Which columns hold numbers.
    metadata : mapping
        What the comment lines say, keys in lower case.
    encoding : str
    comments : bool
        True when lines such as ``#Key,value`` stand between the rows and are passed over.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    delimiter: str | None
    decimal: str
    skip: int
    numeric: tuple[bool, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8-sig"
    comments: bool = False

    def is_row(self, line: str) -> bool:
        """False for an empty line, and for a comment where these are passed over."""
        told = self.comments and line.startswith("#") and line[1:2].isalpha()
        return bool(line.strip()) and not told

    def cells(self, line: str) -> list[str]:
        """The cells of one line."""
        return _split(line, self.delimiter)


@dataclass(frozen=True)
class Columns:
    """Numbers of some columns: values (n_rows, n_columns), their names and units."""

    values: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def check_finite(self, file_name: str, rate_hz: float, but: Collection[str] = ()) -> None:
        """Raise `EiferError` naming the channel and frames that are not numbers."""
        for name, samples in zip(self.names, self.values.T, strict=True):
            if name not in but:
                check_finite(file_name, name, samples, rate_hz)


def sniff(name: str, head: bytes) -> Layout | None:
    """The layout of a text table from its first bytes; None when it is none.

    Parameters
    ----------
    name : str
        File name, for nothing but the sentence of an error.
    head : bytes
        The first 64 kB or so; a last broken line is ignored.
    """
    del name
    encoding = encoding_of(head)
    if encoding is None:
        return None
    text = head.decode(encoding, errors="replace")
    lines = text.splitlines()
    if len(lines) > 1 and not text.endswith(("\n", "\r")):
        lines = lines[:-1]
    comments, first = _comments(lines)
    body = [line for line in lines[first:] if line.strip()]
    if not body:
        return None
    delimiter = _delimiter(body)
    table = [_split(line, delimiter) for line in body[: _ROWS_SNIFFED + _MOST_HEADER_LINES]]
    decimal = _decimal(table, delimiter)
    n_header = _header_lines(table, decimal)
    if n_header is None:
        return None
    header, rows = table[:n_header], table[n_header:]
    width = len(rows[0])
    if delimiter is None and width == 1:  # one column, whose name may hold spaces
        header = [[line.strip().strip('"')] for line in body[:n_header]]
    numeric = tuple(
        all(_is_number(row[k], decimal) for row in rows if k < len(row)) for k in range(width)
    )
    if not any(numeric):
        return None
    metadata = _metadata(comments)
    skip = _index_of_row(lines, first, n_header)
    units = tuple(header[1]) if n_header == _MOST_HEADER_LINES else ()
    names = tuple(header[0]) if header else _labels(metadata, width)
    return Layout(names, units, delimiter, decimal, skip, numeric, metadata, encoding)


def layout_of(path: Path) -> Layout:
    """The layout of a file; `EiferError` when it is no table of numbers."""
    with path.open("rb") as stream:
        layout = sniff(path.name, stream.read(1 << 16))
    if layout is None:
        raise EiferError(
            f"{path.name} is not a table of numbers.", "Export it as CSV with a header."
        )
    return layout


def column_rows(path: Path, layout: Layout | None = None) -> list[Row]:
    """One row per column, for `eifer inspect`: its name, what it holds, and the first value."""
    layout = layout or layout_of(path)
    lines = 0
    with path.open(encoding=layout.encoding, errors="replace") as stream:
        first: list[str] = []
        for line in islice(stream, layout.skip, None):
            if layout.is_row(line):
                first = first or layout.cells(line)
                lines += 1
    rows = []
    for k in range(max(len(layout.names), len(layout.numeric))):
        known = k < len(layout.numeric)
        rows.append({
            "column": layout.names[k] if k < len(layout.names) else "",
            "holds": ("numbers" if layout.numeric[k] else "text") if known else None,
            "unit": layout.units[k] if k < len(layout.units) else None,
            "first": one_line(first[k])[:_SHOWN] if k < len(first) else None,
            "rows": lines,
        })  # fmt: skip
    return rows


def load_columns(path: Path, wanted: Sequence[int], layout: Layout | None = None) -> Columns:
    """Read the columns `wanted` as float64; what is missing becomes NaN."""
    layout = layout or layout_of(path)
    indices = list(wanted)
    if max(indices, default=0) >= len(layout.numeric):
        raise EiferError(
            f"The header of {path.name} names {len(layout.names)} columns, but its rows have "
            f"{len(layout.numeric)}.",
            "Repair the header, or export the table again.",
        )
    try:
        with path.open(encoding=layout.encoding, errors="replace") as stream:
            values = np.loadtxt(
                _rows(stream, layout),
                delimiter=layout.delimiter,
                usecols=indices,
                ndmin=2,
                comments=None,
                dtype=np.float64,
            )
    except (ValueError, IndexError):
        # Slower, but it knows missing values and the line of an error.
        values = _load_carefully(path, layout, indices)
    if len(values) == 0:
        raise EiferError(f"{path.name} has a header but no rows.", "Export it again.")
    names, notes = unique_names(layout.names[k] for k in indices)
    return Columns(values, names, tuple(notes))


def load_texts(path: Path, column: int, layout: Layout) -> list[str]:
    """The texts of one column, row by row."""
    with path.open(encoding=layout.encoding, errors="replace") as stream:
        rows = (layout.cells(line) for line in _rows(stream, layout))
        return [cells[column].strip() if column < len(cells) else "" for cells in rows]


def _rows(stream: Iterator[str], layout: Layout) -> Iterator[str]:
    for number, line in enumerate(stream):
        if number >= layout.skip and layout.is_row(line):
            plain = _unquoted(line, layout.delimiter)
            yield plain.replace(",", ".") if layout.decimal == "," else plain


def _load_carefully(path: Path, layout: Layout, wanted: Sequence[int]) -> np.ndarray:
    width = len(layout.numeric)
    rows: list[list[float]] = []
    with path.open(encoding=layout.encoding, errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if number <= layout.skip or not layout.is_row(line):
                continue
            cells = layout.cells(line)
            if len(cells) != width:
                raise EiferError(
                    f"Line {number} of {path.name} has {len(cells)} columns instead of {width}.",
                    "Repair or remove the line; the last one may be cut off.",
                )
            rows.append([_value(path, number, layout, cells[k], k) for k in wanted])
    return np.array(rows, np.float64).reshape(-1, len(wanted))


def _value(path: Path, line: int, layout: Layout, cell: str, column: int) -> float:
    text = cell.strip().replace(",", ".") if layout.decimal == "," else cell.strip()
    if text.lower() in _MISSING:
        return float("nan")
    try:
        return float(text)
    except ValueError as error:
        name = layout.names[column] or str(column + 1)
        raise EiferError(
            f"Line {line} of {path.name} holds '{text[:40]}' in column '{name}', not a number.",
            "Repair the line, or leave the column out of the export.",
        ) from error


def encoding_of(head: bytes) -> str | None:
    """The encoding of a text by its first bytes; None for what is no text."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        return None
    try:
        codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=False)
    except UnicodeDecodeError:
        return "cp1252"  # the other encoding that acquisition software on Windows writes
    return "utf-8-sig"


def _comments(lines: list[str]) -> tuple[list[str], int]:
    first = 0
    while first < len(lines) and (
        not lines[first].strip() or lines[first].lstrip().startswith(_COMMENT)
    ):
        first += 1
    return [line for line in lines[:first] if line.strip()], first


def _delimiter(body: list[str]) -> str | None:
    sample = body[_MOST_HEADER_LINES:_ROWS_SNIFFED] or body[-1:]
    for candidate in ("\t", ";", ","):
        counts = {line.rstrip("\r\n").count(candidate) for line in sample}
        if len(counts) == 1 and counts != {0}:
            return candidate
    for candidate in ("\t", ";", ","):  # ragged rows: still a table, the reader names the line
        if sum(candidate in line for line in sample) > len(sample) / 2:
            return candidate
    return None


def _split(line: str, delimiter: str | None) -> list[str]:
    cells = _unquoted(line, delimiter).strip("\r\n").split(delimiter)
    return [cell.strip() for cell in cells]


def _unquoted(line: str, delimiter: str | None) -> str:
    """A line without its quotes; a delimiter inside them is a part of the text and goes, too."""
    if '"' not in line:
        return line
    if delimiter is None or delimiter not in "".join(line.split('"')[1::2]):
        return line.replace('"', "")
    try:
        cells = next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return line.replace('"', "")
    return delimiter.join(cell.replace(delimiter, " ") for cell in cells)


def _decimal(table: list[list[str]], delimiter: str | None) -> str:
    if delimiter == ",":
        return "."
    found = any(_DECIMAL_COMMA.fullmatch(cell) for row in table for cell in row)
    return "," if found else "."


def _is_number(cell: str, decimal: str) -> bool:
    text = cell.replace(",", ".") if decimal == "," else cell
    if text.lower() in _MISSING:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _header_lines(table: list[list[str]], decimal: str) -> int | None:
    """How many lines stand above the first row that holds a number; None without such a row."""
    for index, row in enumerate(table[: _MOST_HEADER_LINES + 1]):
        filled = [cell for cell in row if cell.lower() not in _MISSING]
        numbers = sum(_is_number(cell, decimal) for cell in filled)
        if filled and numbers >= max(1, len(filled) / 3):
            return index
    return None


def _index_of_row(lines: list[str], first: int, n_header: int) -> int:
    """Line index of the first row of numbers, counting blank lines."""
    seen = -1
    for index in range(first, len(lines)):
        seen += bool(lines[index].strip())
        if seen == n_header:
            return index
    return len(lines)


def _metadata(comments: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in comments:
        match = _PAIR.match(line)
        if match:
            found[match[1].strip().lower()] = match[2].strip()
        else:
            found[line.strip("#% \t").lower()] = ""
    return found


def _labels(metadata: Mapping[str, str], width: int) -> tuple[str, ...]:
    """Names of a table without a header: from a "Labels" line, else numbered."""
    listed = re.split(r"[\t,;]", metadata.get("labels", ""))
    names = [name.strip() for name in listed if name.strip()]
    if len(names) == width:
        return tuple(names)
    return tuple(f"channel {k + 1}" for k in range(width))
