"""Writers of Poly5, OTB+ and OTB4 after their published layouts, for tests only."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np


def pascal(text: str, size: int) -> bytes:
    raw = text.encode("latin-1")
    return bytes([len(raw)]) + raw.ljust(size - 1, b"\0")


def poly5_head(
    names: list[str], rate: int, n: int, per_block: int, unit: tuple[float, float] = (0, 1000)
) -> bytes:
    """Everything above the blocks of a Poly5 file; numbers from 0 to 1000 span the `unit` range."""
    blocks, halves = (
        -(-n // per_block),
        [f"({half}) {name}" for name in names for half in ("Lo", "Hi")],
    )
    parts = [
        b"POLY SAMPLE FILEversion 2.03\r\n\x1a", struct.pack("<H", 203), pascal("smile", 81),
        struct.pack("<hhBHi4x", rate, rate, 0, len(halves), n),
        struct.pack("<7H", 2026, 1, 2, 5, 9, 0, 0),
        struct.pack("<iHHH64x", blocks, per_block, per_block * 4 * len(names) & 0xFFFF, 0),
    ]  # fmt: skip
    for name in halves:
        parts.append(pascal(name, 41) + bytes(4) + pascal("\xb5Volt", 11))
        parts.append(struct.pack("<4fHH60x", *unit, 0, 1000, 0, 0))
    return b"".join(parts)


def poly5(path: Path, n: int = 1000, per_block: int = 256, pad: bool = False) -> np.ndarray:
    """Two channels at 2048 Hz in blocks, the last one shorter, or padded when `pad`."""
    samples = np.random.default_rng(0).normal(0, 50, (2, n)).astype("<f4")
    parts = [poly5_head(["Zyg li", "Corr re"], 2048, n, per_block, (0, 500))]
    for start in range(0, n, per_block):
        block = samples[:, start : start + per_block].T
        if pad and len(block) < per_block:
            block = np.pad(block, ((0, per_block - len(block)), (0, 0)))
        parts += [bytes(86), np.ascontiguousarray(block).tobytes()]
    path.write_bytes(b"".join(parts))
    return samples.astype(float)


def tar(path: Path, **files: bytes) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def otb_plus(
    path: Path, bits: int = 16, name: str = "QUATTROCENTO", adapter: str = "BP"
) -> np.ndarray:
    """Two muscle channels and a ramp at 2048 Hz, and a marker that stands in two files."""
    counts = np.random.default_rng(0).integers(-3000, 3000, (1500, 4)).astype("<i2")
    xml = (
        f'<?xml version="1.0"?><Device Name="{name}" SampleFrequency="2048" '
        f'DeviceTotalChannels="4" ad_bits="{bits}"><Channels>'
        f'<Adapter ID="{adapter}" Gain="150" ChannelStartIndex="1">'
        '<Channel Index="0" Gain="1" Muscle="Zygomaticus" Side="Left"/>'
        '<Channel Index="1" Gain="1" Muscle="Not defined" Side="Not defined"/></Adapter>'
        '<Adapter ID="AdapterControl" Gain="1" ChannelStartIndex="3">'
        '<Channel Index="0" ID="RampChannel"/></Adapter></Channels></Device>'
    )
    packed = counts.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3] if bits == 24 else counts
    marker = b"<M><Marker><Milliseconds>250</Milliseconds><Description>smile</Description>"
    marker += b"</Marker></M>"
    tar(path, smile__sig=packed.tobytes(), smile__xml=xml.encode(), patient__xml=b"<p/>",
        markers_0__xml=marker, markers_1__xml=marker)  # fmt: skip
    return counts[:, 1:3].T * 5e6 / 65536 / 150


def otb4(path: Path) -> np.ndarray:
    """Three muscle channels of 24 bits in 32, and a control track of another file."""
    counts = np.random.default_rng(0).integers(-90000, 90000, (1500, 5)).astype("<i4")
    track = (
        "<TrackInfo><Title>{}</Title><Gain>2</Gain><ADC_Nbits>24</ADC_Nbits><ADC_Range>4.8"
        "</ADC_Range><SamplingFrequency>2000</SamplingFrequency><SignalStreamPath>{}"
        "</SignalStreamPath><NumberOfChannels>3</NumberOfChannels><AcquisitionChannel>1"
        "</AcquisitionChannel><TotalChannelsInFile>5</TotalChannelsInFile><SampleSize>4"
        "</SampleSize><IsControl>{}</IsControl></TrackInfo>"
    )
    xml = "".join([
        "<ArrayOfTrackInfo>", track.format("Face grid", "a.sig", "false"),
        track.format("Feedback", "b.sig", "true"), "</ArrayOfTrackInfo>",
    ])  # fmt: skip
    tar(path, Tracks_000__xml=xml.encode(), a__sig=counts.tobytes(), b__sig=b"")
    return counts[:, 1:4].T * 4.8e6 / 2**24 / 2


def write_poly5(path: Path) -> Path:
    """A Poly5 file of two channels."""
    poly5(path)
    return path
