"""High dynamic range film (PQ, HLG) as standard range: a table from code values to code values.

SMPTE ST 2084 (PQ) and ITU-R BT.2100 (HLG at a peak of 1000 cd/m2) give light; ITU-R BT.2408 puts
the white of a sheet of paper at 203 cd/m2, which becomes nearly the white of standard range, so
that skin keeps the brightness it has there. Lights brighter than that are rolled off together,
which keeps their hue.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

#: ITU-R BT.2408: diffuse white, in cd/m2.
WHITE = 203.0
#: BT.2020 to BT.709 primaries, both linear (ITU-R BT.2087 inverted).
_PRIMARIES = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
#: Relative light from which on it is compressed, and what is shown as full white.
_KNEE, _PEAK = 0.6, 1000.0 / WHITE
#: ITU-R BT.1886, the gamma of a display of standard range.
_GAMMA = 2.4
_EDGE = 33


def pq_light(code: np.ndarray) -> np.ndarray:
    """Light in cd/m2 of PQ code values in [0, 1]."""
    root = np.power(np.clip(code, 0, 1), 1 / 78.84375)
    part = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return np.asarray(10_000 * np.power(part, 1 / 0.1593017578125))


def hlg_light(code: np.ndarray) -> np.ndarray:
    """Light in cd/m2 of HLG code values (..., 3) in [0, 1] on a display with 1000 cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    code = np.clip(code, 0, 1)
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luma = scene @ (0.2627, 0.6780, 0.0593)
    return np.asarray(1000 * scene * np.power(np.maximum(luma, 1e-9), 0.2)[..., None])


def to_standard(light: np.ndarray) -> np.ndarray:
    """Code values [0, 1] of standard range (..., 3) from BT.2020 light in cd/m2."""
    linear = np.maximum(light / WHITE @ _PRIMARIES.T, 0)
    brightest = linear.max(axis=-1, keepdims=True)
    rest = 1 - _KNEE
    # Logarithmic from the knee on, continuous in value and reaching 1 at the peak.
    reach = np.log1p((_PEAK - _KNEE) / rest)
    over = np.log1p(np.maximum(brightest - _KNEE, 0) / rest) / reach
    shown = np.where(brightest > _KNEE, _KNEE + rest * np.minimum(over, 1), brightest)
    linear *= shown / np.maximum(brightest, 1e-9)
    return np.asarray(np.power(np.clip(linear, 0, 1), 1 / _GAMMA))


def write_cube(path: Path, name: str) -> None:
    """Write the table as a .cube file.

    Parameters
    ----------
    path : pathlib.Path
    name : str
        "PQ" or "HLG".
    """
    steps = np.linspace(0, 1, _EDGE)
    # The format wants red to run fastest.
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    code = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    table = to_standard(pq_light(code) if name == "PQ" else hlg_light(code))
    with path.open("w", encoding="ascii") as file:
        file.write(f"LUT_3D_SIZE {_EDGE}\n")
        np.savetxt(file, table, "%.6f")
