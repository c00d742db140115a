"""A writer of XDF files after the XDF 1.0 specification, for tests only; pyxdf reads its files."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

_CODES = {"f4": "float32", "f8": "double64", "i2": "int16", "i4": "int32"}


def chunk(tag: int, content: bytes) -> bytes:
    """One chunk with a length of four bytes."""
    return struct.pack("<BIH", 4, len(content) + 2, tag) + content


def header(
    number: int, name: str, kind: str, channels: list[tuple[str, str]], form: str, rate: float
) -> bytes:
    """A stream header with labels and units."""
    described = "".join(
        f"<channel><label>{escape(label)}</label><unit>{unit}</unit></channel>"
        for label, unit in channels
    )
    xml = (
        f'<?xml version="1.0"?><info><name>{escape(name)}</name><type>{kind}</type>'
        f"<channel_count>{len(channels)}</channel_count><nominal_srate>{rate}</nominal_srate>"
        f"<channel_format>{form}</channel_format>"
        f"<desc><channels>{described}</channels></desc></info>"
    )
    return chunk(2, struct.pack("<I", number) + xml.encode())


def samples(number: int, values: np.ndarray, stamps: np.ndarray, every: int = 1) -> bytes:
    """A chunk of numbers (n_samples, n_channels); each `every`-th sample has its own time."""
    parts = []
    for k, row in enumerate(values):
        stamped = every and k % every == 0
        parts.append(b"\x08" + struct.pack("<d", stamps[k]) if stamped else b"\0")
        parts.append(row.astype(row.dtype.newbyteorder("<")).tobytes())
    count = struct.pack("<BI", 4, len(values))
    return chunk(3, struct.pack("<I", number) + count + b"".join(parts))


def texts(number: int, words: list[str], stamps: list[float]) -> bytes:
    """A chunk of texts, one per sample."""
    parts = [struct.pack("<BB", 1, len(words))]
    for word, stamp in zip(words, stamps, strict=True):
        raw = word.encode()
        parts.append(b"\x08" + struct.pack("<dBI", stamp, 4, len(raw)) + raw)
    return chunk(3, struct.pack("<I", number) + b"".join(parts))


def clock(number: int, time_s: float, offset_s: float) -> bytes:
    """A clock offset: what is to be added to the stream's times."""
    return chunk(4, struct.pack("<Idd", number, time_s, offset_s))


def write_xdf(path: Path, *chunks: bytes) -> Path:
    """Write a whole file."""
    path.write_bytes(
        b"XDF:" + chunk(1, b'<?xml version="1.0"?><info><version>1.0</version></info>')
        + b"".join(chunks)
    )  # fmt: skip
    return path


def session(
    path: Path, n_samples: int = 2000, rate: float = 1000.0, offset_s: float = 5.0,
    code: str = "f4", every: int = 1, clocks: int = 5,
) -> tuple[Path, np.ndarray]:  # fmt: skip
    """EMG of two channels, an accelerometer and markers, each by its own clock."""
    generator = np.random.default_rng(3)
    emg = (50 * generator.standard_normal((n_samples, 2))).astype(code)
    moved = generator.standard_normal((n_samples // 10, 3)).astype("f8")
    times = 100 + np.arange(n_samples) / rate
    half = n_samples // 2
    offsets = [(99.0 + k, offset_s) for k in range(clocks)]
    write_xdf(
        path,
        header(1, "Amp", "EMG", [("Zyg li", "microvolts"), ("Corr re", "uV")], _CODES[code], rate),
        header(2, "Motion", "ACC", [("x", "g"), ("y", "g"), ("z", "g")], "double64", rate / 10),
        header(7, "Cues", "Markers", [("cue", "")], "string", 0),
        *(clock(1, t, o) for t, o in offsets),
        *(clock(7, t + 5, 0.0) for t, _ in offsets),
        samples(1, emg[:half], times[:half], every),
        samples(2, moved, times[::10]),
        texts(7, ["smile", "Stirn\nrunzeln"], [105.5, 106.25]),
        samples(1, emg[half:], times[half:], every),
        chunk(6, struct.pack("<I", 1) + b"<?xml version='1.0'?><info></info>"),
    )
    return path, emg
