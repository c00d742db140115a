"""``eifer calibrate``: a recording of rest and movements becomes a subject's profile."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import api
from ..errors import EiferError
from .base import Result, add_reading_arguments, positive, reading_choices, require_free
from .mapping import add_mapping_arguments, chosen_montage

if TYPE_CHECKING:
    from ..signals.calibration import Profile
    from ..signals.montage import Montage
    from ..signals.recording import Recording
    from ..track import ExpressionTrack

HELP = "Make a subject's profile from rest and calibration movements."
EXAMPLE = "eifer calibrate movements.edf --out subject.json --events events.tsv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("recording", type=Path, help="a recording with rest and movements")
    parser.add_argument("--out", type=Path, required=True, help="the profile (.json) to write")
    parser.add_argument(
        "--session", help="of an MMM or MaM folder, whose movements are clips, e.g. 99_2S"
    )
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
    parser.add_argument(
        "--adjust", type=Path, metavar="PROFILE",
        help="carry this profile over to electrodes that were put on again: a minute of rest and "
        "a few of the movements",
    )  # fmt: skip
    _add_gain_arguments(parser)
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    add_reading_arguments(parser)
    add_mapping_arguments(parser)
    parser.add_argument("--subject", default="", help="a pseudonym to write into the profile")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def _add_gain_arguments(parser: argparse.ArgumentParser) -> None:
    faces = parser.add_mutually_exclusive_group()
    faces.add_argument(
        "--poses", metavar="FILE",
        help="fit expression gains to this table of poses (.json), or to 'instructed': the "
        "movements as they are asked for",
    )  # fmt: skip
    faces.add_argument(
        "--track",
        type=Path,
        help="fit expression gains to what this track shows, for example of the session's video",
    )
    parser.add_argument(
        "--sync", type=Path, help="from 'eifer sync': how the track's clock lies to the recording's"
    )


def run(options: argparse.Namespace) -> Result:
    """Read, find the movements, measure, and write the profile."""
    require_free([options.out], force=options.force)
    _check(options)
    recording = _recording(options)
    montage = chosen_montage(options, recording)
    profile = _profile(options, recording, montage)
    if options.poses or options.track:
        profile = api.fit_gains(
            profile, recording, poses=options.poses, track=_track(options), montage=montage
        )
    profile.save(options.out, overwrite=options.force)
    hints = api.check_quality(recording, list(dict.fromkeys(montage.channels.values()))).hints
    text = "\n".join([profile.describe(), *hints, f"profile: {options.out}"])
    values: dict[str, Any] = profile.as_document()
    return Result(text, values | {"files": {"profile": str(options.out)}, "hints": list(hints)})


def _recording(options: argparse.Namespace) -> Recording:
    from ..signals.clips import holds_clips, session_of_clips

    choices = reading_choices(options)
    if not choices and holds_clips(options.recording):
        return session_of_clips(options.recording, options.session)
    if options.session:
        raise EiferError("--session chooses among the clips of an MMM folder.", "Leave it out.")
    return api.read_recording(options.recording, **choices)


def _check(options: argparse.Namespace) -> None:
    if options.adjust and (options.mvc or options.poses or options.track):
        raise EiferError(
            "--adjust carries a profile over and takes no --mvc, --poses or --track.",
            "Leave them out, or calibrate anew without --adjust.",
        )
    if options.sync and not options.track:
        raise EiferError("--sync tells about a --track.", "Name the track, or leave --sync out.")


def _profile(options: argparse.Namespace, recording: Recording, montage: Montage) -> Profile:
    from ..signals.calibration import Profile
    from ..signals.movements import read_windows

    windows = read_windows(options.events) if options.events else None
    if options.adjust:
        return api.adjust_profile(
            Profile.load(options.adjust), recording, montage=montage, windows=windows,
            crosstalk=options.crosstalk,
        )  # fmt: skip
    return api.calibrate(
        recording, windows=windows, mvc=dict(options.mvc), preset=options.preset, montage=montage,
        subject=options.subject, crosstalk=options.crosstalk,
    )  # fmt: skip


def _track(options: argparse.Namespace) -> ExpressionTrack | None:
    from ..signals.sync_result import Sync

    if options.track is None:
        return None
    track = api.read_track(options.track)
    return api.shifted(track, Sync.load(options.sync)) if options.sync else track


def _maximum(text: str) -> tuple[str, float]:
    muscle, _, value = text.partition("=")
    try:
        return muscle.strip(), positive(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not MUSCLE=VALUE") from error
