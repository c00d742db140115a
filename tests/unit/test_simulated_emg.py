"""Simulated EMG has the statistics of surface EMG of the face; the numbers are the literature's."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import signal, stats

from eifer.models.synthetic.face_muscles import face_muscles, muscle_names
from eifer.models.synthetic.mmm_writer import mmm_envelopes
from eifer.models.synthetic.movements import Performance, steps
from eifer.models.synthetic.muscle_emg import RAW_HZ, electrode_signals, wear
from eifer.models.synthetic.muscle_emg_units import N_UNITS, fire, firing_rates
from eifer.models.synthetic.session import simulate_clip
from eifer.models.synthetic.subject import draw_subject, generator

MUSCLES = ("frontalis_lateralis", "corrugator", "zygomaticus", "mentalis", "masseter")
N_PAIRS, FRAMES = 22, 60


@cache
def alone(muscle: str, effort: float) -> np.ndarray:
    """Bipolar signals (22, n) while one muscle of the left side alone holds an effort."""
    subject = draw_subject(11, 0)
    drive = np.zeros((len(steps(FRAMES)), len(muscle_names())))
    drive[:, muscle_names().index(f"{muscle}.left")] = effort
    performance = Performance(drive, FRAMES, (), np.zeros(len(drive)))
    single = electrode_signals(subject, "1S", performance, generator(0, muscle, effort))
    return np.asarray(single[0:44:2] - single[1:44:2])


def own(muscle: str, effort: float = 1.0) -> np.ndarray:
    return alone(muscle, effort)[pair(muscle)]


def pair(muscle: str) -> int:
    return muscle_names().index(f"{muscle}.left")


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("muscle", MUSCLES)
def test_the_spectrum_is_that_of_a_facial_muscle(muscle: str) -> None:
    """van Boxtel (2001): facial EMG lies between 20 and 500 Hz, most of its power at 50 to 200."""
    frequency, power = signal.welch(own(muscle), RAW_HZ, nperseg=1024)
    share = np.cumsum(power) / power.sum()
    median = frequency[np.searchsorted(share, 0.5)]
    mean = float((frequency * power).sum() / power.sum())
    assert 80 < median < 200
    assert 85 < mean < 230
    assert 50 < frequency[np.argmax(power)] < 250
    assert power[frequency < 15].sum() < 0.04 * power.sum()
    assert power[frequency > 500].sum() < 0.06 * power.sum()


@pytest.mark.parametrize("muscle", ["corrugator", "zygomaticus", "mentalis"])
def test_many_units_at_full_effort_are_nearly_gaussian_and_few_are_spiky(muscle: str) -> None:
    """Nazarpour and others (2013), J Neuroeng Rehabil 10:25: kurtosis falls with the force."""
    high, low = stats.kurtosis(own(muscle)), stats.kurtosis(own(muscle, 0.08))
    assert -0.3 < high < 1.5
    assert low > high + 0.8


def test_amplitude_rises_with_effort_by_recruitment_and_rate() -> None:
    sizes = [rms(own("zygomaticus", effort)) for effort in (0.08, 0.25, 0.5, 1.0)]
    assert np.all(np.diff(sizes) > 0)
    assert 60 < sizes[-1] < 2000
    rates = firing_rates(np.array([0.05, 0.3, 0.6, 1.0]), 0.7)
    assert np.all(np.diff((rates > 0).sum(axis=1)) >= 0)
    assert (rates[-1] > 0).all()
    assert rates[-1, 0] > rates[-1, -1] > 20  # small units fire faster than large ones


def test_units_fire_regularly_at_their_rate() -> None:
    times, units = fire(np.full(400, 1.0), 100.0, 0.7, generator(1))
    first = np.diff(times[units == 0])
    assert first.mean() == pytest.approx(1 / firing_rates(np.ones(1), 0.7)[0, 0], rel=0.05)
    assert 0.12 < first.std() / first.mean() < 0.28
    assert set(units) == set(range(N_UNITS))


def test_cross_talk_falls_with_distance_on_the_head() -> None:
    places = wear(draw_subject(11, 0), "1S").montage.places_mm
    middles = (places[0:44:2] + places[1:44:2]) / 2
    distance, share = [], []
    for muscle in MUSCLES:
        k, sizes = pair(muscle), alone(muscle, 1.0).std(axis=1)
        others = np.arange(N_PAIRS) != k
        distance += list(np.linalg.norm(middles[others] - middles[k], axis=1))
        share += list(sizes[others] / sizes[k])
    gap, part = np.array(distance), np.array(share)
    near, middle, far = (
        float(np.median(part[(gap >= low) & (gap < high)]))
        for low, high in ((0, 30), (30, 60), (60, 200))
    )
    assert 0.02 < near < 0.5
    assert near > 2 * middle > 4 * far
    assert far < 0.02


def test_every_seen_muscle_reaches_its_pair_more_than_the_other_side() -> None:
    for muscle in MUSCLES:
        sizes = alone(muscle, 1.0).std(axis=1)
        assert sizes[pair(muscle)] == sizes.max()
        assert sizes[pair(muscle) + 1] < 0.25 * sizes[pair(muscle)]  # chins are near each other
    assert sum(not muscle.is_seen for muscle in face_muscles()) == 2  # the lids' levators are deep


@cache
def clip(task: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Single electrodes (44, n), and envelopes by MMM's chain, of a whole clip."""
    made = simulate_clip(draw_subject(11, 0), "1S", "schaede", task, 1)
    return made.raw["fridlund"].data(), mmm_envelopes(made.raw["fridlund"], len(made))


def test_rest_is_as_quiet_as_a_good_contact_and_hum_is_common() -> None:
    raw, _ = clip("Face-At-Rest")
    pairs = raw[0::2] - raw[1::2]
    band = signal.butter(4, (20, 450), "bandpass", fs=RAW_HZ, output="sos")
    quiet = [rms(row) for row in signal.sosfiltfilt(band, pairs)]
    assert 0.8 < np.median(quiet) < 5.0
    hum = [_hum(row) for row in raw]
    assert np.median(hum) > 3 * np.median([_hum(row) for row in pairs])


def _hum(row: np.ndarray) -> float:
    time = np.arange(len(row)) / RAW_HZ
    return float(np.abs(np.mean(row * np.exp(-2j * np.pi * 50 * time))))


def test_envelopes_by_the_chain_of_mmm_have_its_size() -> None:
    """MMM (Zenodo 16636409): the median is near 7 µV, the largest value near 1800."""
    values = np.concatenate(
        [np.stack(list(clip(task)[1].values())).ravel() for task in ("Face-At-Rest", "Smile-Open")]
    )
    assert 2 < np.median(values) < 20
    assert 100 < values.max() < 4000
    assert values.min() >= 0


def test_the_envelope_shows_who_moves() -> None:
    _, envelopes = clip("Smile-Open")
    zygomaticus = envelopes["zygomaticus.left"]
    assert zygomaticus.max() > 5 * np.percentile(zygomaticus, 5)
    assert zygomaticus.max() > 3 * envelopes["frontalis_lateralis.left"].max()
