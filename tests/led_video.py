"""Videos of a trigger LED beside a moving face, exposed as a camera exposes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (240, 180)
_TICKS = 90_000
GAMMA = 2.2


@dataclass(frozen=True)
class Led:
    """A light that is on in some intervals.

    Attributes
    ----------
    pulses : sequence of tuple
        ``(on, off)`` in seconds on the video's clock.
    x, y, radius : int
        Where, in pixels; parts outside of the picture are cut off.
    light : float
        How much it adds to the scene, in linear light (0 to 1).
    """

    pulses: Sequence[tuple[float, float]]
    x: int = 24
    y: int = 20
    radius: int = 5
    light: float = 0.8

    def lit(self, start_s: float, stop_s: float) -> float:
        """Part of an exposure during which it was on."""
        total = sum(max(0.0, min(stop_s, b) - max(start_s, a)) for a, b in self.pulses)
        return total / (stop_s - start_s)


def frame_times(duration_s: float, fps: float, jitter: float = 0.0, seed: int = 0) -> np.ndarray:
    """When exposures begin; with `jitter` the rate varies and frames are dropped."""
    if not jitter:
        return np.arange(round(duration_s * fps)) / fps
    rng = np.random.default_rng(seed)
    steps = (1.0 + jitter * rng.uniform(0, 1, round(duration_s * fps))) / fps
    steps[rng.random(len(steps)) < 0.03] *= 3
    times = np.concatenate([[0.0], np.cumsum(steps)])
    return times[times < duration_s]


def write_led_video(
    path: Path,
    led: Led | None,
    times_s: np.ndarray,
    *,
    exposure_s: float = 1 / 30,
    face: bool = True,
    seed: int = 0,
) -> Path:
    """Write an H.264 mp4 with the given frame times.

    Parameters
    ----------
    path : pathlib.Path
    led : Led or None
    times_s : numpy.ndarray
        When the exposure of each frame begins.
    exposure_s : float
        How long each exposure lasts.
    face : bool
        Whether something like a head moves through the picture and speaks.
    seed : int
    """
    rng = np.random.default_rng(seed)
    width, height = SIZE
    rows, columns = np.mgrid[:height, :width]
    backdrop = 0.15 + 0.1 * columns / width + 0.02 * rng.standard_normal((height, width))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "20", "preset": "fast"}
        stream.time_base = Fraction(1, _TICKS)
        stream.codec_context.time_base = Fraction(1, _TICKS)
        for time_s in times_s:
            light = np.repeat(backdrop[..., None], 3, axis=2)
            if face:
                _paint_face(light, rows, columns, float(time_s))
            if led is not None:
                inside = (rows - led.y) ** 2 + (columns - led.x) ** 2 <= led.radius**2
                glow = led.light * led.lit(float(time_s), float(time_s) + exposure_s)
                light[inside] += glow * np.array([1.0, 0.25, 0.2])
            values = np.clip(light, 0, 1) ** (1 / GAMMA) * 255
            values += 1.5 * rng.standard_normal(values.shape)
            picture = np.clip(values, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(float(time_s) * _TICKS), Fraction(1, _TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _paint_face(light: np.ndarray, rows: np.ndarray, columns: np.ndarray, time_s: float) -> None:
    """A bright oval with dark eyes that blink and a mouth that opens, swaying."""
    x = 130 + 18 * np.sin(2 * np.pi * 0.31 * time_s)
    y = 95 + 6 * np.sin(2 * np.pi * 0.47 * time_s)
    light[((columns - x) / 42) ** 2 + ((rows - y) / 57) ** 2 <= 1] = (0.55, 0.35, 0.28)
    opened = 2 + 8 * max(0.0, np.sin(2 * np.pi * 1.7 * time_s))
    light[((columns - x) / 14) ** 2 + ((rows - y - 26) / opened) ** 2 <= 1] = (0.15, 0.03, 0.03)
    if np.sin(2 * np.pi * 0.23 * time_s + 1) < 0.97:
        for side in (-17, 17):
            light[(columns - x - side) ** 2 + (rows - y + 11) ** 2 <= 25] = (0.9, 0.9, 0.9)
            light[(columns - x - side) ** 2 + (rows - y + 11) ** 2 <= 8] = (0.02, 0.02, 0.02)
