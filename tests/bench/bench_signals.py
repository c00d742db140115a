"""File to envelopes: ten minutes of 64 channels at 4096 Hz, beside MNE's and NeuroKit2's filters.

``python -m pytest tests/bench/bench_signals.py -s`` or ``python tests/bench/bench_signals.py``.
The peers filter two of the same channels, given to them in memory, and are scaled to 64; ours
includes the reading. Time on the wall depends on what else runs; processor time does not.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import signal

from eifer.eifer_addon import api
from eifer.eifer_addon.signals.convert import filtered_envelopes
from eifer.eifer_addon.signals.filters import design_chain
from eifer.eifer_addon.signals.presets import get_preset
from eifer.eifer_addon.signals.recording import Recording
from eifer.models.synthetic.physiology import simulate_recording

RATE, CHANNELS, SECONDS, BLOCK_S = 4096, 64, 600, 30
BUDGET_S, BUDGET_MB, CORES = 6.0, 1000.0, 2
MAINS = (50.0, 150.0)
PEER_CHANNELS = 2


def write_file(path: Path) -> None:
    """A simulated half minute, repeated, as EDF of 315 MB; written here because it is long."""
    samples = simulate_recording(float(BLOCK_S), float(RATE), seed=1)[0].data()
    samples = np.concatenate([samples, np.roll(samples, 999, 1), np.roll(samples, 4999, 1)])
    digital = np.clip(np.round(samples[:CHANNELS] * 10), -32768, 32767).astype("<i2")
    block = digital.reshape(CHANNELS, BLOCK_S, RATE).transpose(1, 0, 2).tobytes()

    def field(width: int, *values: object) -> bytes:
        return b"".join(str(value).encode().ljust(width) for value in values)

    def each(width: int, value: object) -> bytes:
        return field(width, *[value] * CHANNELS)

    head = field(8, 0) + field(80, "X X X X") + field(80, "Startdate X X X simulated")
    head += b"01.01.2600.00.00" + field(8, 256 * (CHANNELS + 1)) + b" " * 44
    head += field(8, SECONDS, 1) + field(4, CHANNELS)
    head += field(16, *[f"E{k + 1}" for k in range(CHANNELS)]) + each(80, "") + each(8, "uV")
    head += each(8, -3276.8) + each(8, 3276.7) + each(8, -32768) + each(8, 32767)
    head += each(80, "") + each(8, RATE) + each(32, "")
    with path.open("wb") as stream:
        stream.write(head)
        for _ in range(SECONDS // BLOCK_S):
            stream.write(block)


def ours(path: Path) -> tuple[float, float]:
    """Seconds on the wall and of processor time, from the file to 64 envelopes at 100 Hz."""
    wall, cpu = time.perf_counter(), time.process_time()
    recording = api.read_recording(path)
    times = np.arange(SECONDS * 100) / 100
    envelopes, _, _ = filtered_envelopes(
        recording, list(range(CHANNELS)), times, get_preset("clinical")
    )
    assert envelopes.shape == (len(times), CHANNELS)
    assert envelopes.mean() > 1.0
    return time.perf_counter() - wall, time.process_time() - cpu


def with_scipy(x: np.ndarray) -> np.ndarray:
    band = signal.sosfiltfilt(design_chain(RATE, MAINS).sos, x - x.mean(axis=1, keepdims=True))
    return signal.sosfiltfilt(get_preset("clinical").low_pass(RATE), np.abs(band))


def with_mne(x: np.ndarray) -> np.ndarray:
    import mne

    def run(data: np.ndarray, sos: np.ndarray) -> np.ndarray:
        parameters = {"sos": sos, "output": "sos", "padlen": 3 * RATE}
        return mne.filter.filter_data(
            data, RATE, 20, 450, method="iir", iir_params=parameters, verbose="error"
        )

    band = run(x - x.mean(axis=1, keepdims=True), design_chain(RATE, MAINS).sos)
    return run(np.abs(band), get_preset("clinical").low_pass(RATE))


def with_neurokit(x: np.ndarray) -> np.ndarray:
    import neurokit2 as nk

    rows = []
    for row in x:
        band = nk.signal_filter(
            row - row.mean(), RATE, lowcut=20, highcut=450, method="butterworth", order=4
        )
        band = nk.signal_filter(band, RATE, method="powerline", powerline=50)
        rows.append(nk.signal_filter(np.abs(band), RATE, highcut=6, method="butterworth", order=4))
    return np.stack(rows)


PEERS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "SciPy sosfiltfilt": ("scipy", with_scipy),
    "MNE": ("mne", with_mne),
    "NeuroKit2": ("neurokit2", with_neurokit),
}


def peer_seconds(recording: Recording) -> dict[str, float]:
    """Processor time of each peer that is installed, scaled to all channels."""
    samples = np.stack([recording.channel(k) for k in range(PEER_CHANNELS)])
    found = {}
    for name, (module, run) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            continue
        run(samples[:, : RATE * 8])  # its imports are not its filters
        cpu = time.process_time()
        run(samples)
        found[name] = (time.process_time() - cpu) * CHANNELS / PEER_CHANNELS
    return found


def measure() -> dict[str, float]:
    """All figures, printed as a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ten_minutes.edf"
        write_file(path)
        # In a process of its own, so that the peak of memory is that of the conversion.
        line = subprocess.run(
            [sys.executable, __file__, str(path)], check=True, capture_output=True, text=True
        ).stdout
        wall, cpu, memory = (float(word) for word in line.split())
        peers = peer_seconds(api.read_recording(path))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{SECONDS} s x {CHANNELS} channels x {RATE} Hz, EDF of 315 MB; load average {load}")
    print(f"{'EIFER, file to envelopes':28} {cpu:7.2f} s processor, {wall:6.2f} s wall, "
          f"{memory:5.0f} MB")  # fmt: skip
    for name, seconds in peers.items():
        print(f"{name + ', filters only':28} {seconds:7.2f} s processor, {seconds / cpu:5.1f} x")
    return {"wall": wall, "cpu": cpu, "memory": memory} | peers


def test_ten_minutes_of_64_channels_are_within_the_budget() -> None:
    figures = measure()
    assert figures["cpu"] <= BUDGET_S * CORES
    assert min(figures["wall"], figures["cpu"]) <= BUDGET_S
    assert figures["memory"] <= BUDGET_MB


if __name__ == "__main__":
    if len(sys.argv) > 1:
        peak = ours(Path(sys.argv[1]))
        print(*peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        measure()
