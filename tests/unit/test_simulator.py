"""The simulator: reproducible, physiological in shape, and plainly labelled as simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt, welch

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.signals.recording import Recording
from eifer.models.emg2exp import default_model, emg_to_expression
from eifer.models.synthetic.interference import interference
from eifer.models.synthetic.physiology import simulate_recording


@pytest.fixture(scope="module")
def simulated() -> tuple[Recording, Activity]:
    return simulate_recording(20.0, 2048.0, seed=3)


def test_the_recording_has_22_channels_that_the_model_knows(
    simulated: tuple[Recording, Activity],
) -> None:
    recording, truth = simulated
    assert len(recording.channels) == len(set(recording.channels)) == 22
    assert recording.data().shape == (22, 40960)
    assert set(truth.muscles) == set(default_model().card.inputs)
    assert all(len(name) <= 16 for name in recording.channels)  # EDF's limit
    assert len(recording.events) == 10


def test_the_same_seed_gives_the_same_recording_and_another_does_not() -> None:
    first, again, other = (simulate_recording(3, 1000, seed=s)[0].data() for s in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1


def test_the_truth_starts_and_ends_at_rest_and_moves_between(
    simulated: tuple[Recording, Activity],
) -> None:
    truth = simulated[1]
    assert truth.values[0].max() < 0.05
    assert truth.values[-20:].max() < 0.05
    assert (truth.values.max(axis=0) > 0.75).all()
    assert truth.values.max() < 1.6
    step = np.abs(np.diff(truth.values[:, :10], axis=0)).max()
    assert step < 0.15  # at 100 Hz: nothing jumps


def test_raw_emg_has_the_spectrum_of_surface_emg() -> None:
    noise = interference(200_000, 2048.0, np.random.default_rng(0))
    frequency, power = welch(noise, 2048.0, nperseg=2048)
    smooth = np.convolve(power, np.ones(9) / 9, "same")
    assert 75 < frequency[np.argmax(smooth)] < 125
    assert power[(frequency > 500) | (frequency < 15)].sum() < 0.01 * power.sum()
    median = frequency[np.searchsorted(np.cumsum(power), power.sum() / 2)]
    assert 80 < median < 180


def test_a_standard_envelope_follows_the_truth(simulated: tuple[Recording, Activity]) -> None:
    recording, truth = simulated
    band = butter(4, (20, 450), "bandpass", fs=2048, output="sos")
    low = butter(2, 6, "lowpass", fs=2048, output="sos")
    envelope = sosfiltfilt(low, np.abs(sosfiltfilt(band, recording.data())))
    at = np.round(truth.timestamps * 2048).astype(int)
    for k, muscle in enumerate(truth.muscles):
        agreement = np.corrcoef(envelope[k, at], truth.values[:, k])[0, 1]
        assert agreement > 0.9, (muscle, agreement)
    active = truth.values > 0.3
    assert (envelope[:, at].T[active].mean() / envelope[:, at].T[~active].mean()) > 5


def test_electrodes_pick_up_neighbours_mains_and_drift(
    simulated: tuple[Recording, Activity],
) -> None:
    recording, truth = simulated
    data = recording.data()
    frequency, power = welch(data, 2048.0, nperseg=4096)
    at_mains = power[:, np.argmin(np.abs(frequency - 50))]
    assert np.median(at_mains / power[:, np.argmin(np.abs(frequency - 40))]) > 2
    assert power[:, (frequency > 0) & (frequency < 2)].max() > power[:, frequency > 20].max()
    # The depressor supercilii rests while the brows are raised, but its electrode hears them;
    # seen at frequencies that hum and movement do not reach.
    band = butter(4, (70, 450), "bandpass", fs=2048, output="sos")
    loud = np.abs(sosfiltfilt(band, data[truth.muscles.index("depressor_supercilii.left")]))
    raised, rest = loud[int(6.3 * 2048) : int(6.9 * 2048)], loud[: int(0.4 * 2048)]
    assert 1.5 < raised.mean() / rest.mean() < 12


def test_it_is_labelled_as_simulated_in_memory_and_on_disk(
    simulated: tuple[Recording, Activity], tmp_path: Path
) -> None:
    recording, truth = simulated
    assert recording.source["simulated"] is True
    assert emg_to_expression(truth).provenance["simulated"] is True
    path = write_edf(recording, tmp_path / "take.edf")
    assert b"simulated" in path.read_bytes()[:256].lower()
    again = read_recording(path)
    assert again.source["simulated"] is True
    assert again.channels == recording.channels
    np.testing.assert_allclose(again.data(), recording.data(), atol=0.05)
    assert [e.name for e in again.events] == [e.name for e in recording.events]


def test_the_whole_chain_gives_the_truth_back(
    simulated: tuple[Recording, Activity],
) -> None:
    recording, truth = simulated
    activity = to_activity(recording)
    assert set(activity.muscles) == set(truth.muscles)
    for muscle in truth.muscles:
        found, wanted = activity.column(muscle), truth.column(muscle)
        assert np.corrcoef(found, wanted[: len(found)])[0, 1] > 0.9, muscle
    found, wanted = emg_to_expression(activity), emg_to_expression(truth)
    for name in ("mouthSmileLeft", "browDownRight", "browInnerUp", "mouthPucker", "jawOpen"):
        error = np.abs(found.column(name) - wanted.column(name)[: len(found)])
        assert error.mean() < 0.05, (name, error.mean())


def test_longer_and_shorter_recordings_repeat_or_cut_the_script() -> None:
    assert len(simulate_recording(42, 200)[0].events) == 21
    assert len(simulate_recording(5, 200)[0].events) == 2
    assert simulate_recording(7.5, 1000)[0].n_samples == 7500


@pytest.mark.parametrize("bad", [{"scheme": "jena"}, {"duration_s": 0.1}, {"rate_hz": 50.0}])
def test_what_it_cannot_do_it_says(bad: dict[str, float]) -> None:
    with pytest.raises(EiferError):
        simulate_recording(**bad)  # type: ignore[arg-type]
