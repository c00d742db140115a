"""Reading ten minutes of 64 channels at 4096 Hz: time and memory, beside edfio, pyxdf and MNE.

``python -m pytest tests/bench/bench_readers.py -s`` or ``python tests/bench/bench_readers.py``.
Every figure is of a process of its own: the time includes opening the file and touching every
sample once, channel by channel, as the conversion to activity does; the memory is the most that
the process held. Other programs hand over the whole recording at once.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import big_files

RATE, CHANNELS, SECONDS = 4096, 64, int(os.environ.get("EIFER_BENCH_SECONDS", "600"))
#: Memory beside the pages of the file, which are mapped and which the system takes back.
BUDGET_S, BUDGET_MB, PATIENCE_S = 6.0, 500.0, 900
WRITERS = {**big_files.SLICED, "h5": big_files.hdf5}
PEERS = {
    "edf": ("edfio", "mne"), "bdf": ("edfio", "mne"), "vhdr": ("mne",), "xdf": ("pyxdf",),
    "poly5": (), "otb4": (), "h5": (),
}  # fmt: skip


def with_eifer(path: Path) -> float:
    """The sum of all values, channel by channel."""
    from eifer.eifer_addon.signals.readers import read_recording

    recording = read_recording(path)
    return sum(float(recording.channel(k).sum()) for k in range(len(recording.channels)))


def with_one_second(path: Path) -> float:
    """The sum of one second in the middle."""
    from eifer.eifer_addon.signals.readers import read_recording

    recording = read_recording(path)
    middle = recording.n_samples // 2
    return float(recording.data(middle, middle + RATE).sum())


def with_edfio(path: Path) -> float:
    """As edfio's documentation reads a file."""
    import edfio

    file = edfio.read_edf(path) if path.suffix == ".edf" else edfio.read_bdf(path)
    return sum(float(signal.data.sum()) for signal in file.signals)


def with_pyxdf(path: Path) -> float:
    """Everything at once, as pyxdf does it."""
    import pyxdf

    streams, _ = pyxdf.load_xdf(path)
    return float(streams[0]["time_series"].sum())


def with_mne(path: Path) -> float:
    """Preloaded, then channel by channel."""
    import mne

    kinds = {".edf": mne.io.read_raw_edf, ".bdf": mne.io.read_raw_bdf,
             ".vhdr": mne.io.read_raw_brainvision}  # fmt: skip
    raw = kinds[path.suffix](path, preload=True, verbose="error")
    return float(sum(raw.get_data(picks=[k]).sum() for k in range(len(raw.ch_names))))


#: Imported before the clock starts.
MODULES = {"eifer": "eifer.eifer_addon.signals.readers", "edfio": "edfio", "pyxdf": "pyxdf",
           "one second": "eifer.eifer_addon.signals.readers", "mne": "mne.io"}  # fmt: skip
RUNS = {"eifer": with_eifer, "one second": with_one_second, "edfio": with_edfio,
        "pyxdf": with_pyxdf, "mne": with_mne}  # fmt: skip


def measured(run: str, path: Path) -> tuple[float, float, float]:
    """Wall and processor seconds and the most memory in MB, in a process of its own."""
    line = subprocess.run(
        [sys.executable, __file__, run, str(path)], check=True, capture_output=True, text=True,
        timeout=PATIENCE_S,
    ).stdout.splitlines()[-1]  # fmt: skip
    wall, cpu, memory = (float(word) for word in line.split())
    return wall, cpu, memory


def measure() -> dict[str, tuple[float, float, float]]:
    """All figures, printed as a table; keys are the format (its MB), and the format and the run."""
    figures: dict[str, tuple[float, float, float]] = {}
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{SECONDS} s x {CHANNELS} channels x {RATE} Hz; load average {load}")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, write in WRITERS.items():
            path = write(Path(folder) / f"a.{suffix}", CHANNELS, RATE, SECONDS)
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
            figures[suffix] = (size / 1e6, 0.0, 0.0)
            for run in ("eifer", "one second", *PEERS[suffix]):
                if run in RUNS and (
                    run in ("eifer", "one second") or importlib.util.find_spec(run)
                ):
                    wall, cpu, memory = figures[f"{suffix} {run}"] = measured(run, path)
                    print(f"{suffix:6} {size / 1e6:6.0f} MB  {run:11} {wall:6.2f} s wall, "
                          f"{cpu:6.2f} s processor, {memory:6.0f} MB")  # fmt: skip
            for file in Path(folder).iterdir():
                file.unlink()
    return figures


def test_every_format_that_is_sliced_in_place_is_read_within_the_budget() -> None:
    figures = measure()
    for suffix in big_files.SLICED:
        _, cpu, memory = figures[f"{suffix} eifer"]
        assert cpu <= BUDGET_S, suffix
        assert memory - figures[suffix][0] <= BUDGET_MB, suffix


if __name__ == "__main__":
    if len(sys.argv) > 1:
        importlib.import_module(MODULES[sys.argv[1]])
        start, spent = time.perf_counter(), time.process_time()
        RUNS[sys.argv[1]](Path(sys.argv[2]))
        wall, cpu = time.perf_counter() - start, time.process_time() - spent
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cpu += children.ru_utime + children.ru_stime
        print(wall, cpu, max(own, children.ru_maxrss) / 1024)
    else:
        measure()
