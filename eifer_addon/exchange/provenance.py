"""Where an exported file comes from, as JSON: in a header, or beside a file that has none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..files import atomic_path
from ..signals.activity import Activity
from ..track import ExpressionTrack

_SOFTWARE = "eifer"
_LONGEST = 1 << 22


def is_simulated(item: ExpressionTrack | Activity) -> bool:
    """Whether the signal behind a track or an activity was simulated."""
    notes = item.provenance if isinstance(item, ExpressionTrack) else item.source
    return bool(notes.get("simulated", False))


def describe(item: ExpressionTrack | Activity) -> dict[str, Any]:
    """What an exported file says about itself, JSON-serialisable."""
    from ..version import software_version

    shared: dict[str, Any] = {
        "software": f"{_SOFTWARE} {software_version()}", "simulated": is_simulated(item)
    }  # fmt: skip
    if isinstance(item, ExpressionTrack):
        return shared | {"space": item.space.name, "provenance": plain(item.provenance)}
    return shared | {
        "rate_hz": item.rate_hz, "start_s": item.start_s, "delay_ms": item.delay_ms,
        "filters": list(item.filters), "channels": list(item.channels),
        "unmapped": list(item.unmapped), "baseline": [float(x) for x in item.baseline],
        "scale": [float(x) for x in item.scale], "events": [list(event) for event in item.events],
        "source": plain(item.source),
    }  # fmt: skip


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping as JSON takes it; what JSON does not know becomes text."""
    copy: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return copy


def sidecar_path(path: Path) -> Path:
    """The JSON file beside a file that has no place for comments."""
    return path.with_suffix(".json")


def write_json(path: Path, values: Mapping[str, Any], *, overwrite: bool) -> Path:
    """Write JSON that a person can read, whole or not at all."""
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(
            json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return path


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; `EiferError` naming the file when there is none."""
    try:
        if path.stat().st_size > _LONGEST:
            raise ValueError("it is too large")
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EiferError(f"{path.name} is no JSON that can be read.", "Export it again.") from error
    if not isinstance(values, dict):
        raise EiferError(f"{path.name} is no JSON that can be read.", "Export it again.")
    return values


def read_sidecar(path: Path) -> dict[str, Any]:
    """What our sidecar beside `path` says, so that a simulated take stays marked; {} without one.

    Other programs put JSON files of their own beside their takes; those are left alone.
    """
    beside = sidecar_path(path)
    if beside == path or not beside.is_file() or beside.stat().st_size > _LONGEST:
        return {}
    try:
        values = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict) or not str(values.get("software", "")).startswith(_SOFTWARE):
        return {}
    return {"simulated": bool(values.get("simulated")), "exported": values.get("provenance", {})}


def parse_json(path: Path, what: str, text: str) -> Any:
    """JSON of a comment line; `EiferError` naming the file when it is damaged."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EiferError(
            f"The line '{what}' of {path.name} is damaged.", "Export the file again."
        ) from error
