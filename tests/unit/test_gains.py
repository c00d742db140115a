"""Expression gains: fitted from a few poses, better than the baseline on what was not posed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from posed_session import MUSCLES, Person, personal_table, posed_session, session_of_moves

from eifer import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.pipeline import LivePipeline
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.calibration import Profile
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.gains import ExpressionGains, fit_gains
from eifer.eifer_addon.signals.posed import (
    PosedFrames,
    default_poses,
    frames_of_poses,
    frames_of_track,
    read_poses,
)
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.spaces import ARKIT52, get_space
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.baseline import build_model
from eifer.models.emg2exp import emg_to_expression
from eifer.models.sessions import Model, load_model
from eifer.models.synthetic.script import movements as script_movements


def face_of(seed: int) -> Model:
    """A person's own way from muscles to expression."""
    return load_model(build_model(personal_table(seed)), kind="emg2exp")


@pytest.fixture(scope="module")
def session() -> tuple[Recording, Activity, ExpressionTrack]:
    """A calibration session of a person, and what a perfect video of it shows."""
    recording, truth = posed_session(Person(3))
    return recording, truth, emg_to_expression(truth, face_of(3))


@pytest.fixture(scope="module")
def profile(session: tuple[Recording, Activity, ExpressionTrack]) -> Profile:
    return api.calibrate(session[0], track=session[2], subject="S03")


def posed(activity: np.ndarray, targets: np.ndarray, muscles: tuple[str, ...]) -> PosedFrames:
    names = tuple(f"pose{k}" for k in range(len(activity)))
    return PosedFrames("arkit52", muscles, activity, targets, names, np.ones(len(names)), "test")


def test_gains_of_a_few_poses_do_better_than_the_baseline_on_other_expressions(
    session: tuple[Recording, Activity, ExpressionTrack], profile: Profile
) -> None:
    moves = [m for m in script_movements(20.0, MUSCLES) if m.name != "blink"]
    unseen, truth = session_of_moves(Person(3), moves, 20.0, 30.0, (), 5)
    shown = emg_to_expression(truth, face_of(3)).coefficients
    activity = api.to_activity(unseen, profile=profile)
    fitted = api.emg_to_expression(activity).coefficients
    plain = api.emg_to_expression(activity, model="baseline").coefficients
    n = min(len(shown), len(fitted))
    error, before = (np.sqrt(np.mean((c[:n] - shown[:n]) ** 2)) for c in (fitted, plain))
    assert error < 0.85 * before
    fit = profile.gains["fit"]
    assert fit["error"] < 0.8 * fit["error_before"]


def test_a_profile_with_gains_is_used_by_itself_and_the_track_says_so(
    session: tuple[Recording, Activity, ExpressionTrack], profile: Profile, tmp_path: Path
) -> None:
    activity = api.to_activity(session[0], profile=profile.save(tmp_path / "s.json"))
    own, plain = api.emg_to_expression(activity), api.emg_to_expression(activity, model="baseline")
    assert own.provenance["model"] == "expression gains of the profile"
    assert own.provenance["expression_gains"]["poses"] == profile.gains["fit"]["poses"]
    assert "expression_gains" not in plain.provenance
    assert np.abs(own.coefficients - plain.coefficients).max() > 0.05
    bare = api.to_activity(session[0], profile=replace(profile, gains={}))
    given = api.emg_to_expression(bare, profile=profile)
    np.testing.assert_array_equal(given.coefficients, own.coefficients)
    assert own.coefficients.min() >= 0
    assert own.coefficients.max() <= 1


def test_without_evidence_nothing_changes() -> None:
    muscles = tuple(MUSCLES)
    rng = np.random.default_rng(0)
    activity = np.abs(rng.standard_normal((8, len(muscles)))) * 0.4
    one = np.ones(len(muscles))
    plain = Activity(activity.astype(np.float32), 100.0, muscles, 0 * one, one, muscles)
    targets = emg_to_expression(plain).coefficients.astype(float)
    gains = fit_gains(posed(activity, targets, muscles))
    again = emg_to_expression(plain, gains.as_model()).coefficients
    np.testing.assert_allclose(again, targets, atol=0.01)
    noisy = targets + 0.3 * rng.standard_normal(targets.shape)
    unsure = fit_gains(posed(activity, noisy, muscles))
    assert unsure.fit["ridge"] == "infinite" or unsure.fit["ridge"] >= 1


