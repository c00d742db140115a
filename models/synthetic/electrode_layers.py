"""Fast paint of an outfit: electrodes as small stamps, cables as one sheet, tape, soft shadows.

Everything is gathered in layers over the picture (colour times opacity, opacity, shadow), so that
the clean picture, its copy with electrodes and the coverage belong to each other exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from .electrode_cables import draw_cables
from .electrode_looks import Layer
from .electrode_outfit import Outfit
from .electrode_wear import Worn

#: What is nearer to the camera than an electrode by more than this many cm hides it.
HIDDEN_CM = 0.7
#: Reach of an electrode's shadow, and its window, in radii.
_SHADOW, _WINDOW = 1.35, 1.75
#: Pixels that change by less than this share stay as they are.
FAINTEST = 0.02


@dataclass
class Layers:
    """What lies over a picture.

    Attributes
    ----------
    colour : numpy.ndarray
        float32 (H, W, 3), sRGB in [0, 1] times opacity.
    opacity : numpy.ndarray
        float32 (H, W).
    shadow : numpy.ndarray
        float32 (H, W), share of the light that is taken from what lies below.
    depth : numpy.ndarray or None
        (H, W) of the picture, in the unit of `Worn.depth`.
    """

    colour: np.ndarray
    opacity: np.ndarray
    shadow: np.ndarray
    depth: np.ndarray | None

    def over(self, window: tuple[slice, slice], colour: np.ndarray, opacity: np.ndarray) -> None:
        """Lay premultiplied colour (h, w, 3) and opacity (h, w) over a part."""
        rest = 1 - opacity
        part = self.colour[window]
        part *= rest[..., None]
        part += colour
        there = self.opacity[window]
        there *= rest
        there += opacity

    def over_picture(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A uint8 picture (H, W, 3) with the layers, and bool (H, W) where it changed."""
        kept = ((1 - self.shadow) * (1 - self.opacity))[..., None]
        changed = kept[..., 0] < 1 - FAINTEST
        mixed = image * kept + self.colour * np.float32(255) + np.float32(0.5)
        worn = np.clip(mixed, 0, 255).astype(np.uint8)
        return np.where(changed[..., None], worn, image), changed


def paint_outfit(
    outfit: Outfit, worn: Worn, shape: tuple[int, int], depth: np.ndarray | None = None
) -> Layers:
    """Paint an outfit as it is worn.

    Parameters
    ----------
    outfit : Outfit
    worn : Worn
    shape : tuple of int
        Height and width of the picture.
    depth : numpy.ndarray, optional
        (H, W), of a rendering: what lies before an electrode stays before it.
    """
    zero = np.zeros(shape, np.float32)
    layers = Layers(np.zeros((*shape, 3), np.float32), zero, zero.copy(), depth)
    _doubles(layers, outfit, worn)
    for number, kind in enumerate(outfit.kinds):
        chosen = np.flatnonzero((outfit.kind == number) & worn.visible)
        if len(chosen):
            _stamp(layers, outfit, worn, chosen, kind.layers)
    sheet = draw_cables(outfit, worn, shape, depth)
    if sheet is not None:
        window, colour, opacity, shadow = sheet
        layers.shadow[window] = 1 - (1 - layers.shadow[window]) * (1 - shadow)
        part = layers.colour[window]
        part *= (1 - shadow * (1 - opacity))[..., None]
        layers.over(window, colour, opacity)
    _tape(layers, outfit, worn)
    if layers.depth is not None:
        # A shadow needs something to lie on.
        layers.shadow[~np.isfinite(layers.depth)] = 0
    return layers


