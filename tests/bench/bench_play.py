"""How true the player's clock is, and how soon its samples are received, over minutes.

``python tests/bench/bench_play.py [MINUTES]``: a player in a child process, a plain pylsl inlet
here, loopback only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from eifer.eifer_addon.live.lsl import load_lsl
from eifer.eifer_addon.live.play_settings import PlaySettings
from eifer.eifer_addon.live.player import Player

CASES = (  # rate, chunk, jitter in ms
    (2048.0, 16, 0.0),
    (4096.0, 1, 0.0),
    (4096.0, 32, 0.0),
    (2048.0, 32, 10.0),
)
_POLL_S, _PATIENCE_S = 0.001, 30.0
_MOST_PPM = 1.0
#: A player that stalls sends less than the time that passed.
_LEAST_PART = 0.95


def received(inlet: Any, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Stamps of all samples, and how much later than its stamp the last of each chunk came."""
    clock, stamps, ages = load_lsl().local_clock, [], []
    end_s = clock() + seconds
    while (now_s := clock()) < end_s:
        _, times = inlet.pull_chunk(timeout=0.0, max_samples=8192)
        if times:
            stamps += times
            ages.append(now_s - times[-1])
        time.sleep(_POLL_S)
    return np.array(stamps), np.array(ages)


def measure(rate_hz: float, chunk: int, jitter_ms: float, minutes: float) -> dict[str, float]:
    """One case."""
    name = f"bench-{rate_hz:g}-{chunk}"
    player = Player(
        PlaySettings(name=name, rate_hz=rate_hz, chunk=chunk, jitter_ms=jitter_ms, duration_s=20.0)
    )
    player.start()
    try:
        found = load_lsl().resolve_byprop("name", name, timeout=_PATIENCE_S)
        inlet = load_lsl().StreamInlet(found[0], recover=False)
        inlet.open_stream(_PATIENCE_S)
        stamps, ages = received(inlet, 60 * minutes)
        report = player.poll().report
    finally:
        player.close()
    elapsed = (stamps[-1] - stamps[0]) * rate_hz
    fit = np.polyfit(np.arange(len(stamps)), stamps - stamps[0], 1)[0] * rate_hz
    part = len(ages) // 5
    return {
        "seconds": stamps[-1] - stamps[0],
        "samples": len(stamps),
        "lost": round(elapsed) + 1 - len(stamps),
        "rate_error_ppm": 1e6 * (fit - 1),
        "age_p50_ms": 1e3 * float(np.percentile(ages, 50)),
        "age_p95_ms": 1e3 * float(np.percentile(ages, 95)),
        "age_p99_ms": 1e3 * float(np.percentile(ages, 99)),
        "age_drift_ms": 1e3 * float(np.median(ages[-part:]) - np.median(ages[:part])),
        "sent_late_ms": report.most_late_ms,
    }


def test_clock_of_the_player() -> None:
    main(0.5)


def main(minutes: float) -> None:
    """All cases."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does
    from lsl_settings import use_loopback_only

    use_loopback_only()
    for rate_hz, chunk, jitter_ms in CASES:
        found = measure(rate_hz, chunk, jitter_ms, minutes)
        case = f"22 x {rate_hz:g} Hz, chunk {chunk}, jitter {jitter_ms:g} ms, {minutes:g} min"
        values = ", ".join(f"{key} {value:.6g}" for key, value in found.items())
        print(f"{case}: {values}", flush=True)
        assert found["lost"] == 0
        assert found["seconds"] > _LEAST_PART * 60 * minutes
        assert abs(found["rate_error_ppm"]) < _MOST_PPM


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
