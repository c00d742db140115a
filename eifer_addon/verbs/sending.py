"""Arguments for sending the coefficients to other programs."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import EiferError
from ..live.outgoing import OSC_PORT, VMC_PORT, Outgoing


def add_sending_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the coefficients go while they are made."""
    add = parser.add_argument
    add("--send-lsl", metavar="NAME", help="send the coefficients as an LSL stream of this name")
    add("--send-vmc", metavar="HOST[:PORT]", help=f"and by the VMC protocol (port {VMC_PORT})")
    add("--send-osc", metavar="HOST[:PORT]", help=f"and by plain OSC (port {OSC_PORT})")
    add("--osc-address", default=Outgoing.osc_address, help="of each coefficient by plain OSC")


def outgoing_of(options: argparse.Namespace) -> dict[str, Any]:
    """What :func:`add_sending_arguments` asked for, as `LiveSettings` take it.

    Raises
    ------
    EiferError
        For a port or address that cannot be.
    """
    chosen: dict[str, Any] = {"lsl_name": options.send_lsl, "osc_address": options.osc_address}
    for key, text in (("vmc", options.send_vmc), ("osc", options.send_osc)):
        if text is not None:
            chosen |= _receiver(key, text)
    outgoing = Outgoing(**chosen)
    return {} if outgoing.is_silent else outgoing.to_document()


def _receiver(key: str, text: str) -> dict[str, Any]:
    """Host and port out of ``host``, ``host:port`` or ``[address]:port``."""
    host, separator, port = text.rpartition(":")
    if not separator or "]" in port or (":" in host and not host.startswith("[")):
        return {f"{key}_host": text.strip("[]")}
    if not port.isdecimal():
        raise EiferError(f"'{text}' names no port.", "Write it as HOST or HOST:PORT.")
    return {f"{key}_host": host.strip("[]"), f"{key}_port": int(port)}
