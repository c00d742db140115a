"""Arguments about the montage, which all verbs that take a recording share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import api
from ..signals.montage import SIDES, Montage
from ..signals.montage_schemes import SCHEMES
from ..signals.recording import Recording
from .base import require_free


def add_mapping_arguments(parser: argparse.ArgumentParser, *, scheme: bool = True) -> None:
    """Which channel is which muscle.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    scheme : bool
        False for a verb that has a ``--scheme`` of its own.
    """
    parser.add_argument("--montage", type=Path, help="a JSON file: channels and pairs to muscles")
    parser.add_argument(
        "--map", dest="targets", action="append", default=[], metavar="CHANNEL=MUSCLE",
        type=_target,
        help="map a channel or a pair, e.g. 'EMG 3=zygomaticus.left', 'A - B=corrugator.right' or "
        "'EMG 9=none'; may be repeated",
    )  # fmt: skip
    if scheme:
        parser.add_argument(
            "--scheme", choices=SCHEMES, default="auto",
            help="what electrode codes such as F3 or E3 mean (default: auto)",
        )  # fmt: skip
    parser.add_argument(
        "--sides", choices=SIDES, default="both",
        help="the subject's side that was recorded; swap where names mean the sides as seen in the "
        "image (default: both, by the names)",
    )  # fmt: skip
    parser.add_argument(
        "--save-montage", type=Path, metavar="FILE", help="write the mapping as JSON for --montage"
    )


def add_fill_argument(parser: argparse.ArgumentParser) -> None:
    """What stands for muscles that were not recorded."""
    parser.add_argument(
        "--fill", choices=("rest", "mirror"), default="rest",
        help="muscles that were not recorded rest, or move as those of the other side do "
        "(default: rest)",
    )  # fmt: skip


def chosen_montage(options: argparse.Namespace, recording: Recording) -> Montage:
    """The montage that the options ask for; saved where they say so."""
    require_free([options.save_montage], force=getattr(options, "force", False))
    montage = api.map_channels(recording, options.montage, options.scheme or "auto", options.sides)
    for channel, target in options.targets:
        montage = montage.with_target(channel, target)
    if options.save_montage:
        montage.save(options.save_montage)
    return montage


def montage_rows(montage: Montage) -> list[dict[str, Any]]:
    """The mapping as rows for a table or JSON."""
    part_of = {name: pair for pair, names in montage.pairs.items() for name in names}
    return [
        {
            "channel": match.channel,
            "muscle": match.muscle,
            "side": match.side,
            "score": match.score if match.muscle else None,
            "note": match.note
            or (f"in '{part_of[match.channel]}'" if match.channel in part_of else None),
        }
        for match in montage.matches
    ]


def _target(text: str) -> tuple[str, str | None]:
    channel, equals, target = text.rpartition("=")
    if not equals or not channel.strip():
        raise argparse.ArgumentTypeError(f"{text} is not CHANNEL=MUSCLE")
    return channel.strip(), target.strip() or None
