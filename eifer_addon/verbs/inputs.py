"""What the verbs `map` and `export` take: an activity, or a recording that becomes one."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import api
from ..errors import EiferError
from ..exchange import is_activity
from ..signals.activity import Activity
from .base import add_reading_arguments, reading_choices


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """How a recording is read and filtered."""
    add_reading_arguments(parser)
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    parser.add_argument("--montage", type=Path, help="a JSON file: channel to muscle")
    parser.add_argument("--profile", type=Path, help="a subject's profile from 'eifer calibrate'")


def activity_from(path: Path, options: argparse.Namespace) -> Activity:
    """The activity in a file, or that of a recording.

    Raises
    ------
    EiferError
        When the file is missing, or is neither.
    """
    if not path.exists():
        raise EiferError(f"{path} does not exist.", "Check the path.")
    choices = reading_choices(options)
    if is_activity(path):
        for name in choices:
            raise EiferError(f"'{name}' is no choice of an activity.", "Leave it out.")
        return api.read_activity(path)
    return api.to_activity(
        api.read_recording(path, **choices), preset=options.preset, montage=options.montage,
        profile=options.profile,
    )  # fmt: skip
