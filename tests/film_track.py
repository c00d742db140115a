"""Expression tracks as a film would give them, with a camera that is known, and a talking film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from film_writer import SIZE, numbered

from eifer.eifer_addon.spaces import ARKIT52
from eifer.eifer_addon.track import Camera, ExpressionTrack

#: Times in s of the film that the tracks come from.
HZ = 25.0
_TICKS, _SOUND_HZ = 90_000, 48_000


def film_track(
    n: int = 30,
    hz: float = HZ,
    size: tuple[int, int] = (640, 360),
    lost: tuple[int, ...] = (),
    first: int = 0,
    **provenance: object,
) -> ExpressionTrack:
    """A head that turns and nods while its jaw opens; frames in `lost` are gaps."""
    times = (first + np.arange(n)) / hz
    values = np.zeros((n, len(ARKIT52)), np.float32)
    values[:, ARKIT52.coefficients.index("jawOpen")] = np.linspace(0, 0.6, n)
    phase = np.linspace(0, 2 * np.pi, n)
    pose = np.zeros((n, 6), np.float32)
    pose[:, 0], pose[:, 1], pose[:, 2] = 0.3 * np.sin(phase), 0.5 * np.cos(phase), 0.2
    pose[:, 3], pose[:, 4], pose[:, 5] = 0.05 * np.sin(phase), 0.02, 0.1 * np.cos(phase)
    confidence = np.linspace(0.6, 1.0, n).astype(np.float32)
    confidence[list(lost)] = 0.0
    return ExpressionTrack(
        ARKIT52, values, times, confidence, pose, provenance={"source": "film.mp4", **provenance},
        camera=Camera(*size, 1.3 * size[0], (0.03, -0.07, -0.8)),
    )  # fmt: skip


def write_talking_film(
    path: Path, beep_s: float = 1.2, n: int = 50, picture_s: float = 0.0, sound_s: float = 0.0
) -> Path:
    """Numbered pictures at 25 frames/s and a beep; all times are those of the file's clock."""
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=25, options={"qp": "8", "preset": "ultrafast"})
        picture.width, picture.height = SIZE
        picture.pix_fmt, picture.codec_context.time_base = "yuv420p", Fraction(1, _TICKS)
        sound = file.add_stream("aac", rate=_SOUND_HZ)
        packets = []
        for k in range(n):
            frame = av.VideoFrame.from_ndarray(numbered(k), format="rgb24")
            frame.pts = round((picture_s + k / 25) * _TICKS)
            frame.time_base = Fraction(1, _TICKS)
            packets += picture.encode(frame)
        packets += picture.encode(None)
        times = sound_s + np.arange(int((n / 25 + picture_s - sound_s) * _SOUND_HZ)) / _SOUND_HZ
        loud = (times >= beep_s) & (times < beep_s + 0.1)
        wave = np.where(loud, 0.8 * np.sin(2 * np.pi * 1000 * times), 0).astype(np.float32)
        for k in range(0, len(wave) - 1023, 1024):
            heard = av.AudioFrame.from_ndarray(wave[None, k : k + 1024], "fltp", "mono")
            heard.sample_rate, heard.time_base = _SOUND_HZ, Fraction(1, _SOUND_HZ)
            heard.pts = round(sound_s * _SOUND_HZ) + k
            packets += sound.encode(heard)
        file.mux(packets + sound.encode(None))
    return path
