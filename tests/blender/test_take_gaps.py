"""A live take in which samples were lost is made anew like any other, and nothing is invented."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.files import sha256_of
from eifer.eifer_addon.live.journal import JournalWriter
from eifer.eifer_addon.live.pipeline import Frames
from eifer.eifer_addon.live.remade import GAPS, activity_of_stretches
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.scene.actions import curves
from eifer.eifer_addon.scene.edits import remake_take
from eifer.eifer_addon.scene.recipes import Recipe, note_recipe
from eifer.eifer_addon.signals.edits import Edits
from eifer.models.synthetic.physiology import simulate_recording

RATE_HZ, FPS = 1000.0, 24.0
#: Seconds of the recording that never arrived.
LOST = (3.0, 4.3)


@pytest.fixture(scope="module")
def whole() -> object:
    return simulate_recording(8.0, RATE_HZ, seed=5)[0]


@pytest.fixture
def profile(whole) -> dict[str, object]:  # type: ignore[no-untyped-def]
    activity = api.to_activity(whole, preset="live")
    levels = zip(activity.muscles, activity.baseline, activity.scale, strict=True)
    return {
        "format_version": 1, "preset": "live",
        "muscles": {m: {"baseline": float(b), "scale": float(s)} for m, b, s in levels},
    }  # fmt: skip


def journal(whole, path: Path, lost: tuple[float, float] = LOST) -> Path:  # type: ignore[no-untyped-def]
    samples, n = whole.data().T.astype("f4"), whole.n_samples
    first, last = round(lost[0] * RATE_HZ), round(lost[1] * RATE_HZ)
    head = {
        "format_version": 1, "take": "gap", "subject": "", "created": "", "space": "arkit52",
        "settings": LiveSettings(recording="none").to_document(), "stream": {"name": "Amp"},
        "channels": list(whole.channels), "units": list(whole.units), "rate_hz": RATE_HZ,
        "dtype": "f4", "muscles": ["zygomaticus.left"], "frame_rate_hz": 500.0,
    }  # fmt: skip
    writer = JournalWriter(path, head, {})
    for start, stop in ((0, first), (last, n)):
        if start:
            writer.gap(last - first, "lost on the way")
        times = 50.0 + np.arange(start, stop) / RATE_HZ
        frames = Frames(times[:1], np.zeros((1, 1), np.float32), np.zeros((1, 52), np.float32))
        writer.add(samples[start:stop], times, times, frames)
    writer.close()
    return path


def test_what_arrived_is_as_without_the_gap(whole, profile, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = journal(whole, tmp_path / "take.eiflog")
    options = {"preset": "live", "profile": profile, "rate_hz": FPS}
    made = activity_of_stretches(path, **options)
    truth = api.to_activity(whole, **options)
    assert len(made) == len(truth)
    ((start, stop),) = made.source[GAPS]
    assert (start / FPS, stop / FPS) == pytest.approx(LOST, abs=1 / FPS)
    assert not made.values[start:stop].any()
    # Frames are read off between finer ones; behind the gap the filters settle first.
    np.testing.assert_allclose(made.values[: start - 1], truth.values[: start - 1], atol=0.04)
    np.testing.assert_allclose(made.values[stop + 12 :], truth.values[stop + 12 :], atol=0.06)


def test_keys_are_made_again_around_the_gap(  # type: ignore[no-untyped-def]
    whole, profile, rigged: bpy.types.Object, tmp_path: Path
) -> None:
    path = journal(whole, tmp_path / "take.eiflog")
    recipe = Recipe(
        str(path), sha256_of(path), preset="live", rate_hz=FPS, profile=profile,
        edits=Edits().changed({"gain": {"zygomaticus.left": 1.2}}),
    )  # fmt: skip
    bpy.context.scene.render.fps = round(FPS)
    track = recipe.track(recipe.activity(path))
    action = api.apply_track(bpy.context, rigged, track, take="gap")
    note_recipe(action, recipe)
    assert remake_take(bpy.context, rigged, Edits()) == action
    curve = next(c for c in curves(rigged) if "mouthSmileLeft" in c.data_path)
    times = np.array([point.co[0] for point in curve.keyframe_points])
    lost = (times > 1 + LOST[0] * FPS + 1) & (times < 1 + LOST[1] * FPS - 1)
    assert len(times) > 100
    assert not lost.any()


def test_nothing_but_gaps_is_one_sentence(whole, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = journal(whole.select(range(2)), tmp_path / "take.eiflog", lost=(0.3, 7.7))
    with pytest.raises(EiferError, match=r"take\.eiflog has no half second without a gap"):
        activity_of_stretches(path, preset="live")
