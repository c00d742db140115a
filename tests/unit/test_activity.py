"""Activity is 0 at rest and about 1 in bursts, in time, and agrees with other people's filters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.envelope import Enveloper, get_preset
from eifer.eifer_addon.signals.filters import design_chain, find_mains
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.signals.recording import Event, Recording
from eifer.eifer_addon.signals.zero_phase import ZeroPhase

BURSTS = ((3.0, 4.5), (8.0, 9.5), (14.0, 15.5))
SECONDS = 20


def truth(rate: float) -> np.ndarray:
    """1 in the bursts, 0 elsewhere."""
    t = np.arange(round(SECONDS * rate)) / rate
    return np.sum([(t >= start) & (t < stop) for start, stop in BURSTS], axis=0).astype(float)


def emg(amplitude: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Noise in the EMG band whose standard deviation is `amplitude`."""
    white = np.random.default_rng(seed).standard_normal(len(amplitude))
    band = signal.butter(4, (20, min(450, 0.45 * rate)), "bandpass", fs=rate, output="sos")
    shaped = signal.sosfiltfilt(band, white)
    return shaped / shaped.std() * amplitude


def bursts(rate: float = 2000.0, mains_hz: float = 50.0) -> Recording:
    """Two acting zygomatici (100 and 30 uV), two silent corrugators, a dead mentalis."""
    on, n = truth(rate), round(SECONDS * rate)
    t = np.arange(n) / rate
    hum = 40 * np.sin(2 * np.pi * mains_hz * t) + 10 * np.sin(2 * np.pi * 3 * mains_hz * t)
    rows = [
        emg(2 + 98 * on, rate, 1) + hum + 5000,
        emg(2 + 28 * on, rate, 2) + 300 * np.sin(2 * np.pi * 0.3 * t),
        emg(2 + 0 * on, rate, 3) + hum,
        emg(2 + 0 * on, rate, 4),
        np.zeros(n),
    ]
    return Recording.from_array(
        np.stack(rows), rate, ("Zyg li", "Zyg re", "Corr li", "Corr re", "Ment li"),
        units=("uV",) * 5, events=(Event(3.0, "smile", 1.5),),
    )  # fmt: skip


@pytest.mark.parametrize("preset", ["clinical", "rms100"])
@pytest.mark.parametrize("rate", [1000.0, 2000.0, 2048.0, 4096.0])
def test_rest_is_zero_and_bursts_are_one(rate: float, preset: str) -> None:
    activity = to_activity(bursts(rate), preset=preset)
    t = activity.timestamps
    inside = np.any([(t > a + 0.2) & (t < b - 0.2) for a, b in BURSTS], axis=0)
    outside = np.all([(t < a - 0.3) | (t > b + 0.3) for a, b in BURSTS], axis=0)
    for muscle in ("zygomaticus.left", "zygomaticus.right"):
        assert activity.column(muscle)[inside].mean() == pytest.approx(0.9, abs=0.1)
        assert activity.column(muscle)[outside].mean() < 0.02
        assert activity.column(muscle).max() < 1.4


def test_silent_muscles_are_not_blown_up_and_are_named() -> None:
    activity = to_activity(bursts())
    assert activity.source["silent"] == ["corrugator.left", "corrugator.right", "mentalis.left"]
    for muscle in activity.source["silent"]:
        assert activity.column(muscle).max() < 0.1
    assert "silent" in " ".join(activity.filters)


def test_a_recording_of_rest_alone_stays_near_zero() -> None:
    rate = 1000.0
    rest = np.stack([emg(np.full(20_000, 3.0), rate, seed) for seed in (1, 2)])
    activity = to_activity(Recording.from_array(rest, rate, ("Zyg li", "Zyg re")))
    assert activity.values.max() < 0.4
    assert activity.values.mean() < 0.05


