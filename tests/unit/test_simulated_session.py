"""Simulated sessions: subjects and clips that depend on nothing but what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.models.synthetic.movements import session_clips, tasks
from eifer.models.synthetic.session import SimulatedClip, simulate_clip
from eifer.models.synthetic.subject import draw_subject


def face(subject: int, task: str, mode: str = "schaede", rec: str = "1S") -> SimulatedClip:
    return simulate_clip(draw_subject(7, subject), rec, mode, task, 1, raw=False)


def at_apex(clip: SimulatedClip, name: str) -> float:
    move = clip.events[0]
    middle = int((move.onset_s + 0.5 * move.duration_s) * 30)
    column = clip.track.space.coefficients.index(name)
    return float(clip.track.coefficients[middle, column])


def test_a_clip_does_not_depend_on_what_was_made_before() -> None:
    first = simulate_clip(draw_subject(3, 1), "1S", "emotion", "happy", 5)
    simulate_clip(draw_subject(3, 1), "1S", "emotion", "sad", 6, raw=False)
    again = simulate_clip(draw_subject(3, 1), "1S", "emotion", "happy", 5)
    for scheme in ("fridlund", "kuramoto"):
        assert first.raw[scheme].data().tobytes() == again.raw[scheme].data().tobytes()
    assert first.track.coefficients.tobytes() == again.track.coefficients.tobytes()
    other = simulate_clip(draw_subject(4, 1), "1S", "emotion", "happy", 5, raw=False)
    assert not np.array_equal(first.subject.identity, other.subject.identity)


def test_repetitions_and_subjects_differ() -> None:
    subject = draw_subject(3, 1)
    clips = [simulate_clip(subject, "1S", "emotion", "happy", k, raw=False) for k in (1, 2)]
    assert len(clips[0]) != len(clips[1])
    smiles = [at_apex(face(k, "happy", "emotion"), "mouthSmileLeft") for k in range(8)]
    assert min(smiles) > 0.25
    assert np.std(smiles) > 0.03


def test_a_session_has_the_eleven_movements_and_four_of_each_emotion() -> None:
    clips = session_clips(draw_subject(0, 0), "1S", free=1)
    assert [c.task for c in clips if c.mode == "schaede"] == list(tasks("schaede"))
    emotions = [c.task for c in clips if c.mode == "emotion"]
    assert all(emotions.count(task) == 4 for task in tasks("emotion"))
    assert [c.seq for c in clips if c.mode == "emotion"] == list(range(1, 25))


@pytest.mark.parametrize(
    ("task", "shown", "hidden"),
    [
        ("Forehead", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), "mouthSmileLeft"),
        ("Eye-Tight", ("eyeBlinkLeft", "eyeSquintRight"), "jawOpen"),
        ("Smile-Open", ("mouthSmileLeft", "mouthSmileRight"), "mouthFrownLeft"),
        ("Lip-Pucker", ("mouthPucker",), "mouthSmileLeft"),
        ("Cheeks", ("cheekPuff",), "jawOpen"),
        ("Snarl", ("mouthUpperUpLeft", "noseSneerRight"), "mouthFrownRight"),
        ("Depress-Lip", ("mouthLowerDownLeft",), "browInnerUp"),
    ],
)
def test_each_movement_shows_what_it_is_called_after(
    task: str, shown: tuple[str, ...], hidden: str
) -> None:
    clips = [face(k, task) for k in range(4)]
    for name in shown:
        assert np.median([at_apex(clip, name) for clip in clips]) > 0.35, name
    assert np.median([at_apex(clip, hidden) for clip in clips]) < 0.12


def test_rest_shows_nothing_but_blinks_and_gaze() -> None:
    clip = face(2, "Face-At-Rest")
    most = dict(
        zip(clip.track.space.coefficients, clip.track.coefficients.max(axis=0), strict=True)
    )
    moving = [name for name, value in most.items() if value > 0.02]
    assert all(
        name.startswith(("eyeBlink", "eyeLook", "eyeSquint", "cheekSquint")) for name in moving
    )


def test_the_skin_follows_the_muscle_by_the_subjects_delay() -> None:
    subject = draw_subject(7, 0)
    from eifer.models.synthetic.movements import STEP_HZ, course, steps
    from eifer.models.synthetic.muscle_face import displacement

    time = steps(150)
    drive = np.full((len(time), len(subject.muscles)), 0.01)
    column = subject.muscles.index("frontalis_medialis.left")
    drive[:, column] += 0.3 * course(time - 1, 0.8, 1.0, 0.8)
    moved = displacement(subject, drive)[:, 2]
    still = type(subject)(**{**vars(subject), "delay_s": subject.delay_s * 0 + 1e-6,
                             "lag_s": subject.lag_s * 0 + 1e-9})  # fmt: skip
    at_once = displacement(still, drive)[:, 2]
    lags = np.arange(0, int(0.2 * STEP_HZ))
    likeness = [np.dot(moved[k:], at_once[: len(at_once) - k]) for k in lags]
    found = lags[int(np.argmax(likeness))] / STEP_HZ
    assert found == pytest.approx(subject.delay_s[column], abs=0.004)


def test_an_unknown_task_or_session_is_named() -> None:
    with pytest.raises(EiferError, match="no task 'Wink'"):
        face(0, "Wink")
    with pytest.raises(EiferError, match="'2X' is no session"):
        face(0, "happy", "emotion", "2X")


def test_a_normal_session_has_no_electrodes() -> None:
    clip = simulate_clip(draw_subject(0, 0), "1N", "emotion", "sad", 1)
    assert not clip.raw
    assert len(clip.drive) > 0
