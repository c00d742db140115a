"""Recordings of any length, written piece by piece, to measure what reading them costs.

Every writer repeats one second of noise, so that a long file needs no memory, and writes the same
numbers: counts of a tenth of a microvolt.
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from amplifiers import poly5_head
from xdf_writer import chunk, header

SCALE_UV = 0.1


def counts(n_channels: int, rate: int) -> np.ndarray:
    """One second of whole numbers (rate, n_channels), float64."""
    noise = np.random.default_rng(5).normal(0, 500, (rate, n_channels))
    return np.clip(np.round(noise), -32000, 32000)


def edf(path: Path, n_channels: int, rate: int, seconds: int, sample_bytes: int = 2) -> Path:
    """An EDF file, or with three bytes a BDF file."""
    most = {2: 32_000, 3: 8_000_000}[sample_bytes]

    def each(width: int, *values: object) -> bytes:
        return b"".join(str(value).encode().ljust(width) for value in values * n_channels)

    head = b"0       " if sample_bytes == 2 else b"\xffBIOSEMI"
    head += b"X X X X".ljust(80) + b"Startdate X X X X".ljust(80) + b"01.01.2600.00.00"
    head += str(256 * (n_channels + 1)).encode().ljust(8) + b" " * 44
    head += str(seconds).encode().ljust(8) + b"1       " + str(n_channels).encode().ljust(4)
    head += b"".join(f"E{k + 1}".encode().ljust(16) for k in range(n_channels))
    head += each(80, "") + each(8, "uV") + each(8, round(-most * SCALE_UV))
    head += each(8, round(most * SCALE_UV)) + each(8, -most) + each(8, most)
    head += each(80, "") + each(8, rate) + each(32, "")
    second = np.ascontiguousarray(counts(n_channels, rate).T)
    packed = second.astype("<i4").view(np.uint8).reshape(n_channels, rate, 4)[..., :sample_bytes]
    _repeat(path, head, packed.tobytes(), seconds)
    return path


def bdf(path: Path, n_channels: int, rate: int, seconds: int) -> Path:
    """A BDF file."""
    return edf(path, n_channels, rate, seconds, 3)


def brainvision(path: Path, n_channels: int, rate: int, seconds: int) -> Path:
    """Header, multiplexed 16-bit numbers and a file of markers without any."""
    lines = [
        "Brain Vision Data Exchange Header File Version 1.0", "[Common Infos]", "Codepage=UTF-8",
        f"DataFile={path.stem}.eeg", f"MarkerFile={path.stem}.vmrk", "DataFormat=BINARY",
        "DataOrientation=MULTIPLEXED",
        f"NumberOfChannels={n_channels}", f"SamplingInterval={1e6 / rate}", "[Binary Infos]",
        "BinaryFormat=INT_16", "[Channel Infos]",
        *(f"Ch{k + 1}=E{k + 1},,{SCALE_UV},uV" for k in range(n_channels)),
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    marks = "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\n"
    marks += f"DataFile={path.stem}.eeg\n[Marker Infos]\nMk1=New Segment,,1,1,0\n"
    path.with_suffix(".vmrk").write_text(marks)
    second = counts(n_channels, rate).astype("<i2").tobytes()
    _repeat(path.with_suffix(".eeg"), b"", second, seconds)
    return path


def xdf(path: Path, n_channels: int, rate: int, seconds: int) -> Path:
    """One stream of 32-bit numbers with a time for each sample, in chunks of half a second."""
    labels = [(f"E{k + 1}", "microvolts") for k in range(n_channels)]
    row = np.dtype([("n", "u1"), ("t", "<f8"), ("x", "<f4", (n_channels,))])
    rows = np.zeros(rate, row)
    rows["n"], rows["x"] = 8, counts(n_channels, rate) * SCALE_UV
    with path.open("wb") as stream:
        stream.write(
            b"XDF:" + chunk(1, b'<?xml version="1.0"?><info><version>1.0</version></info>')
        )
        stream.write(header(1, "Amp", "EMG", labels, "float32", rate))
        for second in range(seconds):
            rows["t"] = second + np.arange(rate) / rate
            for part in (rows[: rate // 2], rows[rate // 2 :]):
                content = struct.pack("<IBI", 1, 4, len(part)) + part.tobytes()
                stream.write(chunk(3, content))
    return path


def poly5(path: Path, n_channels: int, rate: int, seconds: int) -> Path:
    """A Poly5 file in blocks of a sixteenth of a second."""
    names = [f"E{k + 1}" for k in range(n_channels)]
    block = (counts(n_channels, rate)[: rate // 16] * SCALE_UV).astype("<f4").tobytes()
    head = poly5_head(names, rate, rate * seconds, rate // 16)
    _repeat(path, head, bytes(86) + block, 16 * seconds)
    return path


def otb4(path: Path, n_channels: int, rate: int, seconds: int) -> Path:
    """An OTB4 file of 16-bit numbers."""
    xml = (
        "<ArrayOfTrackInfo><TrackInfo><Title>Grid</Title><Gain>1</Gain><ADC_Nbits>16</ADC_Nbits>"
        f"<ADC_Range>{SCALE_UV * 1e-6 * 65536}</ADC_Range><SamplingFrequency>{rate}"
        "</SamplingFrequency><SignalStreamPath>a.sig</SignalStreamPath><NumberOfChannels>"
        f"{n_channels}</NumberOfChannels><AcquisitionChannel>0</AcquisitionChannel>"
        f"<TotalChannelsInFile>{n_channels}</TotalChannelsInFile><SampleSize>2</SampleSize>"
        "</TrackInfo></ArrayOfTrackInfo>"
    ).encode()
    second = counts(n_channels, rate).astype("<i2").tobytes()
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("Tracks_000.xml")
        info.size = len(xml)
        archive.addfile(info, io.BytesIO(xml))
        info = tarfile.TarInfo("a.sig")
        info.size = len(second) * seconds
        archive.addfile(info, _Repeated(second, seconds))  # type: ignore[arg-type]
    return path


def hdf5(path: Path, n_channels: int, rate: int, seconds: int) -> Path:
    """One data set of 32-bit numbers in chunks of a second."""
    import h5py

    second = (counts(n_channels, rate) * SCALE_UV).astype("f4")
    with h5py.File(path, "w") as file:
        shape = (rate * seconds, n_channels)
        emg = file.create_dataset("emg", shape, "f4", chunks=second.shape)
        file["fs"], file["unit"] = float(rate), "uV"
        for k in range(seconds):
            emg[k * rate : (k + 1) * rate] = second
    return path


class _Repeated(io.RawIOBase):
    """The same bytes again and again, as a file."""

    def __init__(self, part: bytes, times: int) -> None:
        self.part, self.left, self.at = part, len(part) * times, 0

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else self.left, self.left)
        turns = -(-(self.at + size) // len(self.part))
        found = (self.part * turns)[self.at : self.at + size]
        self.at, self.left = (self.at + size) % len(self.part), self.left - size
        return found


def _repeat(path: Path, head: bytes, part: bytes, times: int) -> None:
    with path.open("wb") as stream:
        stream.write(head)
        for _ in range(times):
            stream.write(part)


#: The formats that are sliced in place, by suffix.
SLICED: dict[str, Callable[[Path, int, int, int], Path]] = {
    "edf": edf, "bdf": bdf, "vhdr": brainvision, "xdf": xdf, "poly5": poly5, "otb4": otb4,
}  # fmt: skip