@pytest.mark.parametrize("preset", ["clinical", "rms100"])
def test_onsets_are_within_ten_milliseconds(preset: str) -> None:
    # The middle of the rise of a zero-phase envelope stands at the onset itself. Many seeds,
    # because one burst of noise rises by chance a little early or late.
    errors = []
    for seed in range(12):
        on = truth(2000.0)
        recording = Recording.from_array(emg(1 + 99 * on, 2000.0, seed)[None], 2000.0, ("Zyg li",))
        activity = to_activity(recording, preset=preset, rate_hz=200.0)
        curve, t = activity.column("zygomaticus.left"), activity.timestamps
        for start, stop in BURSTS:
            part = 0.5 if preset == "clinical" else 0.5**0.5  # a mean square rises linearly
            half = curve[(t > start + 0.3) & (t < stop - 0.3)].mean() * part
            first = np.flatnonzero((t > start - 0.5) & (curve >= half))[0]
            rise = np.interp(half, curve[first - 1 : first + 1], t[first - 1 : first + 1])
            errors.append(rise - start)
    assert abs(np.mean(errors)) < 0.010
    assert np.median(np.abs(errors)) < 0.015


@pytest.mark.parametrize(("rate", "expected"), [(2000.0, 100.0), (250.0, 100.0)])
def test_the_frame_rate_is_a_hundred_or_what_is_asked(rate: float, expected: float) -> None:
    recording = bursts(rate)
    assert to_activity(recording).rate_hz == expected
    activity = to_activity(recording, rate_hz=29.97)
    assert activity.rate_hz == 29.97
    assert activity.timestamps[-1] <= recording.duration_s
    assert activity.timestamps[-1] > recording.duration_s - 2 / 29.97


def test_frames_at_different_rates_lie_on_the_same_curve() -> None:
    recording = bursts()
    coarse, fine = to_activity(recording, rate_hz=50), to_activity(recording, rate_hz=200)
    raw_coarse = coarse.values * coarse.scale
    raw_fine = fine.values[::4][: len(raw_coarse)] * fine.scale
    inside = truth(50)[: len(raw_coarse)] > 0
    difference = raw_coarse + coarse.baseline - raw_fine - fine.baseline
    assert np.abs(difference[inside][:, -2:]).max() < 1e-3


def independent_chain(raw: np.ndarray, rate: float, notches: tuple[float, ...]) -> np.ndarray:
    """The clinical chain with scipy alone: forward and backward in the time domain."""
    x = raw - raw.mean()
    x = signal.sosfiltfilt(
        signal.butter(4, [20, min(450, 0.45 * rate)], "bandpass", fs=rate, output="sos"), x
    )
    for frequency in notches:
        x = signal.filtfilt(*signal.iirnotch(frequency, frequency / 1.5, rate), x)
    envelope = signal.sosfiltfilt(signal.butter(4, 6, fs=rate, output="sos"), np.abs(x))
    return np.maximum(envelope, 0)


@pytest.mark.parametrize("rate", [1000.0, 2000.0, 4096.0])
def test_the_envelope_agrees_with_scipy_in_the_time_domain(rate: float) -> None:
    raw = bursts(rate).channel(0)
    n = len(raw)
    times = np.arange(0, n / rate - 1, 0.01)
    lines = (50.0, 150.0)
    band = ZeroPhase(n, rate, design_chain(rate, lines).sos, np.float64, lines)
    ours = Enveloper(get_preset("clinical"), n, rate, times, np.float64)(band(raw - raw.mean()))
    theirs = np.interp(times, np.arange(n) / rate, independent_chain(raw, rate, (50.0, 150.0)))
    interior = (times > 2) & (times < n / rate - 2)
    assert np.abs(ours - theirs)[interior].max() < 1e-4 * theirs.max()


def test_zero_phase_filtering_agrees_with_sosfiltfilt_to_nine_digits() -> None:
    raw = bursts(1000.0).channel(1)
    sos = design_chain(1000.0, (50.0,)).sos
    ours = ZeroPhase(len(raw), 1000.0, sos, np.float64)(raw - raw.mean())
    theirs = signal.sosfiltfilt(sos, raw - raw.mean())
    assert np.abs(ours - theirs)[4000:-4000].max() < 1e-9 * np.abs(theirs).max()
    single = ZeroPhase(len(raw), 1000.0, sos)(raw - raw.mean())
    assert np.abs(single - theirs)[4000:-4000].max() < 1e-5 * np.abs(theirs).max()


