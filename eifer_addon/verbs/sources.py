"""``eifer sources``: the streams on the network."""

from __future__ import annotations

import argparse

from .. import api
from .base import Result, positive

HELP = "List the streams of the Lab Streaming Layer on the network."
EXAMPLE = "eifer sources --type EMG"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--wait", type=positive, default=1.5, metavar="S", help="how long to listen (default 1.5)"
    )
    parser.add_argument("--name", help="only streams of this name")
    parser.add_argument("--type", help="only streams of this type, for example EMG")
    parser.add_argument("--source-id", help="only the stream of this device")
    parser.add_argument("--channels", action="store_true", help="list the channels, too")


def run(options: argparse.Namespace) -> Result:
    """Listen, and list what answers."""
    found = api.find_sources(
        options.wait, name=options.name, type=options.type, source_id=options.source_id
    )
    lines = []
    for facts in found:
        lines.append(facts.describe())
        lines.append(f"  source id: {facts.source_id or 'none'}")
        if facts.manufacturer:
            lines.append(f"  manufacturer: {facts.manufacturer}")
        if options.channels:
            named = zip(facts.channels, facts.units, strict=True)
            lines.append("  channels: " + ", ".join(f"{name} [{unit}]" for name, unit in named))
    if not found:
        lines = [
            "No stream was found. Start the amplifier's LSL program (or 'eifer play --simulate'), "
            "or look whether a firewall stands between."
        ]
    return Result("\n".join(lines), {"streams": [facts.to_document() for facts in found]})
