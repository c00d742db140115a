"""The baseline: the committed network is the table, and the table says what muscles do."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.models.baseline import MODEL_PATH, build_model, read_table, table_matrices
from eifer.models.emg2exp import default_model, emg_to_expression

SIDES = ("left", "right")


def face(**muscles: float) -> dict[str, float]:
    """Coefficients of one frame; ``zygomaticus_left=1`` is one side, ``zygomaticus=1`` both."""
    names: list[str] = []
    values: list[float] = []
    for name, value in muscles.items():
        stem, _, side = name.rpartition("_")
        for chosen in [side] if side in SIDES else SIDES:
            names.append(f"{stem if side in SIDES else name}.{chosen}")
            values.append(value)
    track = emg_to_expression(make_activity(np.array([values]), tuple(names)))
    return dict(zip(ARKIT_NAMES, track.coefficients[0].tolist(), strict=True))


def make_activity(values: np.ndarray, muscles: tuple[str, ...], **more: Any) -> Activity:
    n = len(muscles)
    return Activity(
        values.astype(np.float32), 60.0, muscles, np.zeros(n), np.ones(n), muscles, **more
    )


def evaluate_table(table: dict[str, Any], activity: dict[str, float]) -> dict[str, float]:
    """The table's six steps in plain Python: an oracle that shares no code with the network."""
    sums = dict.fromkeys(ARKIT_NAMES, 0.0)
    for side in SIDES:
        unit: dict[str, float] = {}
        for name, rule in table["units"].items():
            mixed = sum(
                weight * max(0.0, activity[f"{muscle}.{side}"])
                for muscle, weight in rule["muscles"].items()
            )
            unit[name] = rule.get("gain", 1) * max(0.0, mixed - rule.get("threshold", 0))
        for name, rule in table["together"].items():
            unit[name] = rule["gain"] * min(unit[u] for u in rule["units"])
        net = {
            name: max(0.0, v - sum(s * unit[o] for o, s in table["against"].get(name, {}).items()))
            for name, v in unit.items()
        }
        for stem, gains in table["coefficients"]["sided"].items():
            sums[stem + side.title()] += sum(g * net[u] for u, g in gains.items())
        for stem, gains in table["coefficients"]["bilateral"].items():
            sums[stem] += sum(g * net[u] for u, g in gains.items()) / 2
    return {n: 1 - float(np.exp(-table["curve"]["steepness"] * x)) for n, x in sums.items()}


def test_rebuilding_gives_the_committed_bytes() -> None:
    pytest.importorskip("onnx", reason="onnx is needed to build the baseline")
    assert build_model(read_table()) == MODEL_PATH.read_bytes()


def test_the_network_computes_the_table() -> None:
    model, table = default_model(), read_table()
    inputs = np.random.default_rng(0).uniform(-0.3, 1.6, (300, 22)).astype(np.float32)
    outputs = model.run(inputs)
    for row, found in zip(inputs, outputs, strict=True):
        wanted = evaluate_table(table, dict(zip(model.card.inputs, row.tolist(), strict=True)))
        np.testing.assert_allclose(found, [wanted[n] for n in ARKIT_NAMES], atol=2e-6)


def test_rest_is_a_neutral_face_and_values_stay_in_bounds() -> None:
    model = default_model()
    assert not model.run(np.zeros((1, 22))).any()
    assert not model.run(np.full((1, 22), -5.0)).any()
    values = model.run(np.random.default_rng(1).uniform(-10, 100, (1000, 22)))
    assert values.min() >= 0
    assert values.max() <= 1


