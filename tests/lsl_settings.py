"""Settings of liblsl for tests and benchmarks: nothing leaves this machine.

liblsl reads them once, when it is loaded, so this comes before that.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path

#: Loopback only, and a session of this run alone: another run on this machine stays unseen. On
#: loopback, answers are there sooner than liblsl expects of a network, so it asks sooner again.
SETTINGS = """
[ports]
IPv6=disable
MulticastPort={port}
BasePort={base}
PortRange=60
[multicast]
ResolveScope=machine
AddressesOverride={{127.0.0.1}}
ListenAddress=127.0.0.1
IPv6=disable
[lab]
KnownPeers={{127.0.0.1}}
SessionID={session}
[tuning]
MulticastMinRTT=0.1
UnicastMinRTT=0.2
ContinuousResolveInterval=0.2
[log]
level=-2
"""
#: Below the ports that the system gives out.
_FIRST_PORT, _PORTS, _RUNS = 20_000, 64, 180


def use_loopback_only() -> Path:
    """Write the settings, let ``LSLAPICFG`` name them for this process and its children."""
    path = Path(tempfile.mkdtemp(prefix="eifer-lsl-")) / "lsl_api.cfg"
    # Workers of pytest-xdist share the number of their run: blocks side by side are never the same.
    run = uuid.UUID(os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    # Ports of its own, too: LSL has but 32, and another run's resolvers can hold all of them.
    port = _FIRST_PORT + _PORTS * ((run.int + worker) % _RUNS)
    session = f"test-{run.hex[:12]}-{worker}"
    text = SETTINGS.format(session=session, port=port, base=port + 1)
    path.write_text(text, encoding="utf-8")
    os.environ["LSLAPICFG"] = str(path)
    return path
