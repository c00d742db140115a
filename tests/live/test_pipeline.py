"""The pipeline: what comes out does not depend on chunks, and faults of channels stay theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_signals import CHANNELS, RATE_HZ, emg, in_chunks, random_cuts, write_model

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.pipeline import LivePipeline
from eifer.eifer_addon.live.running_scale import RunningScale
from eifer.eifer_addon.live.settings import Conditioning, LiveSettings
from eifer.eifer_addon.signals.calibration import MuscleProfile, Profile
from eifer.eifer_addon.signals.causal import CausalChain
from eifer.eifer_addon.signals.gains import ExpressionGains
from eifer.models.sessions import load_model

SETTINGS = LiveSettings(recording="none")
UNITS = ("uV",) * len(CHANNELS)
SMOOTH = Conditioning(
    dead_zone=0.05, gain=1.3, gains={"zygomaticus": 0.5}, min_cutoff_hz=2.0, beta=1.0
)


def pipeline(settings: LiveSettings = SETTINGS, **changes: Any) -> LivePipeline:
    return LivePipeline(CHANNELS, RATE_HZ, UNITS, replace(settings, **changes))


def profile(unit: str = "uV", factor: float = 1.0) -> dict[str, Any]:
    entry = MuscleProfile(3.0 * factor, 20.0 * factor, 0.5 * factor, unit)
    muscles = pipeline().muscles
    return Profile(dict.fromkeys(muscles, entry), preset="live").as_document()


@pytest.mark.parametrize(
    ("preset", "longest"),
    [("live", 3), ("live", 2000), ("rms100", 50), ("clinical", 50), ("mam", 50)],
)
def test_chunks_change_no_bit(preset: str, longest: int) -> None:
    samples = emg()
    samples[4, 2000:2100] = np.nan
    settings = replace(SETTINGS, preset=preset, conditioning=SMOOTH)
    whole = in_chunks(pipeline(settings), samples, [])
    cut = in_chunks(pipeline(settings), samples, random_cuts(samples.shape[1], longest, longest))
    np.testing.assert_array_equal(cut.timestamps, whole.timestamps)
    np.testing.assert_array_equal(cut.activity, whole.activity)
    np.testing.assert_array_equal(cut.coefficients, whole.coefficients)
    assert whole.coefficients.max() > 0.5


@pytest.mark.parametrize("kind", ["frame", "window", "recurrent"])
@pytest.mark.parametrize("rate_hz", [None, 60.0])
def test_chunks_change_no_bit_with_any_model(
    kind: str, rate_hz: float | None, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "model.onnx", kind, rate_hz)
    samples = emg()
    whole = in_chunks(pipeline(model=str(path)), samples, [])
    cut = in_chunks(pipeline(model=str(path)), samples, random_cuts(samples.shape[1], 40, 1))
    np.testing.assert_array_equal(cut.coefficients, whole.coefficients)
    assert np.ptp(whole.coefficients) > 0.1
    steps = np.flatnonzero(np.abs(np.diff(whole.coefficients, axis=0)).max(axis=1))
    if rate_hz and kind != "frame":  # a model with a memory runs at its own rate
        assert np.diff(steps).min() >= 8


def test_envelopes_are_those_of_the_causal_chain() -> None:
    samples = emg()
    used = pipeline(mains_hz=0.0, profile=profile())
    frames = in_chunks(used, samples, [])
    order = [CHANNELS.index(name) for name in used.front.montage.channels.values()]
    chain = CausalChain("live", RATE_HZ, len(CHANNELS))
    envelopes = chain.process(samples)[order, used.step - 1 :: used.step].T
    expected = np.maximum((envelopes - 3.0) / 20.0, 0.0)
    np.testing.assert_allclose(frames.activity, expected, rtol=1e-6, atol=1e-7)
    assert used.delay_ms["filter"] == chain.delay_ms


def test_the_filters_are_those_of_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = emg()
    samples[4, 2000:2100] = np.nan
    quick = in_chunks(pipeline(), samples, random_cuts(6000, 50, 1))
    monkeypatch.setattr("eifer.eifer_addon.signals.causal._sosfilt", None)
    public = in_chunks(pipeline(), samples, random_cuts(6000, 50, 1))
    np.testing.assert_array_equal(quick.coefficients, public.coefficients)


def test_frames_come_500_times_a_second_where_the_rate_allows() -> None:
    for rate_hz, frame_rate_hz in ((250.0, 250.0), (1000.0, 500.0), (4096.0, 512.0)):
        built = LivePipeline(CHANNELS, rate_hz, UNITS, SETTINGS)
        assert built.frame_rate_hz == frame_rate_hz
        frames = built.process(np.zeros((22, 4096)), np.arange(4096) / rate_hz)
        assert len(frames) == 4096 // (rate_hz / frame_rate_hz)


@pytest.mark.parametrize("at", [1, 777, 2048, 4500])
def test_a_state_goes_on_where_it_was_taken(at: int, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx", "recurrent")
    samples = emg()
    settings = replace(SETTINGS, conditioning=SMOOTH, model=str(path))
    whole = in_chunks(pipeline(settings), samples, [])
    first, second = pipeline(settings), pipeline(settings)
    in_chunks(first, samples[:, :at], [])
    second.restore(first.state())
    rest = second.process(samples[:, at:], np.arange(at, samples.shape[1]) / RATE_HZ)
    assert len(rest) > 100
    np.testing.assert_array_equal(rest.coefficients, whole.coefficients[-len(rest) :])


def test_a_lost_channel_rests_and_disturbs_no_other() -> None:
    samples = emg()
    k = CHANNELS.index("zygomaticus left")
    broken = samples.copy()
    broken[k, 2600:3000] = np.nan
    broken[k, 3000:] = 1e5
    good = in_chunks(pipeline(profile=profile()), samples, [])
    used = pipeline(profile=profile())
    bad = in_chunks(used, broken, [2800])
    column = used.muscles.index("zygomaticus.left")
    others = [m for m in range(len(used.muscles)) if m != column]
    np.testing.assert_array_equal(bad.activity[:, others], good.activity[:, others])
    assert good.activity[1300:1500, column].min() > 0.1
    lost = slice(2600 // used.step, 3300 // used.step)
    assert not bad.activity[lost, column].any()
    # When it comes back, a step of 0.1 V has died away.
    assert bad.activity[3500 // used.step :, column].max() < 0.05
    assert np.isfinite(bad.coefficients).all()


def test_lost_channels_are_named_while_they_are_lost() -> None:
    used = pipeline(profile=profile())
    samples = emg(1.0)
    samples[3, 500:] = np.inf
    in_chunks(used, samples, [])
    assert [n for n, gone in zip(used.front.used, used.front.lost, strict=True) if gone] == [
        CHANNELS[3]
    ]
    used.process(emg(1.0), np.arange(1000) / RATE_HZ)
    assert not used.front.lost.any()


def test_after_a_gap_the_filters_begin_anew_and_the_scale_stays() -> None:
    samples = emg(8.0)
    used = pipeline()
    in_chunks(used, samples[:, :5000], [])
    baseline, scale = used.scale.baseline.copy(), used.scale.scale.copy()
    used.restart()
    np.testing.assert_array_equal(used.scale.baseline, baseline)
    after = used.process(samples[:, 5000:5200] + 1e4, np.arange(200) / RATE_HZ)
    # A step of 10 mV within a filter that went on would be hundreds of full efforts.
    assert after.activity.max() < 1.0
    np.testing.assert_allclose(used.scale.scale, scale, rtol=0.2)  # it only glides on


def test_without_a_profile_rest_is_0_and_strong_activity_1() -> None:
    samples = emg(10.0)
    burst = np.random.default_rng(3).normal(size=(22, 1000)) * 30.0
    samples[:, 7000:8000] += burst
    frames = in_chunks(pipeline(mains_hz=50.0), samples, [])
    rest, strong = frames.activity[2900:3250], frames.activity[3700:3990]
    assert rest.mean() < 0.05
    assert 0.5 < np.median(strong) < 1.5
    assert not frames.activity[: round(1.9 * 500)].any()


def test_a_first_strong_movement_is_not_many_times_full_effort() -> None:
    rate, muscles = 500.0, ("zygomaticus.left", "masseter.left")
    noise = np.abs(np.random.default_rng(3).normal(1.0, 0.05, (round(14 * rate), 2)))
    envelopes = noise.copy()
    envelopes[round(3 * rate) : round(6 * rate), 0] += 60.0  # sixty times rest, at once
    envelopes[round(3 * rate) : round(3.1 * rate), 1] += 900.0  # a cable that was touched
    envelopes[round(9 * rate) : round(13 * rate), 1] += 20.0
    activity = RunningScale(muscles, rate, {}).process(envelopes)
    smile = activity[round(3.2 * rate) : round(6 * rate), 0]
    assert smile.max() < 1.6
    assert smile[-1] == pytest.approx(1.0, abs=0.1)
    # One artefact does not make four seconds of effort look weak for ever.
    assert 0.5 < activity[round(12.8 * rate) : round(13 * rate), 1].min() < 1.6


def test_hum_is_found_by_listening_and_taken_out() -> None:
    samples = emg(8.0)
    used = pipeline(profile=profile())
    frames = in_chunks(used, samples, [])
    assert used.mains is not None
    assert abs(used.mains[0] - 50.0) < 0.1
    humming, clean = frames.activity[300:500], frames.activity[2600:]
    assert clean.mean() < 0.1 * humming.mean()
    quiet = pipeline()
    in_chunks(quiet, np.random.default_rng(1).normal(size=(22, 5000)), [])
    assert quiet.mains == ()


def test_a_profile_in_volts_fits_a_stream_in_microvolts() -> None:
    samples = emg()
    same = in_chunks(pipeline(profile=profile()), samples, [])
    volts = in_chunks(pipeline(profile=profile("V", 1e-6)), samples, [])
    np.testing.assert_allclose(volts.activity, same.activity, rtol=1e-5, atol=1e-6)


def test_the_gains_of_a_profile_stand_in_for_the_baseline() -> None:
    space = pipeline().space
    weights = np.zeros((2, len(space)))
    weights[0, space.coefficients.index("tongueOut")] = 0.5
    gains = ExpressionGains(
        space.name, ("zygomaticus.left", "zygomaticus.right"), weights, np.ones(len(space))
    )
    samples = emg()
    document = {**profile(), "gains": gains.as_document()}
    used = pipeline(profile=document, mains_hz=50.0)
    frames = in_chunks(used, samples, random_cuts(6000, 30, 1))
    np.testing.assert_array_equal(
        frames.coefficients,
        in_chunks(pipeline(profile=document, mains_hz=50.0), samples, []).coefficients,
    )
    tongue = frames.coefficients[:, space.coefficients.index("tongueOut")]
    smile = frames.activity[:, used.muscles.index("zygomaticus.left")]
    np.testing.assert_allclose(tongue, np.minimum(0.5 * smile, 1.0), rtol=1e-5)
    assert tongue.max() > 0.2
    plain = in_chunks(
        pipeline(profile=document, mains_hz=50.0, model="baseline"), samples, []
    ).coefficients
    assert not plain[:, space.coefficients.index("tongueOut")].any()


def test_envelopes_pass_the_filters_by() -> None:
    envelopes = np.abs(emg(2.0))
    used = LivePipeline(CHANNELS, 60.0, UNITS, replace(SETTINGS, envelopes=True, profile=profile()))
    frames = used.process(envelopes, np.arange(envelopes.shape[1]) / 60.0)
    assert used.frame_rate_hz == 60.0
    assert used.delay_ms["filter"] == 0.0
    k = CHANNELS.index(used.front.montage.channels[used.muscles[0]])
    np.testing.assert_allclose(
        frames.activity[:, 0], np.maximum((envelopes[k] - 3.0) / 20.0, 0.0), rtol=1e-6
    )


def test_conditioning_changes_while_it_runs() -> None:
    samples = emg()
    used = pipeline(profile=profile(), mains_hz=50.0)
    plain = in_chunks(pipeline(profile=profile(), mains_hz=50.0), samples, [])
    first = used.process(samples[:, :2000], np.arange(2000) / RATE_HZ)
    used.update(Conditioning(gain=0.0))
    second = used.process(samples[:, 2000:], np.arange(2000, 6000) / RATE_HZ)
    np.testing.assert_array_equal(first.coefficients, plain.coefficients[: len(first)])
    assert not second.coefficients.any()


def test_muscle_gains_act_before_the_model_and_the_dead_zone_after() -> None:
    samples = emg()
    plain = in_chunks(pipeline(profile=profile(), mains_hz=50.0), samples, [])
    muted = pipeline(
        profile=profile(), mains_hz=50.0, conditioning=Conditioning(gains={"zygomaticus": 0.0})
    )
    names = muted.space.coefficients
    quiet = in_chunks(muted, samples, [])
    smile, brow = names.index("mouthSmileLeft"), names.index("browDownLeft")
    assert plain.coefficients[:, smile].max() > 0.5 > quiet.coefficients[:, smile].max()
    np.testing.assert_array_equal(quiet.coefficients[:, brow], plain.coefficients[:, brow])
    dead = pipeline(profile=profile(), mains_hz=50.0, conditioning=Conditioning(dead_zone=0.2))
    found = in_chunks(dead, samples, []).coefficients
    assert not found[plain.coefficients < 0.2].any()
    np.testing.assert_allclose(
        found[plain.coefficients > 0.4], plain.coefficients[plain.coefficients > 0.4]
    )


def test_the_smoothing_states_its_longest_delay() -> None:
    assert pipeline().delay_ms["one_euro"] == 0.0
    smooth = pipeline(conditioning=Conditioning(min_cutoff_hz=2.0))
    assert smooth.delay_ms["one_euro"] == pytest.approx(1000 / (2 * np.pi * 2.0), abs=0.05)


def test_offline_run_is_the_same_pipeline() -> None:
    from live_signals import emg_recording

    recording = emg_recording()
    live = in_chunks(pipeline(), emg(), random_cuts(6000, 30, 2))
    offline = pipeline().run(recording)
    np.testing.assert_array_equal(offline.coefficients, live.coefficients)


@pytest.mark.parametrize(
    ("changes", "rate_hz", "words"),
    [
        ({}, 50.0, "too slow"),
        ({"montage": {"Fz": "zygomaticus.left"}}, 1000.0, "which the recording lacks"),
        ({"model": "/nowhere/model.onnx"}, 1000.0, "does not exist"),
        ({"profile": "/nowhere/profile.json"}, 1000.0, "could not be read"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(
    changes: dict[str, Any], rate_hz: float, words: str
) -> None:
    with pytest.raises(EiferError, match=words):
        LivePipeline(CHANNELS, rate_hz, UNITS, replace(SETTINGS, **changes))


def test_a_card_that_pairs_states_wrongly_is_refused(tmp_path: Path) -> None:
    import onnx

    path = write_model(tmp_path / "model.onnx", "recurrent")
    model = onnx.load(path)
    entry = model.metadata_props[0]
    entry.value = entry.value.replace('"next_state"', '"elsewhere"')
    onnx.save(model, path)
    with pytest.raises(EiferError, match="pairs the state 'state' with 'elsewhere'"):
        load_model(path)
