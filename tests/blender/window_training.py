"""Scenes about a subject's own model: trained from the panel, chosen, and the keys made again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
from window_harness import (
    heads,
    invoke,
    open_tab,
    parts,
    screenshot,
    settle,
    show_panels,
)
from window_muscles import import_person

#: The Python that has torch; where person.edf and person.npz lie.
PYTHON, FILES = sys.argv[-3], Path(sys.argv[-2])
#: A short training, of which the window still shows half.
SETTINGS, MINUTES = "trainer.max_steps=900 trainer.log_every=10 trainer.validate_every=150", 6.0
_SUBJECT, _LIMIT_S = "Person 3", 500.0
_SMILE = "mouthSmileLeft"
#: Curves of the smile: the film's, and the EMG take's before the training.
found: dict[str, np.ndarray] = {}


def choose() -> Iterator[float]:
    """The preferences name the Python, and the fold shows both takes and the button."""
    addon = next(a for a in bpy.context.preferences.addons if a.module.endswith(".eifer"))
    addon.preferences.torch_python = PYTHON
    show_panels("recordings", "training")
    yield from open_tab()
    settings = bpy.context.scene.eifer_training
    settings.subject, settings.minutes = _SUBJECT, MINUTES
    yield 1.0


def train() -> Iterator[float]:
    """The button; the window lives on, and the fold tells how far it is."""
    from bl_ext.user_default.eifer.eifer_addon.scene.training_settings import running

    settings, head = bpy.context.scene.eifer_training, heads()[0]
    assert bpy.ops.eifer.show_takes(mode="FILM") == {"FINISHED"}
    found["film"] = curve(head)
    assert bpy.ops.eifer.show_takes(mode="EMG") == {"FINISHED"}
    found["before"] = curve(head)
    # What a script does is no step of its own.
    bpy.ops.ed.undo_push(message="Takes of a session")
    result = invoke(bpy.ops.eifer.train_model, settings=SETTINGS)
    assert result == {"RUNNING_MODAL"}, result
    started, shown = time.monotonic(), False
    while running():
        assert time.monotonic() - started < _LIMIT_S, "the training does not end"
        yield 0.2
        if not shown and running() and 0.4 < running()["share"] < 1.0:
            shown = True
            yield from settle()
            screenshot("training-panel", parts()[3])
    assert shown, "the fold never told how far the training was"
    assert settings.made == _SUBJECT, settings.result
    sys.stdout.write(f"told: {settings.result}\n")


def it_is_the_subjects() -> Iterator[float]:
    """The keys of the EMG take were made again with it, and are nearer to the film."""
    head, session = heads()[0], bpy.context.scene.eifer_session
    assert session.emg == head.animation_data.action
    film = found["film"]
    errors = [float(np.sqrt(np.mean((one - film) ** 2))) for one in (found["before"], curve(head))]
    sys.stdout.write("told: error beside the film {:.3f} before, {:.3f} after\n".format(*errors))
    assert errors[1] < errors[0], "the subject's model is no nearer to the film"
    bpy.context.scene.frame_set(bpy.context.scene.frame_start + int(film.argmax()))
    yield from settle()
    screenshot("training-done", parts()[3])
    with bpy.context.temp_override(window=parts()[0]):
        assert bpy.ops.ed.undo() == {"FINISHED"}
    yield 1.0
    assert np.allclose(curve(heads()[0]), found["before"]), "one undo does not bring the keys back"


def curve(head: bpy.types.Object) -> np.ndarray:
    """A smile over the timeline, as the take that is played keys it."""
    scene = bpy.context.scene
    frames = range(scene.frame_start, scene.frame_end + 1)
    path = f'["{_SMILE}"]'
    curves = head.animation_data.action.layers[0].strips[0].channelbags[0].fcurves
    found = next(one for one in curves if one.data_path == path)
    return np.array([found.evaluate(frame) for frame in frames])


SCENES = (import_person, choose, train, it_is_the_subjects)
