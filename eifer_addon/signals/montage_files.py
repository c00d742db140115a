"""Montages as JSON files.

``{"format_version": 2, "channels": {"CH 1": "zygomaticus.left", "CH 2": null},
"pairs": [{"plus": "CH 3", "minus": "CH 4", "muscle": "corrugator.left"}]}``. Format 1 has no
pairs and is read, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import EiferError
from ..files import atomic_path

FORMAT_VERSION = 2
_LARGEST = 1 << 20
#: A channel, or the two channels of a pair.
PairKey: TypeAlias = str | tuple[str, str]


def write_montage(
    path: str | Path, targets: Mapping[PairKey, str | None], *, overwrite: bool = True
) -> Path:
    """Write targets by channel and by (plus, minus)."""
    document = {
        "format_version": FORMAT_VERSION,
        "channels": {key: target for key, target in targets.items() if isinstance(key, str)},
        "pairs": [
            {"plus": key[0], "minus": key[1], "muscle": target}
            for key, target in targets.items()
            if isinstance(key, tuple)
        ],
    }
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")
    return Path(path)


def read_montage(path: Path) -> dict[PairKey, str | None]:
    """Targets by channel and by (plus, minus) of a file of format 1 or 2.

    Raises
    ------
    EiferError
        When the file cannot be read, is no montage, or is of a later format.
    """
    document = _document(path)
    version = document.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _no_montage(path, "its format_version is missing")
    if version > FORMAT_VERSION:
        raise EiferError(f"{path.name} needs a newer EIFER (montage format {version}).", "Update.")
    channels, pairs = document.get("channels", {}), document.get("pairs", [])
    if "channels" not in document and "pairs" not in document:
        raise _no_montage(path, "it has no channels")
    if not isinstance(channels, dict) or not isinstance(pairs, list):
        raise _no_montage(path, "channels must be an object and pairs a list")
    targets: dict[PairKey, str | None] = {}
    for channel, target in channels.items():
        targets[channel] = _target(path, f"channel '{channel}'", target)
    for number, pair in enumerate(pairs, 1):
        plus, minus = _members(path, number, pair)
        targets[(plus, minus)] = _target(path, f"pair {number}", pair.get("muscle"))
    return targets


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise _no_montage(path, "it is far too large for one")
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise EiferError(f"The montage {path} could not be read.", "Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise _no_montage(path, "it is not JSON") from error
    if not isinstance(document, dict):
        raise _no_montage(path, "it is no JSON object")
    return document


def _members(path: Path, number: int, pair: Any) -> tuple[str, str]:
    names = [pair.get(key) for key in ("plus", "minus")] if isinstance(pair, dict) else []
    if len(names) != 2 or not all(isinstance(name, str) and name for name in names):
        raise _no_montage(path, f"pair {number} does not name two channels as plus and minus")
    return str(names[0]), str(names[1])


def _target(path: Path, what: str, target: Any) -> str | None:
    if target is not None and not isinstance(target, str):
        raise _no_montage(path, f"the muscle of {what} is no text")
    return target


def _no_montage(path: Path, why: str) -> EiferError:
    return EiferError(
        f"{path.name} is not a montage: {why}.",
        'It must hold {"format_version": 2, "channels": {"channel": "muscle.side"}, "pairs": '
        '[{"plus": "channel", "minus": "channel", "muscle": "muscle.side"}]}.',
    )
