"""A picture of posed emotions: the true faces above, those told from the muscles below."""

from __future__ import annotations

import numpy as np

from ...models.synthetic.emg_sessions import EMOTIONS, EmgSession
from ...models.synthetic.frames import FrameRenderer
from ...models.synthetic.subject import draw_subject
from ..spaces import ARKIT_NAMES
from ..track import ExpressionTrack
from . import emg

#: Pixels of a face's picture, of its part that is shown (left, top, right, bottom), of a word.
_SIZE, _SHOWN, _WORD = 420, (60, 25, 360, 385), 22
ROWS = ("true face", "from muscles")


def emotion_sheet(session: EmgSession, method: emg.Method, seed: int, late_s: float) -> np.ndarray:
    """One person's posed emotions.

    Parameters
    ----------
    session : EmgSession
        Of a simulated person of that seed.
    method : callable
    seed : int
    late_s : float
        By how much the method's face is late.

    Returns
    -------
    numpy.ndarray
        uint8 RGB: a column for each emotion, in the order of `emg.SHOWN`.
    """
    part = session.parts[EMOTIONS]
    activity, truth = part.activities["clinical"], part.track
    made = method(session, activity)
    renderer = FrameRenderer(draw_subject(seed, int(session.subject.split("-")[1])), size=_SIZE)
    poses = {name: (start, length) for start, name, length in activity.events}
    curves = ((truth.timestamps, truth.coefficients), (activity.timestamps + late_s, made))
    left, top, right, bottom = _SHOWN
    columns = []
    for emotion in (name for name in emg.SHOWN if name in poses):
        at = best_time(truth, emotion, *poses[emotion])
        faces = [
            renderer.frame(np.array([np.interp(at, t, c) for c in values.T], np.float32))[0]
            for t, values in curves
        ]
        cut = [face[top:bottom, left:right] for face in faces]
        columns.append(np.concatenate([
            _words(f"{emotion}: {row}" if k == 0 else row, face)
            for k, (row, face) in enumerate(zip(ROWS, cut, strict=True))
        ]))  # fmt: skip
    return np.concatenate(columns, axis=1)


def best_time(truth: ExpressionTrack, emotion: str, start_s: float, length_s: float) -> float:
    """When a posed emotion is shown most plainly, in s: its own expressions, and no blink."""
    inside = (truth.timestamps >= start_s) & (truth.timestamps < start_s + length_s)
    bases = [name.removesuffix("Left").removesuffix("Right") for name in ARKIT_NAMES]
    wanted = {base for base, _ in emg.SHOWN[emotion]}
    shown = np.array([base in wanted for base in bases], float)
    weights = shown / shown.sum() - np.array([base == "eyeBlink" for base in bases], float) / 2
    plain = truth.coefficients[inside] @ weights
    return float(truth.timestamps[inside][int(plain.argmax())])


def _words(text: str, face: np.ndarray) -> np.ndarray:
    """A picture with a line of text above it."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (face.shape[1], _WORD + 8), "white")
    font = ImageFont.load_default(size=_WORD)
    ImageDraw.Draw(strip).text((8, 2), text, fill="black", font=font)
    return np.concatenate([np.asarray(strip), face])
