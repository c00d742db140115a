"""MNE-LSL's PlayerLSL as a sender, in a process of its own: ``python tests/mne_player.py NAME``.

It plays a loop of EMG in volts, as MNE holds it, whose last channel counts the samples. It prints
``ready`` when it plays and ends when standard input is closed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

#: No multiple of a chunk: the player sends a whole loop at once where it ends together with one.
RATE_HZ, LENGTH, CHUNK = 1000.0, 4001, 16
_REST_V = 3e-6


def samples(n_channels: int) -> np.ndarray:
    """(n_channels, LENGTH) noise with a counter in the last channel."""
    values = np.random.default_rng(0).normal(size=(n_channels, LENGTH)) * _REST_V
    values[-1] = np.arange(LENGTH)
    return values


def main() -> None:
    """Play until standard input is closed."""
    import mne
    from live_signals import CHANNELS
    from mne_lsl.player import PlayerLSL

    mne.set_log_level("ERROR")
    names = [*CHANNELS[:-1], "counter"]
    raw = mne.io.RawArray(samples(len(names)), mne.create_info(names, RATE_HZ, "emg"))
    player = PlayerLSL(raw, chunk_size=CHUNK, name=sys.argv[1], source_id=f"mne-{sys.argv[1]}")
    player.start()
    print("ready", flush=True)
    sys.stdin.read()
    player.stop()


if __name__ == "__main__":
    # Beside the tests, as pytest does it.
    sys.path.insert(0, str(Path(__file__).parent))
    main()