@pytest.mark.parametrize(
    ("muscles", "high", "low"),
    [
        ({"zygomaticus": 0.6, "orbicularis_oculi": 0.25}, ["mouthSmile", "cheekSquint"],
         ["eyeBlink", "mouthFrown"]),
        ({"zygomaticus": 1.1, "orbicularis_oculi": 0.7, "levator_labii": 0.45},
         ["mouthSmile", "cheekSquint", "eyeSquint"], ["eyeBlink", "noseSneer", "mouthFrown"]),
        ({"corrugator": 1, "depressor_supercilii": 0.9, "orbicularis_oris": 0.5},
         ["browDown", "mouthPress"], ["browInnerUp", "mouthPucker", "mouthSmile"]),
        ({"frontalis_medialis": 0.9, "frontalis_lateralis": 0.9}, ["browInnerUp", "browOuterUp"],
         ["jawOpen", "browDown"]),
        ({"frontalis_medialis": 1, "frontalis_lateralis": 1, "mentalis": 0.35,
          "depressor_anguli_oris": 0.4, "orbicularis_oris": 0.3},
         ["browInnerUp", "browOuterUp", "jawOpen", "eyeWide"], ["mouthFrown", "mouthPucker"]),
        ({"levator_labii": 1, "depressor_supercilii": 0.5, "corrugator": 0.45},
         ["noseSneer", "mouthUpperUp", "browDown"], ["mouthSmile"]),
        ({"frontalis_medialis": 0.6, "corrugator": 0.5, "depressor_anguli_oris": 0.9,
          "mentalis": 0.7}, ["browInnerUp", "mouthFrown", "mouthShrugLower"],
         ["mouthSmile", "browOuterUp", "jawOpen"]),
        ({"orbicularis_oris": 1, "mentalis": 0.3}, ["mouthPucker"], ["mouthPress", "mouthSmile"]),
        ({"orbicularis_oculi": 1.1}, ["eyeBlink"], ["mouthSmile", "browDown"]),
        ({"masseter": 1, "zygomaticus": 0.2}, [], ["mouthSmile", "jawOpen"]),
    ],
)  # fmt: skip
def test_typical_expressions(muscles: dict[str, float], high: list[str], low: list[str]) -> None:
    found = face(**muscles)
    for name, value in found.items():
        stem = name.removesuffix("Left").removesuffix("Right")
        if stem in high:
            assert value > 0.25, name
        if stem in low:
            assert value < 0.13, name


def test_sides_stay_separate() -> None:
    found = face(zygomaticus_left=1.0, corrugator_right=1.0)
    assert found["mouthSmileLeft"] > 0.7
    assert found["mouthSmileRight"] == 0
    assert found["browDownRight"] > 0.5
    assert found["browDownLeft"] == 0
    one, both = face(frontalis_medialis_left=1.0), face(frontalis_medialis=1.0)
    assert 0.5 < one["browInnerUp"] / both["browInnerUp"] < 0.75


def test_a_clenched_jaw_stays_closed() -> None:
    surprise = {"frontalis_medialis": 1.0, "frontalis_lateralis": 1.0, "mentalis": 0.6}
    assert face(**surprise, masseter=1.0)["jawOpen"] < 0.05 < face(**surprise)["jawOpen"]


def test_more_activity_of_one_muscle_never_means_less_of_its_own_movement() -> None:
    levels = [face(zygomaticus=x)["mouthSmileLeft"] for x in np.linspace(0, 2, 21)]
    assert np.all(np.diff(levels) > 0)


def test_the_track_names_its_origin_and_what_was_missing() -> None:
    source = {"file": "a.edf", "sha256": "f" * 64, "simulated": True}
    activity = make_activity(
        np.ones((4, 2)), ("zygomaticus.left", "risorius.left"), start_s=2.0, source=source
    )
    track = emg_to_expression(activity)
    about = track.provenance
    assert track.space.name == "arkit52"
    np.testing.assert_array_equal(track.timestamps, activity.timestamps)
    assert (track.confidence == 1).all()
    assert about["model"] == "emg2exp_baseline"
    assert about["model_sha256"] == default_model().sha256
    assert about["source_sha256"] == "f" * 64
    assert about["simulated"] is True
    assert len(about["missing_muscles"]) == 21
    assert about["unused_muscles"] == ["risorius.left"]
    assert about["calibration"]["zygomaticus.left"] == {"baseline": 0.0, "scale": 1.0}


def test_a_missing_side_is_mirrored_only_when_asked() -> None:
    activity = make_activity(np.ones((1, 1)), ("zygomaticus.left",))
    assert emg_to_expression(activity).column("mouthSmileRight")[0] == 0
    track = emg_to_expression(activity, fill="mirror")
    assert track.column("mouthSmileRight")[0] == track.column("mouthSmileLeft")[0] > 0
    assert track.provenance["mirrored_muscles"] == ["zygomaticus.right"]
    with pytest.raises(EiferError, match="no way to fill"):
        emg_to_expression(activity, fill="guess")


def test_an_activity_without_known_muscles_is_refused() -> None:
    with pytest.raises(EiferError, match="None of the activity's muscles"):
        emg_to_expression(make_activity(np.ones((1, 1)), ("trapezius.left",)))


def test_a_table_that_names_an_unknown_muscle_is_refused() -> None:
    table = read_table()
    table["units"]["AU12"]["muscles"] = {"zigomaticus": 1.0}
    with pytest.raises(EiferError, match=r"zigomaticus\.left"):
        table_matrices(table)


def test_a_hundred_thousand_frames_take_seconds_at_most() -> None:
    values = np.random.default_rng(2).random((100_000, 22))
    activity = make_activity(values, default_model().card.inputs)
    started = time.process_time()
    emg_to_expression(activity)
    assert time.process_time() - started < 3.0