def _windows(
    layers: Layers, centres: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Square windows around centres: first pixels (n, 2), offsets (n, w, w, 2), which fit."""
    size = int(np.ceil(2 * reach)) + 2
    first = np.floor(centres - size / 2).astype(int)
    grid = np.arange(size, dtype=np.float32) + 0.5
    x = first[:, 0, None] + grid - centres[:, 0, None]
    y = first[:, 1, None] + grid - centres[:, 1, None]
    offsets = np.stack(
        [np.broadcast_to(x[:, None, :], (len(x), size, size)),
         np.broadcast_to(y[:, :, None], (len(x), size, size))], axis=-1, dtype=np.float32,
    )  # fmt: skip
    rows, columns = layers.opacity.shape
    fits = (first[:, 0] < columns) & (first[:, 1] < rows) & (first > -size).all(axis=1)
    return first, offsets, fits


def _lay(
    layers: Layers, first: np.ndarray, colour: np.ndarray, opacity: np.ndarray,
    shadow: np.ndarray | None, nearest: float,
) -> None:  # fmt: skip
    """Lay one window (w, w) over the picture, cut at its edges and at what hides it."""
    size = len(opacity)
    low, high = (
        np.maximum(-first, 0),
        np.minimum(np.array(layers.opacity.shape[::-1]) - first, size),
    )
    window = slice(first[1] + low[1], first[1] + high[1]), slice(
        first[0] + low[0], first[0] + high[0])  # fmt: skip
    inner = slice(low[1], high[1]), slice(low[0], high[0])
    colour, opacity = colour[inner], opacity[inner]
    if layers.depth is not None:
        free = layers.depth[window] > nearest
        colour, opacity = colour * free[..., None], opacity * free
    if shadow is not None:
        dark = shadow[inner] if layers.depth is None else shadow[inner] * free
        there = layers.shadow[window]
        np.maximum(there, dark, out=there)
        part = layers.colour[window]
        part *= (1 - dark)[..., None]
    layers.over(window, colour, opacity)


def _stamp(
    layers: Layers, outfit: Outfit, worn: Worn, chosen: np.ndarray, stack: tuple[Layer, ...]
) -> None:
    """All electrodes of one kind: shadow, and the discs one on the other."""
    axes = worn.axes[chosen] * outfit.radius_cm[chosen, None, None]
    reach = _WINDOW * float(np.linalg.norm(axes, axis=2).max())
    first, offsets, fits = _windows(layers, worn.centres[chosen], reach)
    inverse = np.linalg.inv(axes + 1e-6 * np.eye(2)).astype(np.float32)
    local = offsets @ inverse[:, None]
    edge = 1 / np.sqrt(np.maximum(np.abs(np.linalg.det(axes)), 1e-6)).astype(np.float32)
    colour: np.ndarray = np.zeros((*local.shape[:3], 3), np.float32)
    opacity: np.ndarray = np.zeros(local.shape[:3], np.float32)
    for layer in stack:
        _add_layer(colour, opacity, local, axes, edge, layer, worn)
    colour *= worn.light[chosen, None, None].astype(np.float32)
    moved = local + 0.28 * (worn.direction[:2] @ inverse)[:, None, None] * reach / _WINDOW
    away = np.sqrt(np.sum(moved.astype(np.float32) ** 2, axis=-1))
    shadow = 0.5 * np.clip((_SHADOW - away) / (_SHADOW - 0.85), 0, 1)
    nearest = worn.depth[chosen] - HIDDEN_CM * worn.unit_cm
    for k in np.flatnonzero(fits).tolist():
        _lay(layers, first[k], colour[k], opacity[k], shadow[k], float(nearest[k]))


def _add_layer(
    colour: np.ndarray, opacity: np.ndarray, local: np.ndarray, axes: np.ndarray,
    edge: np.ndarray, layer: Layer, worn: Worn,
) -> None:  # fmt: skip
    """Lay one disc over the windows (n, w, w) of a kind."""
    if layer.power == 2.0:
        away = np.sqrt(np.sum(local**2, axis=-1))
    else:
        away = np.sum(np.abs(local) ** layer.power, axis=-1) ** np.float32(1 / layer.power)
    inside = np.clip((layer.radius - away) / edge[:, None, None] + 0.5, 0, 1) * layer.opacity
    inside = inside.astype(np.float32)
    lit, shine = _lit(local / layer.radius, away / layer.radius, axes, layer, worn.direction)
    shade = np.array(layer.colour, np.float32) * lit[..., None] + shine[..., None]
    rest = 1 - inside
    colour *= rest[..., None]
    colour += shade * inside[..., None]
    opacity *= rest
    opacity += inside


def _lit(
    local: np.ndarray, away: np.ndarray, axes: np.ndarray, layer: Layer, light: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How bright a dome is and how it shines, each (n, w, w); its rim leans outwards."""
    unit = axes / np.maximum(np.linalg.norm(axes, axis=2, keepdims=True), 1e-6)
    towards = (unit @ light[:2]).astype(np.float32)
    lean = np.float32(layer.dome) * np.minimum(away, 1) ** 2
    flat = np.einsum("nhwc,nc->nhw", local, towards)
    rise = (flat * lean + np.float32(light[2])) / np.sqrt(1 + (lean * away) ** 2)
    lit = np.clip(rise, 0, 1)
    return 0.46 + 0.66 * lit, np.float32(layer.gloss) * lit**22


def _box(
    layers: Layers, centre: np.ndarray, axes: np.ndarray, half: np.ndarray, turn: np.ndarray,
    round_cm: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Rounded boxes in the skin: first pixels, places along and across (n, w, w, 2), inside, fit.

    `half` (n, 2) and places are in cm, `turn` (n, 2) is the unit vector along the box.
    """
    reach = float(np.linalg.norm(half, axis=1).max() * np.linalg.norm(axes, axis=2).max()) + 1
    first, offsets, fits = _windows(layers, centre, reach)
    local = offsets @ np.linalg.inv(axes + 1e-6 * np.eye(2)).astype(np.float32)[:, None]
    across = np.stack([-turn[:, 1], turn[:, 0]], axis=1)
    frame = np.stack([turn, across], axis=2).astype(np.float32)
    placed = local @ frame[:, None]
    beyond = np.maximum(np.abs(placed) - (half[:, None, None] - round_cm), 0)
    per_cm = np.sqrt(np.maximum(np.abs(np.linalg.det(axes)), 1e-6))[:, None, None]
    gap = np.sqrt(np.sum(beyond**2, axis=-1)) - round_cm
    return first, placed, np.clip(0.5 - gap * per_cm, 0, 1).astype(np.float32), fits


def _doubles(layers: Layers, outfit: Outfit, worn: Worn) -> None:
    """Housings that two electrodes of a pair share."""
    pairs = outfit.doubles[worn.visible[outfit.doubles].all(axis=1)]
    if len(pairs) == 0:
        return
    ends, axes = worn.centres[pairs], worn.axes[pairs].mean(axis=1)
    between = np.einsum(
        "nc,ncd->nd", ends[:, 1] - ends[:, 0], np.linalg.inv(axes + 1e-6 * np.eye(2))
    )
    length = np.linalg.norm(between, axis=1)
    wide = outfit.radius_cm[pairs].max(axis=1) * 0.9
    half = np.stack([length / 2 + wide, wide], axis=1)
    turn = between / np.maximum(length, 1e-6)[:, None]
    first, placed, inside, fits = _box(
        layers, ends.mean(axis=1), axes, half, turn, float(wide.min() * 0.8)
    )
    light = worn.light[pairs].mean(axis=1)
    nearest = worn.depth[pairs].mean(axis=1) - HIDDEN_CM * worn.unit_cm
    for k in np.flatnonzero(fits).tolist():
        tone = 0.95 - 0.2 * (placed[k, ..., 1] / wide[k]) ** 2
        colour = outfit.double_colour * light[k] * tone[..., None] * inside[k][..., None]
        shadow = 0.4 * uniform_filter(inside[k], 3)
        _lay(layers, first[k], colour.astype(np.float32), inside[k], shadow, float(nearest[k]))


def _tape(layers: Layers, outfit: Outfit, worn: Worn) -> None:
    """Strips of tape, in the skin's plane."""
    tape = outfit.tape
    keep = worn.visible[tape.electrode]
    if not keep.any():
        return
    number, axes = tape.electrode[keep], worn.axes[tape.electrode[keep]]
    inverse = np.linalg.inv(axes + 1e-6 * np.eye(2))
    way = worn.cables[number, 12, :2] - worn.centres[number]
    along = np.einsum("nc,ncd->nd", way, inverse)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    centre = worn.centres[number] + np.einsum("nc,ncd->nd", along * tape.along_cm[keep, None], axes)
    cos, sin = np.cos(tape.turn[keep]), np.sin(tape.turn[keep])
    turn = np.stack([cos * along[:, 0] - sin * along[:, 1], sin * along[:, 0] + cos * along[:, 1]],
                    axis=1)  # fmt: skip
    half = tape.half_cm[keep]
    first, placed, inside, fits = _box(layers, centre, axes, half, turn, 0.05)
    nearest = worn.depth[number] - HIDDEN_CM * worn.unit_cm
    light, colours, clear = worn.light[number], tape.colour[keep], tape.opacity[keep]
    weave = 0.96 + 0.03 * np.sin(40 * placed[..., 0]) * np.sin(40 * placed[..., 1])
    bump = 1 + 0.13 * np.exp(-((placed[..., 1] / (1.6 * outfit.cable_cm)) ** 2))
    for k in np.flatnonzero(fits).tolist():
        opacity = inside[k] * np.float32(clear[k])
        tone = weave[k] * bump[k] * 1.0
        colour = colours[k] * light[k] * tone[..., None] * opacity[..., None]
        shadow = 0.25 * uniform_filter(inside[k], 3)
        _lay(layers, first[k], colour.astype(np.float32), opacity, shadow, float(nearest[k]))
