"""Fixtures for tests of streams: nothing leaves this machine, and no test sees another's streams.

liblsl reads its settings once, when it is loaded, so they are set while pytest collects.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lsl_settings import use_loopback_only

_SENDER = Path(__file__).parents[1] / "lsl_sender.py"
_PATIENCE_S = 30.0


_CONFIGURATION = use_loopback_only()


@pytest.fixture(scope="session", autouse=True)
def lsl_settings() -> Iterator[Path]:
    """The settings file of this run; gone afterwards."""
    yield _CONFIGURATION
    _CONFIGURATION.unlink(missing_ok=True)
    _CONFIGURATION.parent.rmdir()


@pytest.fixture
def unique_name(request: pytest.FixtureRequest) -> str:
    """A stream name that no other test has."""
    return f"{request.node.name[:40]}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def lsl_outlet(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start plain pylsl outlets in processes of their own; see ``tests/lsl_sender.py``.

    ``lsl_outlet(samples, rate_hz, name, **options)`` returns when the outlet is there. `samples`
    is (n_channels, n_samples) and is sent again and again. Options: ``type``, ``source_id``,
    ``channels``, ``units``, ``format``, ``chunk``, ``jitter_ms``, ``loop``, ``nominal_rate_hz``,
    ``wait_for_consumer``, ``seed``.
    """
    started: list[subprocess.Popen[str]] = []

    def start(
        samples: np.ndarray, rate_hz: float, name: str, **options: Any
    ) -> subprocess.Popen[str]:
        path = tmp_path / f"sent-{len(started)}.npy"
        np.save(path, samples)
        request = {"path": str(path), "rate_hz": rate_hz, "name": name, **options}
        sender = subprocess.Popen(
            [sys.executable, "-P", str(_SENDER), json.dumps(request)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        started.append(sender)
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        return sender

    yield start
    for sender in started:
        sender.kill()
        sender.wait(timeout=_PATIENCE_S)
        for pipe in (sender.stdin, sender.stdout):
            if pipe is not None:
                pipe.close()
