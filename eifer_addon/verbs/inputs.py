"""What the verbs `map` and `export` take: an activity, or a recording that becomes one."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import api
from ..errors import EiferError
from ..exchange import is_activity
from ..signals.activity import Activity
from .base import add_reading_arguments, reading_choices
from .mapping import add_mapping_arguments, chosen_montage


def add_input_arguments(parser: argparse.ArgumentParser, *, scheme: bool = True) -> None:
    """How a recording is read and filtered."""
    add_reading_arguments(parser)
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    add_mapping_arguments(parser, scheme=scheme)
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
    recording = api.read_recording(path, **choices)
    return api.to_activity(
        recording, preset=options.preset, montage=chosen_montage(options, recording),
        profile=options.profile,
    )  # fmt: skip
