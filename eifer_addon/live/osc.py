"""OSC datagrams that are laid out once and filled in for each frame, and where they go.

Building 52 messages anew takes over a millisecond, which the live path cannot spare; filling a
finished datagram takes some microseconds.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import EiferError

#: A datagram stays whole on Ethernet and Wi-Fi up to here; larger ones are sent in fragments.
LARGEST_DATAGRAM = 1400
_BUNDLE_HEADER, _SIZE, _FLOAT = 16, 4, 4
_REMEDY = "Install it with: pip install python-osc"


class Layout:
    """Messages whose last arguments are floats, as bundles.

    Parameters
    ----------
    messages : sequence of (str, sequence, int)
        Address, the leading arguments (text or whole numbers), and how many floats follow.

    Raises
    ------
    EiferError
        When python-osc is missing.
    """

    def __init__(self, messages: Sequence[tuple[str, Sequence[Any], int]]) -> None:
        self.n_floats = sum(n for _, _, n in messages)
        self._datagrams: list[np.ndarray] = []
        self._places: list[np.ndarray] = []
        self._starts: list[int] = []
        waiting: list[tuple[Any, int]] = []
        size = filled = 0
        for address, leading, n_floats in messages:
            message = _message(address, leading, n_floats)
            if waiting and size + _SIZE + message.size > LARGEST_DATAGRAM - _BUNDLE_HEADER:
                filled += self._add(waiting, filled)
                waiting, size = [], 0
            waiting.append((message, n_floats))
            size += _SIZE + message.size
        self._add(waiting, filled)

    def _add(self, messages: list[tuple[Any, int]], filled: int) -> int:
        """Lay out one datagram; how many floats it holds."""
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder

        bundle = OscBundleBuilder(IMMEDIATELY)
        places, place = [], _BUNDLE_HEADER
        for message, n_floats in messages:
            bundle.add_content(message)
            place += _SIZE + message.size
            places += [place - _FLOAT * k for k in range(n_floats, 0, -1)]
        self._datagrams.append(np.frombuffer(bundle.build().dgram, np.uint8).copy())
        self._places.append(np.array(places, int).reshape(-1, 1) + np.arange(_FLOAT))
        self._starts.append(filled)
        return len(places)

    def fill(self, values: np.ndarray) -> list[bytes]:
        """The datagrams with `values` (n_floats,) in the order of the messages."""
        raw = np.ascontiguousarray(values, ">f4").view(np.uint8).reshape(-1, _FLOAT)
        for datagram, places, start in zip(
            self._datagrams, self._places, self._starts, strict=True
        ):
            datagram[places] = raw[start : start + len(places)]
        return [datagram.tobytes() for datagram in self._datagrams]


def _message(address: str, leading: Sequence[Any], n_floats: int) -> Any:
    try:
        from pythonosc.osc_message_builder import OscMessageBuilder
    except ImportError as error:
        raise EiferError("The package python-osc is not installed.", _REMEDY) from error
    builder = OscMessageBuilder(address)
    for value in leading:
        builder.add_arg(value)
    for _ in range(n_floats):
        builder.add_arg(0.0, "f")
    return builder.build()


class Target:
    """Where datagrams go: sending never waits and never fails.

    Parameters
    ----------
    host : str
        Name or address; a name is looked up in a thread, and nothing is sent until it is known.
    port : int

    Attributes
    ----------
    n_sent, n_dropped : int
        Datagrams.
    problem : str
        What kept the last one from being sent; empty when nothing did.
    """

    def __init__(self, host: str, port: int) -> None:
        self._where = f"{host}:{port}"
        self.n_sent = self.n_dropped = 0
        self.problem = ""
        self._socket: socket.socket | None = None
        self._address: Any = None
        self._is_closed = False
        looking = threading.Thread(target=self._look_up, args=(host, port), daemon=True)
        looking.start()
        # Addresses in numbers are there at once.
        looking.join(0.05)

    def _look_up(self, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            opened = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError, OverflowError) as error:
            self.problem = f"{self._where} cannot be reached: {error}."
            return
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._address = address
        if self._is_closed:
            opened.close()
        else:
            self._socket = opened

    def send(self, datagrams: Sequence[bytes]) -> None:
        """Send, or drop what cannot be sent now."""
        for datagram in datagrams:
            try:
                if self._socket is None:
                    self.n_dropped += 1
                    continue
                self._socket.sendto(datagram, self._address)
                self.n_sent += 1
                self.problem = ""
            except OSError as error:
                self.n_dropped += 1
                self.problem = f"{self._where} cannot be reached: {error.strerror or error}."

    def close(self) -> None:
        """Close the socket."""
        self._is_closed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None
