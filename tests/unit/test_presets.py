"""Every preset runs with zero phase and causally from one description, and says its delay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.causal import CausalChain, MovingMean
from eifer.eifer_addon.signals.convert import filtered_envelopes, to_activity
from eifer.eifer_addon.signals.envelope import Decimator, Enveloper
from eifer.eifer_addon.signals.filters import FilterChain, design_chain, find_mains
from eifer.eifer_addon.signals.presets import PRESETS, get_preset
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.signals.zero_phase import ZeroPhase
from eifer.models.synthetic.physiology import simulate_recording

RATE = 2000.0
MAINS = (50.0, 150.0)


def noise(seconds: float, rate: float = RATE, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise in the EMG band with a little hum and an offset, (channels, n)."""
    n = round(seconds * rate)
    white = np.random.default_rng(seed).standard_normal((channels, n))
    band = signal.butter(4, (20, 450), "bandpass", fs=rate, output="sos")
    hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(n) / rate)
    return np.asarray(signal.sosfiltfilt(band, white)) + hum + 2.0


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [1, 7, 64, 999, 4096])
def test_chunks_of_any_size_give_the_same_envelope(preset: str, size: int) -> None:
    samples = noise(2.0 if size > 1 else 0.4, channels=3)
    samples[1, 500:520] += 1e5  # a loud artefact must leave nothing behind
    whole = CausalChain(preset, RATE, 3, MAINS).process(samples)
    chain = CausalChain(preset, RATE, 3, MAINS)
    parts = [chain.process(samples[:, k : k + size]) for k in range(0, samples.shape[1], size)]
    for channel in range(3):
        assert relative(np.hstack(parts)[channel], whole[channel]) <= 1e-10


def test_an_empty_chunk_changes_nothing_and_a_wrong_one_is_refused() -> None:
    samples = noise(0.5, channels=2)
    chain = CausalChain("live", RATE, 2)
    first = chain.process(samples[:, :300])
    assert chain.process(samples[:, :0]).shape == (2, 0)
    rest = chain.process(samples[:, 300:])
    whole = CausalChain("live", RATE, 2).process(samples)
    np.testing.assert_array_equal(np.hstack([first, rest]), whole)
    with pytest.raises(EiferError, match="chain of 2 channels"):
        chain.process(samples[:1])
    chain.reset()
    np.testing.assert_array_equal(chain.process(samples), whole)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_delay_is_what_a_burst_shows(preset: str) -> None:
    rate, runs = 4096.0, 60
    at = np.arange(round(3.0 * rate))
    shape = np.exp(-0.5 * ((at / rate - 1.0) / 0.1) ** 2)
    bursts = shape * (noise(3.0, rate, runs, seed=1) - 2.0)
    chain = CausalChain(preset, rate, runs)
    size = np.square if chain.preset.window_s else np.abs
    before, after = size(bursts).mean(axis=0), size(chain.process(bursts)).mean(axis=0)
    lag = at @ after / after.sum() - at @ before / before.sum()
    assert 1000 * lag / rate == pytest.approx(chain.delay_ms, abs=2.0)


def test_the_delays_are_those_of_the_smoothing_and_a_little_for_the_band() -> None:
    smoothing = {name: p.smoothing_delay_ms(4096.0) for name, p in PRESETS.items()}
    assert smoothing["live"] == pytest.approx(36.1, abs=0.2)
    assert smoothing["rms100"] == pytest.approx(50.0, abs=0.2)
    assert smoothing["mam"] == pytest.approx(250.0, abs=0.2)
    for name, preset in PRESETS.items():
        extra = preset.causal_delay_ms(4096.0) - smoothing[name]
        assert 0 < extra < (17 if preset.published else 6), name


def test_live_through_a_recording_equals_live_and_states_its_delay() -> None:
    samples = noise(6.0, seed=3)
    recording = Recording.from_array(samples, RATE, ("Zyg li",), units=("uV",))
    activity = to_activity(recording, preset="live", rate_hz=100.0)
    mean = samples.mean(axis=1, keepdims=True)
    direct = CausalChain("live", RATE, 1, (50.0,)).process(samples - mean)[0, ::20]
    envelope = filtered_envelopes(recording, [0], np.arange(600) / 100, get_preset("live"))[0]
    np.testing.assert_allclose(envelope[:, 0], direct, rtol=1e-12)
    assert activity.delay_ms == get_preset("live").causal_delay_ms(RATE, (50.0,))
    assert "all causal" in activity.filters
    assert to_activity(recording).delay_ms == 0.0


