"""The driven coefficients for other programs: an LSL stream, the VMC protocol, plain OSC.

The VMC protocol (protocol.vmc.info, version 2.7) is OSC over UDP: values by name, ``Apply`` after
them, whether the sender is ready, and its time. For PerfectSync it refers to the 52 names of
ARKit as Unity writes them, ``BrowDownLeft``, and says that their case matters.
"""

from __future__ import annotations

import hashlib
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ..errors import EiferError
from .lsl import load_lsl
from .osc import Layout, Target

VMC_PORT, OSC_PORT = 39539, 9000
VMC_NAMES = ("perfect-sync", "arkit")
_KEPT_S = 60
_LARGEST_PORT, _HIGHEST_RATE_HZ = 65535, 1000.0
#: Characters that OSC keeps for patterns.
_RESERVED = re.compile(r"[\s#*,?\[\]{}]")
#: A frame counts as due this part of a period early, so that equal rates do not miss frames.
_EARLY = 0.1


@dataclass(frozen=True)
class Outgoing:
    """Where the coefficients go; nothing is sent by default.

    Attributes
    ----------
    lsl_name : str or None
        Name of an LSL stream of type ``Expression`` with every frame.
    vmc_host : str or None
        Receiver of the VMC protocol, for example ``"127.0.0.1"``.
    vmc_port : int
    vmc_names : str
        ``"perfect-sync"``: ``BrowDownLeft``; ``"arkit"``: ``browDownLeft``.
    osc_host : str or None
        Receiver of one OSC message per coefficient.
    osc_port : int
    osc_address : str
        With ``{name}`` for the coefficient's name.
    rate_hz : float
        Most frames per second by VMC and OSC; of several new ones only the newest is sent.
    """

    lsl_name: str | None = None
    vmc_host: str | None = None
    vmc_port: int = VMC_PORT
    vmc_names: str = "perfect-sync"
    osc_host: str | None = None
    osc_port: int = OSC_PORT
    osc_address: str = "/eifer/{name}"
    rate_hz: float = 60.0

    def __post_init__(self) -> None:
        for port in (self.vmc_port, self.osc_port):
            if not 0 < port <= _LARGEST_PORT:
                raise EiferError(f"There is no port {port}.", f"Choose 1 to {_LARGEST_PORT}.")
        if not 0 < self.rate_hz <= _HIGHEST_RATE_HZ:
            raise EiferError(
                f"A rate of {self.rate_hz:g} Hz is not possible.", "Choose 1 to 1000 Hz."
            )
        if self.vmc_names not in VMC_NAMES:
            raise EiferError(
                f"There are no VMC names '{self.vmc_names}'.", f"Use {' or '.join(VMC_NAMES)}."
            )
        plain = self.osc_address.replace("{name}", "")
        if not plain.startswith("/") or plain == self.osc_address or _RESERVED.search(plain):
            raise EiferError(
                f"'{self.osc_address}' is no OSC address.", "Write for example /eifer/{name}."
            )

    @property
    def is_silent(self) -> bool:
        """Whether nothing is sent."""
        return not (self.lsl_name or self.vmc_host or self.osc_host)

    def to_document(self) -> dict[str, Any]:
        """JSON-serialisable values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Outgoing:
        """What :meth:`to_document` gave; what is missing has its default."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})