def test_the_chain_agrees_with_neurokit() -> None:
    nk = pytest.importorskip("neurokit2")
    raw, rate = bursts(2000.0).channel(1), 2000.0
    theirs = nk.signal_filter(
        raw - raw.mean(), rate, lowcut=20, highcut=450, method="butterworth", order=4
    )
    ours = ZeroPhase(len(raw), rate, design_chain(rate).sos, np.float64)(raw - raw.mean())
    assert np.abs(ours - theirs)[4000:-4000].max() < 1e-9 * np.abs(theirs).max()


def test_the_envelope_agrees_with_pyemgpipeline() -> None:
    processors = pytest.importorskip("pyemgpipeline").processors
    # It filters by polynomials, not by sections, which at higher rates lose more than nine digits.
    raw, rate = bursts(1000.0).channel(1), 1000.0
    x = processors.DCOffsetRemover().apply(raw)
    # It counts both passes: its order 8 is our fourth-order design, forward and backward.
    x = processors.BandpassFilter(rate, 8, 20, 450).apply(x)
    theirs = processors.LinearEnvelope(rate, 8, 6).apply(processors.FullWaveRectifier().apply(x))
    low_pass = get_preset("clinical").low_pass(rate)
    band = ZeroPhase(len(raw), rate, design_chain(rate).sos, np.float64)(raw - raw.mean())
    ours = ZeroPhase(len(raw), rate, low_pass, np.float64)(np.abs(band))
    assert np.abs(ours - theirs)[4000:-4000].max() < 1e-9 * theirs.max()


def test_hum_does_not_ring_at_the_ends() -> None:
    n, rate = 20_000, 1000.0
    t = np.arange(n) / rate
    hum = 100 * np.sin(2 * np.pi * 50.02 * t + 1) + 30 * np.sin(2 * np.pi * 150.06 * t)
    lines = find_mains(hum[None], rate)
    assert lines == (50.02, 150.06)
    left = ZeroPhase(n, rate, design_chain(rate, lines).sos, np.float64, lines)(hum)
    assert np.abs(left).max() < 3.0


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_mains_and_harmonics_are_found(mains: float) -> None:
    recording = bursts(2000.0, mains)
    assert find_mains(recording.data(), 2000.0) == (mains, 3 * mains)
    activity = to_activity(recording)
    assert f"{mains:g}, {3 * mains:g} Hz" in " ".join(activity.filters)


def test_without_hum_nothing_is_notched() -> None:
    clean = np.stack([emg(2 + 98 * truth(2000.0), 2000.0, seed) for seed in range(8)])
    assert find_mains(clean, 2000.0) == ()


def test_the_edge_of_an_amplifiers_filter_is_no_line() -> None:
    steep = signal.butter(20, (20, 450), "bandpass", fs=2048, output="sos")
    noise = np.random.default_rng(0).standard_normal((16, 40_960))
    t = np.arange(40_960) / 2048
    hum = 0.2 * np.sin(2 * np.pi * 50 * t)
    assert find_mains(signal.sosfiltfilt(steep, noise) + hum, 2048.0) == (50.0,)


def test_heavy_hum_and_drift_of_a_real_recording_are_found_and_removed(test_data) -> None:  # type: ignore[no-untyped-def]
    path = next((test_data / "emg" / "openbci_nepali_GPL3").glob("*.txt"))
    recording = read_recording(path)
    activity = to_activity(recording, montage={"EXG Channel 0": "mentalis.left"})
    assert "notches 1.5 Hz wide at 49.88" in " ".join(activity.filters)
    assert "shrunk because 250 Hz" in " ".join(activity.filters)
    raw = recording.channel(0)
    chain = design_chain(250.0, find_mains(raw[None], 250.0))
    clean = ZeroPhase(len(raw), 250.0, chain.sos, np.float64)(raw - raw.mean())
    frequencies, before = signal.welch(raw, 250.0, nperseg=500)
    after = signal.welch(clean, 250.0, nperseg=500)[1]
    line = np.argmin(np.abs(frequencies - 50))
    beside = np.argmin(np.abs(frequencies - 40))
    assert after[line] < 1e-3 * before[line]
    assert after[line] < 10 * after[beside]