def test_the_causal_band_pass_agrees_with_mne_and_scipy() -> None:
    samples = noise(10.0, channels=2)
    chain = CausalChain("clinical", RATE, 2)
    ours = chain.band_pass(samples)[:, 6000:-6000]
    by_scipy = signal.sosfilt(design_chain(RATE).sos, samples, axis=1)[:, 6000:-6000]
    assert relative(ours, by_scipy) < 1e-9
    mne = pytest.importorskip("mne", reason="mne is an oracle for tests only")
    options = {"order": 4, "ftype": "butter", "output": "sos"}
    theirs = mne.filter.filter_data(
        samples, RATE, 20, 450, method="iir", iir_params=options, phase="forward", verbose="error"
    )
    assert relative(ours, theirs[:, 6000:-6000]) < 1e-9


def test_the_live_envelope_agrees_with_mne() -> None:
    mne = pytest.importorskip("mne", reason="mne is an oracle for tests only")
    samples = noise(10.0)
    ours = CausalChain("live", RATE, 1).process(samples)
    butter = {"order": 4, "ftype": "butter", "output": "sos"}
    band = mne.filter.filter_data(
        samples, RATE, 20, 450, method="iir", iir_params=butter, phase="forward", verbose="error"
    )
    # Their Bessel filter is designed for its phase; 1.7321 / 1.3617 (from Bessel's polynomial of
    # order 2) moves its -3 dB point to 6 Hz, through the bilinear transform's warp.
    ratio = np.sqrt(3) / np.sqrt(1.5 * (np.sqrt(5) - 1))
    moved = RATE / np.pi * np.arctan(ratio * np.tan(np.pi * 6 / RATE))
    bessel = {"order": 2, "ftype": "bessel", "output": "sos"}
    theirs = mne.filter.filter_data(
        np.abs(band), RATE, None, moved, method="iir", iir_params=bessel, phase="forward",
        verbose="error",
    )  # fmt: skip
    assert relative(ours[:, 6000:-6000], theirs[:, 6000:-6000]) < 1e-9


def test_the_zero_phase_band_pass_agrees_with_mne() -> None:
    mne = pytest.importorskip("mne", reason="mne is an oracle for tests only")
    samples = noise(10.0)
    ours = ZeroPhase(samples.shape[1], RATE, design_chain(RATE), np.float64)(samples[0])
    design = design_chain(RATE).sos
    theirs = mne.filter.filter_data(
        samples, RATE, 20, 450, method="iir", phase="zero", verbose="error",
        iir_params={"sos": design, "output": "sos", "padlen": 6000},
    )  # fmt: skip
    assert relative(ours[6000:-6000], theirs[0, 6000:-6000]) < 1e-9


def published_chain(samples: np.ndarray, rate: float) -> np.ndarray:
    """The MaM chain after its description, in SciPy's words alone."""
    x = samples - samples.mean()
    b, a = signal.iirnotch(50, 2, fs=rate)
    x = signal.filtfilt(b, a, x, padlen=6000)
    taps = signal.firwin(129, (10, 500), pass_zero=False, window="hamming", fs=rate)
    x = np.convolve(x, taps, "same")
    squares = np.convolve(x * x, np.ones(2048) / 2048, "full")[1023 : 1023 + len(x)]
    return np.asarray(signal.resample(np.sqrt(squares), round(len(x) * 30 / rate)))