class OutgoingStreams:
    """All that is sent out of one live session; made in the child process.

    Parameters
    ----------
    settings : Outgoing
    names : sequence of str
        Of the coefficients, in order.
    clock : callable, optional
        The clock of the timestamps, in s; LSL's own by default.

    Raises
    ------
    EiferError
        When a stream is wanted and liblsl is missing, or OSC and python-osc is missing.
    """

    def __init__(
        self,
        settings: Outgoing,
        names: Sequence[str],
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._outlet = (
            ExpressionOutlet(settings.lsl_name, names, clock) if settings.lsl_name else None
        )
        self._senders: list[VmcSender | OscSender] = []
        if settings.vmc_host:
            chosen = vmc_names(names) if settings.vmc_names == "perfect-sync" else tuple(names)
            self._senders.append(VmcSender(settings.vmc_host, settings.vmc_port, chosen))
        if settings.osc_host:
            addresses = [settings.osc_address.replace("{name}", name) for name in names]
            self._senders.append(OscSender(settings.osc_host, settings.osc_port, addresses))
        self._period_s = 1 / settings.rate_hz
        self._due_s = -math.inf

    def send(
        self, timestamps: np.ndarray, coefficients: np.ndarray, head_pose: np.ndarray | None = None
    ) -> None:
        """Send what is new; never waits and never fails.

        Parameters
        ----------
        timestamps : numpy.ndarray
            float64 (n,), in s.
        coefficients : numpy.ndarray
            (n, n_coefficients).
        head_pose : numpy.ndarray, optional
            (n, 6) as in an `ExpressionTrack`; sent as the bone ``Head`` by VMC.
        """
        if len(timestamps) == 0:
            return
        if self._outlet is not None:
            self._outlet.send(timestamps, coefficients)
        newest_s = float(timestamps[-1])
        if self._senders and self._is_due(newest_s):
            pose = None if head_pose is None else head_pose[-1]
            for sender in self._senders:
                sender.send(newest_s, coefficients[-1], pose)

    def _is_due(self, now_s: float) -> bool:
        if now_s < self._due_s - _EARLY * self._period_s:
            # A clock that was set back must not silence the stream.
            if now_s > self._due_s - 2 * self._period_s:
                return False
            self._due_s = now_s
        is_behind = now_s - self._due_s >= self._period_s
        self._due_s = (now_s if is_behind else self._due_s) + self._period_s
        return True

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence per receiver that cannot be reached now."""
        return tuple(s.target.problem for s in self._senders if s.target.problem)

    def close(self) -> None:
        """End all streams."""
        self._outlet = None
        for sender in self._senders:
            sender.target.close()
        self._senders = []


class ExpressionOutlet:
    """Coefficients as an LSL stream.

    Its rate is irregular, and each frame has its own time stamp, because frames stop while the
    source is lost and their rate changes with the source; nothing is lost by it.

    Parameters
    ----------
    name : str
    names : sequence of str
        The coefficients', which become the channels' labels.
    clock : callable, optional
        The clock of the timestamps; LSL's own by default.
    """

    def __init__(
        self, name: str, names: Sequence[str], clock: Callable[[], float] | None = None
    ) -> None:
        lsl = load_lsl()
        known = f"{platform.node()}|{name}|expression".encode()
        info = lsl.StreamInfo(
            name, "Expression", len(names), lsl.IRREGULAR_RATE, "float32",
            f"eifer-{hashlib.sha256(known).hexdigest()[:12]}",
        )  # fmt: skip
        info.desc().append_child_value("manufacturer", "EIFER")
        channels = info.desc().append_child("channels")
        for label in names:
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("type", "Expression")
        self._outlet: Any = lsl.StreamOutlet(info, 0, _KEPT_S)
        self._offset_s = 0.0 if clock is None else lsl.local_clock() - clock()

    def send(self, timestamps: np.ndarray, coefficients: np.ndarray) -> None:
        """Send frames (n, n_coefficients) with their times (n,) in s."""
        self._outlet.push_chunk(coefficients, (timestamps + self._offset_s).tolist())


class VmcSender:
    """Coefficients, and a head pose when there is one, by the VMC protocol.

    Parameters
    ----------
    host : str
    port : int
    names : sequence of str
        As the receiver calls them, see :func:`vmc_names`.
    """

    def __init__(self, host: str, port: int, names: Sequence[str]) -> None:
        values = [("/VMC/Ext/Blend/Val", (name,), 1) for name in names]
        # Loaded; calibrated, in the normal mode; tracking.
        end = [("/VMC/Ext/Blend/Apply", (), 0), ("/VMC/Ext/OK", (1, 3, 0, 1), 0),
               ("/VMC/Ext/T", (), 1)]  # fmt: skip
        self._layout = Layout([*values, *end])
        self._with_head = Layout([("/VMC/Ext/Bone/Pos", ("Head",), 7), *values, *end])
        self.target = Target(host, port)
        self._start_s: float | None = None

    def send(self, time_s: float, values: np.ndarray, head_pose: np.ndarray | None) -> None:
        """Send one frame: values (n_coefficients,), pose (6,) or None."""
        if self._start_s is None:
            self._start_s = time_s
        parts = [values, np.array([time_s - self._start_s])]
        layout = self._layout
        if head_pose is not None:
            layout = self._with_head
            parts = [np.zeros(3), unity_rotation(head_pose[:3]), *parts]
        self.target.send(layout.fill(np.concatenate(parts)))


class OscSender:
    """One OSC message per coefficient.

    Parameters
    ----------
    host : str
    port : int
    addresses : sequence of str
        One per coefficient.
    """

    def __init__(self, host: str, port: int, addresses: Sequence[str]) -> None:
        self._layout = Layout([(address, (), 1) for address in addresses])
        self.target = Target(host, port)

    def send(self, time_s: float, values: np.ndarray, head_pose: np.ndarray | None) -> None:  # noqa: ARG002
        """Send one frame (n_coefficients,)."""
        self.target.send(self._layout.fill(values))


def vmc_names(names: Sequence[str]) -> tuple[str, ...]:
    """PerfectSync's names: ``browDownLeft`` becomes ``BrowDownLeft``."""
    return tuple(name[:1].upper() + name[1:] for name in names)


def unity_rotation(axis_angle: np.ndarray) -> np.ndarray:
    """A rotation in our axes as Unity's quaternion.

    Ours are right-handed with x to the person's left, y up and z forward; Unity's are left-handed
    with x to the right.

    Parameters
    ----------
    axis_angle : numpy.ndarray
        (3,) in rad.

    Returns
    -------
    numpy.ndarray
        (4,): x, y, z, w.
    """
    angle = float(np.linalg.norm(axis_angle))
    half = np.asarray(axis_angle, np.float64) * (0.5 * np.sinc(angle / (2 * np.pi)))
    return np.array([half[0], -half[1], -half[2], np.cos(angle / 2)])
