"""The trained EMG2Exp models that come with the add-on: what they take, give, know and refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.pipeline import LivePipeline
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.signals.activity import Activity
from eifer.models.choosing import available, built_in, model_path
from eifer.models.emg2exp import default_model, missing_value, predict
from eifer.models.emg_schemes import muscles_of, scheme_of_channels
from eifer.models.sequences import run_frames
from eifer.models.streaming import FrameRunner
from eifer.models.synthetic.physiology import simulate_recording

NAMES = (
    "emg2exp_fridlund", "emg2exp_fridlund_causal", "emg2exp_kuramoto", "emg2exp_kuramoto_causal",
)  # fmt: skip


def posed(muscles: dict[str, float], names: tuple[str, ...], seconds: float = 3.0) -> Activity:
    """A pose that rises within 0.4 s and is held, symmetric."""
    n = round(seconds * 100)
    rise = np.clip((np.arange(n) - 40) / 40, 0, 1)[:, None]
    level = np.array([muscles.get(m.partition(".")[0], 0.0) for m in names])
    count = len(names)
    return Activity(
        (rise * level).astype(np.float32), 100.0, names, np.zeros(count), np.ones(count), names
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_it_is_and_how_it_was_made(name: str) -> None:
    card = built_in(name).card
    scheme = "kuramoto" if "kuramoto" in name else "fridlund"
    assert card.inputs == muscles_of(scheme)
    assert card.normalisation["scheme"] == scheme
    assert card.licence == "CC0-1.0"
    assert "simulated subjects" in card.training_data
    assert f"default_weights {name}" in card.training["command"]
    assert card.training["seed"] == 0
    assert card.metrics["test_r2"] > card.metrics["test_r2_baseline"]
    assert bool(card.states) is name.endswith("causal")
    assert Path(model_path(name, "emg2exp")).stat().st_size <= 350_000


@pytest.mark.parametrize("name", NAMES)
def test_a_smile_smiles_a_frown_frowns_and_rest_rests(name: str) -> None:
    model = built_in(name)
    names = model.card.inputs
    smile = predict(posed({"zygomaticus": 0.8, "orbicularis_oculi": 0.4}, names), model)
    column = model.card.outputs.index
    held = smile.coefficients[-1]
    assert held[column("mouthSmileLeft")] > 0.3
    assert held[column("mouthSmileLeft")] > 2 * held[column("mouthFrownLeft")]
    assert held[column("cheekSquintLeft")] > held[column("browDownLeft")]
    brow = {"corrugator": 0.8, "depressor_supercilii": 0.8}
    frown = predict(posed(brow, names), model).coefficients[-1]
    assert frown[column("browDownLeft")] > 0.25
    assert frown[column("browDownLeft")] > 2 * frown[column("mouthSmileLeft")]
    np.testing.assert_array_equal(smile.coefficients[0], 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_one_side_moves_its_own_side(name: str) -> None:
    model = built_in(name)
    activity = posed({"zygomaticus": 0.8, "orbicularis_oculi": 0.3}, model.card.inputs)
    left = np.array([m.endswith("left") for m in activity.muscles])
    found = predict(replace(activity, values=activity.values * left), model).coefficients[-1]
    column = model.card.outputs.index
    assert found[column("mouthSmileLeft")] > 0.25
    assert found[column("mouthSmileRight")] < 0.5 * found[column("mouthSmileLeft")]


@pytest.mark.parametrize("name", NAMES[:2])
def test_two_channels_are_enough_and_invent_no_other_face(name: str) -> None:
    names = tuple(f"{m}.{s}" for m in ("zygomaticus", "corrugator") for s in ("left", "right"))
    model = built_in(name)
    assert missing_value(model) == -1.0
    whole = predict(posed({"zygomaticus": 0.8}, model.card.inputs), model)
    two = predict(posed({"zygomaticus": 0.8}, names), model)
    column = model.card.outputs.index
    assert two.coefficients[-1, column("mouthSmileLeft")] > 0.25
    assert two.coefficients[-1, column("browInnerUp")] < 0.1
    np.testing.assert_array_equal(two.coefficients[0], 0.0)
    assert len(two.notes["missing_muscles"]) == 18
    # What was not seen cannot be sure.
    assert two.confidence[-1] < whole.confidence[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_faint_smile_is_there_and_less_where_its_antagonists_tremble(name: str) -> None:
    model = built_in(name)
    smile = model.card.outputs.index("mouthSmileLeft")

    def smiling(**levels: float) -> float:
        activity = posed(levels, model.card.inputs)
        return float(predict(activity, model).coefficients[-1, smile])

    alone = smiling(zygomaticus=0.02)
    assert alone > 0.01
    assert smiling(zygomaticus=0.04) == pytest.approx(2 * alone, rel=0.25)
    others = {"masseter": 0.03, "depressor_anguli_oris": 0.03, "orbicularis_oris": 0.03}
    assert smiling(zygomaticus=0.02, **others) < 0.75 * alone


@pytest.mark.parametrize("recorded", ["all", "usual"])
@pytest.mark.parametrize("name", NAMES)
def test_who_exceeds_the_calibration_keeps_the_expression(name: str, recorded: str) -> None:
    model = built_in(name)
    usual = tuple(m for m in model.card.inputs if m.startswith(("zygomaticus", "corrugator")))
    names = model.card.inputs if recorded == "all" else usual
    moved = {
        "mouthSmileLeft": ("zygomaticus", "orbicularis_oculi"),
        "browInnerUp": ("frontalis_medialis", "frontalis_lateralis"),
        "browDownLeft": ("corrugator", "depressor_supercilii"),
        "noseSneerLeft": ("levator_labii",),
    }
    for expression, muscles in moved.items():
        if not any(m.startswith(muscles) for m in names):
            continue
        column = model.card.outputs.index(expression)
        efforts = (0.4, 0.6, 0.8, 1.0, 1.3, 2.0, 4.0)
        found = [
            predict(posed(dict.fromkeys(muscles, effort), names), model).coefficients[-1, column]
            for effort in efforts
        ]
        assert np.diff(found).min() > -0.02, (expression, found)
        assert found[-1] > found[0]


def test_uncertainty_stands_in_the_track() -> None:
    effort = {"corrugator": 0.8, "levator_labii": 0.7, "orbicularis_oculi": 0.7, "mentalis": 0.5}
    activity = posed(effort, muscles_of("fridlund"))
    track = api.emg_to_expression(activity, model="emg2exp_fridlund")
    assert 0 < track.confidence.min() <= track.confidence.max() <= 1
    assert track.confidence[0] > track.confidence[-1]
    about = track.provenance
    assert about["model"] == "emg2exp_fridlund"
    assert 0 < about["expected_error"] < 0.3
    assert about["expected_errors"]["mouthSmileLeft"] > 0
    assert about["mean_confidence"] == pytest.approx(float(track.confidence.mean()), abs=1e-3)
    assert (api.emg_to_expression(activity, model="baseline").confidence == 1).all()


def test_an_unknown_name_and_another_scheme_are_one_sentence_each() -> None:
    activity = posed({"zygomaticus": 0.8}, muscles_of("fridlund"))
    with pytest.raises(EiferError, match="There is no emg2exp model named 'emg2exp_nobody'"):
        api.emg_to_expression(activity, model="emg2exp_nobody")
    codes = replace(activity, channels=tuple(f"F{k}" for k in range(1, 23)))
    with pytest.raises(EiferError, match="trained on Kuramoto's electrodes"):
        api.emg_to_expression(codes, model="emg2exp_kuramoto")
    with pytest.raises(EiferError, match="of the kind 'exp2emg', not 'emg2exp'"):
        api.emg_to_expression(activity, model=model_path("exp2emg_fridlund", "exp2emg"))
    assert scheme_of_channels(("K1", "K2", "K24")) == "kuramoto"
    assert scheme_of_channels(("Zyg li", "Corr re")) == ""


def test_names_are_listed_ours_first_then_the_users(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(model_path("baseline", "emg2exp").read_bytes())
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    listed = available("emg2exp", tmp_path)
    assert [one.name for one in listed if one.own] == ["mine"]
    assert {"emg2exp_baseline", *NAMES} <= {one.name for one in listed if not one.own}


def test_a_causal_model_gets_its_own_rate_and_filter_delay() -> None:
    model = built_in("emg2exp_fridlund_causal")
    activity = posed({"zygomaticus": 0.8}, model.card.inputs)
    delay = float(model.card.normalisation["filter_delay_ms"])
    assert 20 < delay < 60
    causal, _ = run_frames(model, activity.values, 100.0, delay)
    zero_phase, _ = run_frames(model, activity.values, 100.0, 0.0)
    shift = round(delay / 10)
    np.testing.assert_allclose(zero_phase[60 + shift :], causal[60:-shift], atol=0.06)
    slow, _ = run_frames(model, activity.values[::4], 25.0, delay)
    np.testing.assert_allclose(slow[20:], causal[80::4], atol=0.06)


def test_the_causal_model_runs_live_as_it_runs_in_one_go() -> None:
    recording, _ = simulate_recording(4.0, 2048.0, seed=3)
    settings = LiveSettings(recording="simulated", model="emg2exp_fridlund_causal", mains_hz=50.0)

    def run(block_s: float) -> np.ndarray:
        pipeline = LivePipeline(recording.channels, recording.rate_hz, recording.units, settings)
        frames = pipeline.run(recording, block_s)
        assert pipeline.delay_ms["model"] == 5.0
        return frames.coefficients

    whole = run(4.0)
    np.testing.assert_array_equal(whole, run(0.1))
    smile = whole[:, default_model().card.outputs.index("mouthSmileLeft")]
    assert smile.max() > 0.2


def test_its_state_can_be_kept_and_taken_up_again() -> None:
    model = built_in("emg2exp_fridlund_causal")
    frames = posed({"zygomaticus": 0.8}, model.card.inputs).values[:80]
    runner = FrameRunner(model)
    first = runner.run(frames[:50])
    state = {name: array.copy() for name, array in runner.state().items()}
    rest = runner.run(frames[50:])
    again = FrameRunner(model)
    again.restore(state)
    np.testing.assert_array_equal(again.run(frames[50:]), rest)
    np.testing.assert_array_equal(np.concatenate([first, rest]), FrameRunner(model).run(frames))


def test_the_command_line_takes_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from eifer.eifer_addon.cli import main
    from eifer.eifer_addon.signals.edf_writer import write_edf

    recording, _ = simulate_recording(4.0, 1024.0, seed=1)
    path = write_edf(recording, tmp_path / "session.edf")
    out = tmp_path / "track.npz"
    words = ["emg", str(path or tmp_path / "session.edf"), "--track", str(out), "--json"]
    assert main([*words, "--model", "emg2exp_fridlund"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["provenance"]["model"] == "emg2exp_fridlund"


@pytest.mark.parametrize("scheme", ["fridlund", "kuramoto"])
def test_the_default_is_the_trained_model_for_whole_faces(scheme: str) -> None:
    names = muscles_of(scheme)
    activity = posed({"zygomaticus": 0.8}, names)
    if scheme == "kuramoto":
        activity = replace(activity, source={"scheme": scheme})
    assert api.emg_to_expression(activity).provenance["model"] == f"emg2exp_{scheme}"
    assert api.emg_to_expression(activity, model="baseline").provenance["model"] == (
        "emg2exp_baseline"
    )


def test_the_default_is_the_baseline_for_a_few_channels() -> None:
    names = tuple(f"{m}.{s}" for m in ("zygomaticus", "corrugator") for s in ("left", "right"))
    track = api.emg_to_expression(posed({"zygomaticus": 0.8}, names))
    assert track.provenance["model"] == "emg2exp_baseline"
