"""``eifer inspect``: what is in a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import api
from ..errors import EiferError
from ..signals.activity import Activity
from ..signals.montage import map_channels
from ..signals.recording import Recording
from ..track import ExpressionTrack
from .base import Result

HELP = "Print what is in a recording, track, activity, head or model file."
EXAMPLE = "eifer inspect session.edf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("file", type=Path, help="the file to look into")
    parser.add_argument("--rate", type=float, help="sampling rate in Hz where the file has none")


def run(options: argparse.Namespace) -> Result:
    """Find out what the file is and describe it."""
    path: Path = options.file
    if not path.exists():
        raise EiferError(f"{path} does not exist.", "Check the path.")
    reader = _READERS.get(path.suffix.lower())
    if reader is not None:
        return reader(path)
    choices = {} if options.rate is None else {"rate_hz": options.rate}
    return _describe_recording(api.read_recording(path, **choices))


def _describe_recording(recording: Recording) -> Result:
    values: dict[str, Any] = {
        "kind": "recording",
        "channels": list(recording.channels),
        "units": list(recording.units),
        "rate_hz": recording.rate_hz,
        "duration_s": recording.duration_s,
        "envelopes": recording.holds_envelope,
        "events": [[e.onset_s, e.name, e.duration_s] for e in recording.events],
        "source": dict(recording.source),
    }
    try:
        mapping = map_channels(recording.channels).describe()
    except EiferError as error:
        mapping = str(error)
    values["mapping"] = mapping
    return Result(f"{recording.describe()}\n{mapping}", values)


def _npz(path: Path) -> Result:
    kinds: dict[str, Callable[[Path], Any]] = {
        "expression_track": ExpressionTrack.load,
        "activity": Activity.load,
        "recording": Recording.load,
    }
    last: EiferError | None = None
    for kind, load in kinds.items():
        try:
            found = load(path)
        except EiferError as error:
            last = error
            continue
        if isinstance(found, Recording):
            return _describe_recording(found)
        return Result(found.describe(), {"kind": kind, "description": found.describe()})
    try:
        return _head(path)
    except EiferError as error:
        raise EiferError(
            f"{path} is no track, activity, recording or head that EIFER can read.",
            str(last or error),
        ) from error


def _head(path: Path) -> Result:
    head = api.load_head(path)
    values = {"kind": "head", "vertices": head.n_vertices, "identity": head.n_identity,
              "expression": head.n_expression, "info": dict(head.info)}  # fmt: skip
    return Result(head.describe(), values)


def _model(path: Path) -> Result:
    from ...models.sessions import load_model

    model = load_model(path)
    return Result(model.card.describe(), {"kind": "model", "sha256": model.sha256})


_READERS: dict[str, Callable[[Path], Result]] = {
    ".npz": _npz,
    ".pkl": _head,
    ".onnx": _model,
}