def test_mam_is_the_published_chain() -> None:
    rate = 4096.0
    shape = 1 + np.sin(np.arange(round(20 * rate)) / rate) ** 2
    samples = noise(20.0, rate)[0] * shape
    recording = Recording.from_array(samples[None], rate, ("Zyg li",))
    preset = get_preset("mam")
    times = np.arange(600) / 30
    ours = filtered_envelopes(recording, [0], times, preset)[0][:, 0]
    theirs = published_chain(samples, rate)
    # Edges differ (they are extended here), and Fourier resampling carries that inwards.
    assert relative(ours[60:-60], theirs[60:-60]) < 2e-3
    band = ZeroPhase(len(samples), rate, preset.band(rate), np.float64)(samples - samples.mean())
    every = Enveloper(preset, len(samples), rate, times, np.float64)
    rms = every.every_root_mean_square(band)
    b, a = signal.iirnotch(50, 2, fs=rate)
    x = signal.filtfilt(b, a, samples - samples.mean(), padlen=6000)
    x = np.convolve(x, preset.band(rate).taps, "same")
    squares = np.convolve(x * x, np.ones(2048) / 2048, "full")[1023 : 1023 + len(x)]
    assert relative(rms[8192:-8192], np.sqrt(squares)[8192:-8192]) < 1e-9
    activity = to_activity(recording, preset="mam")
    assert activity.rate_hz == 30.0
    assert len(activity) == 600


@pytest.mark.parametrize("seed", range(4))
def test_no_harmonic_is_taken_for_one_because_a_muscle_burst(seed: int) -> None:
    samples = simulate_recording(10.0, 2048.0, seed=seed)[0].data()
    found = find_mains(samples, 2048.0)  # the simulator hums at 50 and 150 Hz and nowhere else
    assert found == pytest.approx((50, 150), abs=0.1)


def test_the_mean_over_a_window_is_exact_after_something_loud() -> None:
    values = np.concatenate([np.full(50, 1e20), np.full(150, 1e-20)])[None]
    mean = MovingMean(40, 1)
    ours = np.hstack([mean.process(values[:, k : k + 13]) for k in range(0, 200, 13)])[0]
    assert ours[0] == 1e20
    np.testing.assert_allclose(ours[95:], 1e-20, rtol=1e-12)


def test_blocks_and_decimation_agree_with_the_exact_transform() -> None:
    rate, n = 4096.0, 400_000
    samples = noise(n / rate, rate)[0] * (1 + np.arange(n) % 8192 / 4096)
    chain = design_chain(rate, MAINS)
    exact = ZeroPhase(n, rate, chain, np.float64, MAINS)(samples - 2.0)
    single = ZeroPhase(n, rate, chain, np.float32, MAINS)
    assert single.blocks is not None
    in_blocks = single(samples - 2.0)
    assert relative(in_blocks, exact) < 1e-4
    times = np.arange(int(n / rate * 100)) / 100
    preset = get_preset("clinical")
    slow = Enveloper(preset, n, rate, times, np.float64)(exact)
    fast = Enveloper(preset, n, rate, times, np.float32)(in_blocks)
    assert relative(fast, slow) < 1e-4
    assert relative(fast[200:-200], slow[200:-200]) < 1e-5


def test_the_decimator_passes_the_envelope_and_stops_what_would_fold_into_it() -> None:
    decimator = Decimator(4096.0, 256.0)
    response = decimator.parts.T.reshape(-1).astype(np.float64)
    inside = signal.freqz(response, 1, np.linspace(0, 15, 50), fs=4096.0)[1]
    folded = np.concatenate([k * 256 + np.linspace(-15, 15, 50) for k in range(1, 8)])
    outside = signal.freqz(response, 1, folded, fs=4096.0)[1]
    assert np.abs(np.abs(inside) - 1).max() < 1e-5
    assert np.abs(outside).max() < 3e-6


def test_a_chain_of_sections_and_taps_has_one_gain() -> None:
    chain = get_preset("mam").band(4096.0)
    frequencies = np.array([0.0, 20.0, 50.0, 200.0, 1000.0])
    notch = FilterChain(chain.sos).zero_phase_gain(frequencies, 4096.0)
    response = np.abs(signal.freqz(chain.taps, 1, frequencies, fs=4096.0)[1])
    np.testing.assert_allclose(
        np.abs(chain.zero_phase_gain(frequencies, 4096.0)), notch * response, atol=1e-12
    )


def test_the_example_draws_the_chain(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    script = Path(__file__).parents[2] / "examples" / "signal_chain.py"
    subprocess.run(
        [sys.executable, str(script), str(tmp_path / "chain.png")], check=True, timeout=300,
        capture_output=True,
    )  # fmt: skip
    picture = (tmp_path / "chain.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 50_000