def test_the_filter_text_states_the_chain_in_order() -> None:
    activity = to_activity(bursts())
    text = "; ".join(activity.filters)
    words = ("mean removed", "band-pass 20-450 Hz", "notches", "rectified", "6 Hz", "clamped",
             "resampled to 100 frames/s", "95th percentile")  # fmt: skip
    positions = [text.index(word) for word in words]
    assert positions == sorted(positions)
    assert activity.delay_ms == 0.0
    assert activity.events == ((3.0, "smile", 1.5),)


def test_envelopes_skip_the_filters_and_say_so(test_data) -> None:  # type: ignore[no-untyped-def]
    path = min((test_data / "emg" / "nilsonne_FMOV_CC0").glob("*.txt"))
    recording = read_recording(path)
    activity = to_activity(recording)
    assert "no filter was applied" in activity.filters[0]
    assert activity.rate_hz == 100.0
    assert len(activity) == recording.n_samples
    np.testing.assert_array_equal(
        activity.column("zygomaticus.left"), activity.column("zygomaticus.right")
    )
    raw = recording.channel(0)
    back = activity.column("zygomaticus.left") * activity.scale[-1] + activity.baseline[-1]
    above = activity.column("zygomaticus.left") > 0
    np.testing.assert_allclose(back[above], raw[above], rtol=1e-5)


def test_envelopes_are_resampled_without_overshoot() -> None:
    values = np.clip(np.sin(np.arange(300) / 9), 0, None)[None] * 10
    recording = Recording.from_array(values, 30.0, ("Zyg li",), holds_envelope=True)
    for rate in (15.0, 30.0, 60.0):
        activity = to_activity(recording, rate_hz=rate)
        envelope = activity.values[:, 0] * activity.scale[0] + activity.baseline[0]
        assert activity.rate_hz == rate
        assert 9 < envelope.max() < 10.5


def test_a_profile_replaces_baseline_and_scale_of_its_muscles() -> None:
    profile = {"format_version": 1, "muscles": {"zygomaticus.left": {"baseline": 1.5, "scale": 40}}}
    activity = to_activity(bursts(), profile=profile)
    k = activity.muscles.index("zygomaticus.left")
    assert (activity.baseline[k], activity.scale[k]) == (1.5, 40)
    said = [step for step in activity.filters if "baseline" in step]
    assert said[0].startswith("baseline and scale of 1 muscles from the profile, which lacks")
    assert said[1].startswith("of those baseline from the quietest tenth")
    entry = {"baseline": 1.5, "scale": 40}
    profile["muscles"] = dict.fromkeys(activity.muscles, entry)
    said = [step for step in to_activity(bursts(), profile=profile).filters if "baseline" in step]
    assert said == [f"baseline and scale of {len(activity.muscles)} muscles from the profile"]


def test_sides_stay_separate() -> None:
    recording = bursts().select([0, 3])  # left smiles, right corrugator rests
    activity = to_activity(recording)
    assert activity.muscles == ("corrugator.right", "zygomaticus.left")
    assert activity.channels == ("Corr re", "Zyg li")


def test_a_file_on_disk_gives_the_same_activity_as_memory(tmp_path) -> None:  # type: ignore[no-untyped-def]
    recording = bursts()
    read = read_recording(write_edf(recording, tmp_path / "a.edf"))
    direct, through = to_activity(recording), to_activity(read)
    assert direct.muscles == through.muscles
    np.testing.assert_allclose(through.values, direct.values, atol=2e-3)
    through.save(tmp_path / "a.npz")
    again = Activity.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.values, through.values)
    assert (again.filters, again.events) == (through.filters, through.events)


def test_single_and_double_precision_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = bursts()
    double = to_activity(recording)
    monkeypatch.setattr("eifer.eifer_addon.signals.convert._DOUBLE_UP_TO", 0)
    single = to_activity(recording)
    np.testing.assert_allclose(single.values, double.values, atol=2e-4)


def test_unknown_presets_and_rates_are_refused() -> None:
    with pytest.raises(EiferError, match="no preset 'fancy'"):
        to_activity(bursts(), preset="fancy")
    with pytest.raises(EiferError, match="out of range"):
        to_activity(bursts(), rate_hz=0)
