"""What every verb shares: its protocol, its result, and the check for Blender."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import EiferError
from ..signals.activity import Activity


@dataclass(frozen=True)
class Result:
    """What a verb found or made.

    Attributes
    ----------
    text : str
        For a person.
    values : dict
        The same as JSON-serialisable values, for ``--json``.
    failed : bool
        Whether a part of the work failed, which the exit code says.
    """

    text: str
    values: dict[str, Any] = field(default_factory=dict)
    failed: bool = False


class Verb(Protocol):
    """The attributes of a verb's module."""

    HELP: str
    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Declare the verb's options."""

    def run(self, options: argparse.Namespace, /) -> Result:
        """Do the work."""


def require_blender() -> None:
    """Say that bpy is missing before any work is done."""
    if importlib.util.find_spec("bpy") is None:
        raise EiferError(
            "This verb needs Blender, and its Python module bpy is not installed here.",
            "Run it as 'blender --command eifer …', or install bpy with pip.",
        )


def require_free(paths: list[Path | None], *, force: bool) -> None:
    """Refuse before any work when an output exists or its folder does not."""
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            raise EiferError(f"{path} is a folder.", "Name a file in it.")
        if path.exists() and not force:
            raise EiferError(f"{path} exists already.", "Choose another name or add --force.")
        if not path.absolute().parent.is_dir():
            raise EiferError(f"The folder of {path} does not exist.", "Create it first.")


def positive(text: str) -> float:
    """An argument that is a number above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return value


def beside(activity: Activity, size: int) -> Callable[[np.ndarray, float], np.ndarray]:
    """A `compose` for films: the envelopes of `activity` to the right of the face.

    Raises
    ------
    EiferError
        When matplotlib, which draws them, is not installed.
    """
    from ..activity_panel import EnvelopePanel

    panel = EnvelopePanel(activity, size=(size, size))
    return lambda frame, seconds: np.concatenate([frame, panel.frame(seconds)], axis=1)


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for what a recording's file leaves open."""
    parser.add_argument("--rate", type=positive, help="sampling rate in Hz where the file has none")
    parser.add_argument(
        "--choose",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what else the file leaves open, such as stream=Amp, clip=ID or dataset=emg",
    )


def reading_choices(options: argparse.Namespace) -> dict[str, Any]:
    """The choices for `api.read_recording` out of :func:`add_reading_arguments`."""
    choices: dict[str, Any] = {} if options.rate is None else {"rate_hz": options.rate}
    for pair in options.choose:
        name, separator, value = pair.partition("=")
        if not separator:
            raise EiferError(f"'{pair}' is no choice.", "Write it as NAME=VALUE.")
        listing = name in ("names", "drop", "units") and "," in value
        truth = {"true": True, "false": False}.get(value.lower(), value)
        choices[name.strip()] = value.split(",") if listing else truth
    return choices
