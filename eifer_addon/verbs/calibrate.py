"""``eifer calibrate``: a recording of rest and movements becomes a subject's profile."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import api
from ..errors import EiferError
from .base import Result, add_reading_arguments, positive, reading_choices, require_free
from .mapping import add_mapping_arguments, chosen_montage

HELP = "Make a subject's profile from rest and calibration movements."
EXAMPLE = "eifer calibrate movements.edf --out subject.json --events events.tsv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("recording", type=Path, help="a recording with rest and movements")
    parser.add_argument("--out", type=Path, required=True, help="the profile (.json) to write")
    parser.add_argument(
        "--events", type=Path,
        help="a table with onset, duration and name, in seconds (default: the recording's events, "
        "else found in the activity)",
    )  # fmt: skip
    parser.add_argument(
        "--mvc", action="append", default=[], metavar="MUSCLE=VALUE", type=_maximum,
        help="a known maximum in the recording's unit, e.g. zygomaticus.left=180",
    )  # fmt: skip
    parser.add_argument(
        "--crosstalk", action="store_true", help="estimate what channels see of their neighbours"
    )
    parser.add_argument("--adjust", type=Path, help="an older profile to carry over")
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    add_reading_arguments(parser)
    add_mapping_arguments(parser)
    parser.add_argument("--subject", default="", help="a pseudonym to write into the profile")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> Result:
    """Read, find the movements, measure, and write the profile."""
    from ..signals import calibration
    from ..signals.movements import read_windows

    require_free([options.out], force=options.force)
    recording = api.read_recording(options.recording, **reading_choices(options))
    montage = chosen_montage(options, recording)
    if options.adjust:
        if options.events or options.mvc or options.crosstalk:
            raise EiferError(
                "--adjust carries a profile over and takes no --events, --mvc or --crosstalk.",
                "Leave them out, or calibrate anew without --adjust.",
            )
        older = calibration.Profile.load(options.adjust)
        profile = calibration.adjust(older, recording, montage)
    else:
        profile = api.calibrate(
            recording,
            windows=read_windows(options.events) if options.events else None,
            mvc=dict(options.mvc),
            preset=options.preset,
            montage=montage,
            subject=options.subject,
            crosstalk=options.crosstalk,
        )
    profile.save(options.out, overwrite=options.force)
    hints = api.check_quality(recording, list(dict.fromkeys(montage.channels.values()))).hints
    text = "\n".join([profile.describe(), *hints, f"profile: {options.out}"])
    values: dict[str, Any] = profile.as_document()
    return Result(text, values | {"files": {"profile": str(options.out)}, "hints": list(hints)})


def _maximum(text: str) -> tuple[str, float]:
    muscle, _, value = text.partition("=")
    try:
        return muscle.strip(), positive(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not MUSCLE=VALUE") from error