def test_one_side_never_moves_the_other_and_the_middle_takes_half_of_each() -> None:
    muscles = ("zygomaticus.left", "zygomaticus.right", "orbicularis_oris.left",
               "orbicularis_oris.right")  # fmt: skip
    levels = np.array([0.3, 0.6, 0.9, 1.0])
    activity = np.zeros((8, 4))
    activity[:4, :2], activity[4:, 2:] = levels[:, None], levels[:, None]
    targets = np.zeros((8, 52))
    smile = [ARKIT52.coefficients.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    pucker = ARKIT52.coefficients.index("mouthPucker")
    targets[:4, smile], targets[4:, pucker] = 0.5 * levels[:, None], 0.7 * levels
    gains = fit_gains(posed(activity, targets, muscles), start="nothing")
    left = np.array([1.0, 0, 0, 0]) @ gains.weights
    assert left[smile[0]] == pytest.approx(0.5, abs=0.05)
    assert left[smile[1]] == 0
    assert (np.array([0, 0, 1.0, 0]) @ gains.weights)[pucker] == pytest.approx(0.35, abs=0.04)


def test_antagonists_are_admitted_only_when_asked_for() -> None:
    muscles = ("zygomaticus.left", "depressor_anguli_oris.left")
    rng = np.random.default_rng(4)
    activity = rng.random((12, 2))
    targets = np.zeros((12, 52))
    frown = ARKIT52.coefficients.index("mouthFrownLeft")
    targets[:, frown] = np.clip(activity @ [-0.4, 0.9], 0, 1)
    frames = posed(activity, targets, muscles)
    assert fit_gains(frames, start="nothing").weights.min() >= 0
    signed = fit_gains(frames, start="nothing", antagonists=True)
    assert signed.weights[0, frown] < -0.15
    assert signed.fit["error"] < fit_gains(frames, start="nothing").fit["error"]


def test_gains_live_in_other_spaces_too_and_survive_json(tmp_path: Path) -> None:
    recording, truth = posed_session(Person(1))
    space = get_space("flame2020:e10j3")
    mixing = np.random.default_rng(1).standard_normal((len(MUSCLES), len(space))) * 0.2
    shown = space.clip(truth.values @ mixing).astype(np.float32)
    seen = np.ones(len(truth), np.float32)
    track = ExpressionTrack(space, shown, truth.timestamps, seen)
    profile = api.calibrate(recording, track=track)
    gains = ExpressionGains.from_document(profile.gains)
    assert gains.start == "nothing"
    assert gains.fit["error"] < 0.8 * gains.fit["error_before"]
    assert gains.as_document() == profile.gains
    again = Profile.load(profile.save(tmp_path / "s.json"))
    assert again == profile
    made = api.emg_to_expression(api.to_activity(recording, profile=again))
    assert made.space == space


def test_only_the_held_part_of_a_pose_counts(
    session: tuple[Recording, Activity, ExpressionTrack], profile: Profile
) -> None:
    activity = api.to_activity(session[0], profile=replace(profile, gains={}))
    windows = {"smile_open": profile.movements["smile_open"]}
    frames = frames_of_poses(activity, windows, default_poses())
    whole = np.diff(windows["smile_open"])[0] * activity.rate_hz
    assert 0.3 * whole < len(frames.names) < 0.9 * whole
    late = replace(session[2], timestamps=session[2].timestamps + 0.08)
    on_time = frames_of_track(activity, windows, session[2])
    delayed = frames_of_track(activity, windows, late)
    np.testing.assert_allclose(delayed.targets.mean(0), on_time.targets.mean(0), atol=0.04)


def test_live_uses_the_gains_of_the_profile_too(
    session: tuple[Recording, Activity, ExpressionTrack], profile: Profile
) -> None:
    recording = session[0]
    settings = LiveSettings(recording="posed.edf", profile=profile.as_document(), mains_hz=50.0)
    live = LivePipeline(recording.channels, recording.rate_hz, recording.units, settings)
    assert live.model.sha256 == ExpressionGains.from_document(profile.gains).as_model().sha256
    frames = live.run(recording)
    offline = api.emg_to_expression(api.to_activity(recording, preset="live", profile=profile))
    smile = ARKIT52.coefficients.index("mouthSmileLeft")
    seen = np.interp(offline.timestamps, frames.timestamps, frames.coefficients[:, smile])
    middle = slice(500, -200)
    assert np.corrcoef(seen[middle], offline.coefficients[middle, smile])[0, 1] > 0.98
    plain = LivePipeline(
        recording.channels, recording.rate_hz, recording.units,
        replace(settings, profile=replace(profile, gains={}).as_document()),
    )  # fmt: skip
    assert plain.model.sha256 != live.model.sha256


def test_a_table_of_poses_takes_names_without_side_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "poses.json"
    document = {"format_version": 1, "space": "arkit52",
                "poses": {"smile_open": {"mouthSmile": 0.8, "jawOpen": 0.1},
                          "snarl": [0.0] * 51 + [0.5]}}  # fmt: skip
    path.write_text(json.dumps(document), "utf-8")
    table = read_poses(path)
    smile = dict(zip(ARKIT52.coefficients, table.poses["smile_open"], strict=True))
    assert smile["mouthSmileLeft"] == smile["mouthSmileRight"] == 0.8
    assert table.poses["snarl"][-1] == 0.5
    for poses, words in (
        ({"a": {"mouthSmirk": 1}}, "names 'mouthSmirk', which arkit52 does not have"),
        ({"a": [1.0, 2.0]}, "no table of poses"),
        ({"a": {"jawOpen": float("nan")}}, "not a number"),
    ):
        path.write_text(json.dumps(document | {"poses": poses}), "utf-8")
        with pytest.raises(EiferError, match=words):
            read_poses(path)


def test_too_few_poses_and_damaged_gains_are_refused(profile: Profile) -> None:
    with pytest.raises(EiferError, match="need 3 different posed expressions; 2"):
        fit_gains(posed(np.eye(2), np.ones((2, 52)), ("mentalis.left", "mentalis.right")))
    with pytest.raises(EiferError, match="gains are damaged"):
        ExpressionGains.from_document(dict(profile.gains) | {"gains": {"mouthSmirk": {}, "x": 1}})
    with pytest.raises(EiferError, match="either poses or a track"):
        api.fit_gains(profile, posed_session(Person(0))[0])


def test_the_command_line_fits_gains_and_emg_uses_them(
    session: tuple[Recording, Activity, ExpressionTrack],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recording, _, shown = session
    file = write_edf(recording, tmp_path / "session.edf")
    track = shown.save(tmp_path / "video.npz")
    out = tmp_path / "s.json"
    command = ["calibrate", str(file), "--out", str(out), "--json", "--force"]
    assert main([*command, "--track", str(track)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format_version"] == 2
    assert len(document["gains"]["fit"]["poses"]) == 10
    made = tmp_path / "t.npz"
    assert main(["emg", str(file), "--profile", str(out), "--track", str(made)]) == 0
    assert "expression gains of the profile" in capsys.readouterr().out
    recipe = ExpressionTrack.load(made).provenance["recipe"]
    assert recipe["model"] == ""  # made again, the profile in the recipe brings the gains
    assert recipe["profile"]["gains"] == document["gains"]
    assert main([*command, "--poses", "instructed"]) == 0
    assert "instructions" in json.loads(capsys.readouterr().out)["gains"]["fit"]["origin"]
    assert main([*command, "--adjust", str(out), "--track", str(track)]) == 1
    assert "takes no --mvc, --poses or --track" in capsys.readouterr().err
