"""Small files beside a recording: tables of texts with a header, and JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from ...errors import EiferError
from .base import one_line

_MAX_BYTES = 1 << 25


def _text(path: Path) -> str:
    if path.stat().st_size > _MAX_BYTES:
        raise EiferError(f"{path.name} is too large for a sidecar.", "Choose the right folder.")
    return path.read_bytes().decode("utf-8-sig", "replace").replace("\0", "")


def read_rows(path: Path, delimiter: str) -> list[dict[str, str]]:
    """The rows of a table, keys in lower case; a row with another number of cells is refused."""
    try:
        lines = list(csv.reader(_text(path).splitlines(), delimiter=delimiter, strict=False))
    except csv.Error as error:
        raise EiferError(f"{path.name} is not a table: {error}.", "Repair the file.") from error
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        raise EiferError(f"{path.name} is empty.", "Copy the file again.")
    names = [one_line(name).lower() for name in lines[0]]
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(names):
            raise EiferError(
                f"Row {number} of {path.name} has {len(line)} columns instead of {len(names)}.",
                "Repair the row.",
            )
    return [dict(zip(names, (one_line(cell) for cell in line), strict=True)) for line in lines[1:]]


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise EiferError(
            f"{path.name} is not JSON: {one_line(str(error))}.", "Repair the file."
        ) from error
    if not isinstance(found, dict):
        raise EiferError(f"{path.name} holds no JSON object.", "Repair the file.")
    return found


def is_known(cell: str | None) -> bool:
    """False for a cell that says that there is nothing to say."""
    return bool(cell) and str(cell).strip().lower() not in ("n/a", "na", "nan", "none", "-")
