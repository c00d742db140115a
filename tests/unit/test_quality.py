"""Injected faults are found, named and placed in time; clean channels stay good."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.quality import check_quality
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.signals.recording import Recording
from eifer.models.synthetic.physiology import simulate_recording

RATE = 1024.0
SECONDS = 30


@pytest.fixture(scope="module")
def clean() -> Recording:
    return simulate_recording(float(SECONDS), RATE, seed=2)[0]


def with_fault(
    clean: Recording, fault: Callable[[np.ndarray, np.ndarray], None], index: int = 4
) -> Recording:
    samples = clean.data().copy()
    fault(samples[index], np.arange(samples.shape[1]) / RATE)
    return Recording.from_array(samples, RATE, clean.channels, units=clean.units)


def unplug(x: np.ndarray, t: np.ndarray) -> None:
    x[:] = 12.5


def clip(x: np.ndarray, t: np.ndarray) -> None:
    np.clip(x, -25, 25, out=x)


def hum(x: np.ndarray, t: np.ndarray) -> None:
    x += 60 * np.sin(2 * np.pi * 50 * t) + 20 * np.sin(2 * np.pi * 150 * t)


def sway(x: np.ndarray, t: np.ndarray) -> None:
    x += 60 * np.sin(2 * np.pi * 4.3 * t)


def lose_contact(x: np.ndarray, t: np.ndarray) -> None:
    part = (t >= 10) & (t < 15)
    x[part] += 4000 * np.sin(2 * np.pi * 50 * t[part])
    x[part] += 300 * np.random.default_rng(0).standard_normal(part.sum())


def saturate(x: np.ndarray, t: np.ndarray) -> None:
    part = (t >= 10) & (t < 15)
    x[part] = 5000.0
    x[part][::100] = 4999.9


def sleep(x: np.ndarray, t: np.ndarray) -> None:
    x[:] = np.random.default_rng(0).standard_normal(len(x))


@pytest.mark.parametrize(
    ("fault", "name", "level", "words"),
    [
        (unplug, "flat", "bad", "never changes"),
        (clip, "clipped", "bad", "clipped in"),
        (hum, "mains_ratio", "doubtful", "mains hum of"),
        (sway, "movement_ratio", "doubtful", "below 20 Hz"),
        (lose_contact, "contact_lost", "doubtful", "lost its contact for 17%"),
        (saturate, "flat", "doubtful", "does not change for 17%"),
        (sleep, "signal_to_rest", "doubtful", "times as strong as at rest"),
    ],
)
def test_an_injected_fault_is_found_and_no_other_channel_is_blamed(
    clean: Recording, fault: Callable[[np.ndarray, np.ndarray], None],
    name: str, level: str, words: str,
) -> None:  # fmt: skip
    quality = check_quality(with_fault(clean, fault))
    found = quality["Corr li"]
    assert found.findings[name][0] == level
    assert words in found.sentence
    assert "Corr li" in quality.hints[0]
    others = [c for c in quality.channels if c.channel != "Corr li"]
    assert {c.level for c in others} == {"good"}


def test_clipping_is_not_taken_for_a_lost_contact(clean: Recording) -> None:
    def without_drift(x: np.ndarray, t: np.ndarray) -> None:
        x -= np.convolve(x, np.ones(201) / 201, "same")
        clip(x, t)

    found = check_quality(with_fault(clean, without_drift))["Corr li"]
    assert found.measures["contact_lost"] == 0
    assert set(found.findings) == {"clipped"}


def test_an_input_stuck_at_its_end_with_a_little_noise_has_lost_its_contact(
    clean: Recording,
) -> None:
    def stuck(x: np.ndarray, t: np.ndarray) -> None:
        part = (t >= 10) & (t < 15)
        x[part] = np.minimum(
            5000.0, 5010 + 5 * np.random.default_rng(0).standard_normal(part.sum())
        )

    found = check_quality(with_fault(clean, stuck))["Corr li"]
    assert found.measures["contact_lost"] == pytest.approx(5 / 30)


def test_faults_are_placed_in_time(clean: Recording) -> None:
    found = check_quality(with_fault(clean, lose_contact))["Corr li"]
    assert len(found.over_time) == SECONDS
    np.testing.assert_array_equal(np.flatnonzero(found.over_time == 2), range(10, 15))
    assert found.measures["contact_lost"] == pytest.approx(5 / 30)


def test_every_measure_is_given_second_by_second(clean: Recording) -> None:
    samples = clean.data().copy()
    bridge = slice(round(10 * RATE), round(15 * RATE))
    samples[1, bridge] = samples[0, bridge]
    quality = check_quality(Recording.from_array(samples, RATE, clean.channels))
    bridged, other = quality[clean.channels[1]], quality[clean.channels[9]]
    assert set(bridged.series) == set(bridged.measures)
    assert all(len(values) == SECONDS for values in bridged.series.values())
    assert bridged.series["crosstalk"][10:15].min() > 0.99
    assert other.series["crosstalk"][10:15].max() < 0.9
    lost = check_quality(with_fault(clean, lose_contact))["Corr li"]
    np.testing.assert_array_equal(np.flatnonzero(lost.series["contact_lost"]), range(10, 15))
    assert lost.series["mains_ratio"][10:15].min() > 100 * np.median(lost.series["mains_ratio"])
    active = quality["Zyg li"].series["signal_to_rest"]
    assert active[3:5].min() > 5 * active.min()


def test_bridged_and_crosstalking_channels_name_each_other(clean: Recording) -> None:
    samples = clean.data().copy()
    samples[1] = samples[0] + 0.5 * np.random.default_rng(1).standard_normal(samples.shape[1])
    samples[21] = 0.5 * samples[21] + samples[18]
    quality = check_quality(Recording.from_array(samples, RATE, clean.channels))
    bridged, mixed = quality[clean.channels[1]], quality[clean.channels[21]]
    assert bridged.findings["crosstalk"][0] == "bad"
    assert f"runs along with {clean.channels[0]}" in bridged.sentence
    assert mixed.findings["crosstalk"][0] == "doubtful"
    assert f"runs along with {clean.channels[18]}" in mixed.sentence


def test_a_clean_recording_is_good_and_says_so(clean: Recording) -> None:
    quality = check_quality(clean)
    assert {c.level for c in quality.channels} == {"good"}
    assert quality.hints == ()
    assert "22 good, 0 doubtful, 0 bad" in quality.describe()
    assert quality.channels[0].sentence.endswith("is good.")


def test_missing_numbers_count_as_lost_contact(clean: Recording) -> None:
    samples = clean.data().copy()
    samples[3, 5000:5100] = np.nan
    found = check_quality(Recording.from_array(samples, RATE, clean.channels))
    assert found[clean.channels[3]].over_time.max() == 2


def test_a_real_recording_with_heavy_hum_is_doubted(test_data) -> None:  # type: ignore[no-untyped-def]
    path = next((test_data / "emg" / "openbci_nepali_GPL3").glob("*.txt"))
    quality = check_quality(read_recording(path))
    assert all("mains_ratio" in channel.findings for channel in quality.channels)
    assert min(channel.measures["mains_ratio"] for channel in quality.channels) > 10


def test_real_recordings_of_good_quality_are_not_blamed(test_data) -> None:  # type: ignore[no-untyped-def]
    for path in sorted((test_data / "emg" / "biosppy_BSD3").glob("*.txt")):
        assert check_quality(read_recording(path, rate_hz=1000.0)).hints == (), path.name
    path = next((test_data / "emg" / "bids_CustomBipolarFace").rglob("*.edf"))
    assert check_quality(read_recording(path)).hints == ()


def test_envelopes_are_asked_only_what_they_can_answer(test_data) -> None:  # type: ignore[no-untyped-def]
    path = test_data / "emg" / "nilsonne_FMOV_CC0" / "10_FMOV_preprocessed.txt"
    quality = check_quality(read_recording(path))
    for channel in quality.channels:
        assert channel.measures["mains_ratio"] == channel.measures["crosstalk"] == 0
        assert channel.measures["signal_to_rest"] > 2


def test_nothing_is_repaired_unless_the_user_says_so(clean: Recording) -> None:
    broken = with_fault(clean, lose_contact)
    activity = to_activity(broken)
    assert "Corr li" in activity.channels
    assert "repair" not in activity.source


def test_a_dropped_channel_is_listed_and_its_muscle_is_gone(clean: Recording) -> None:
    activity = to_activity(with_fault(clean, lose_contact), repair={"Corr li": "drop"})
    assert "corrugator.left" not in activity.muscles
    assert "Corr li" in activity.unmapped
    assert activity.source["repair"] == {"Corr li": "drop"}
    assert "'Corr li' was dropped by the user." in activity.filters


def test_a_mirrored_channel_takes_the_other_side(clean: Recording) -> None:
    activity = to_activity(with_fault(clean, unplug), repair={"Corr li": "mirror"})
    left, right = activity.column("corrugator.left"), activity.column("corrugator.right")
    np.testing.assert_array_equal(left, right)
    assert left.max() > 0.5
    assert activity.channels[activity.muscles.index("corrugator.left")] == "Corr re"


def test_a_mirrored_channel_keeps_the_scale_it_was_calibrated_with(clean: Recording) -> None:
    sound = to_activity(clean)
    muscles = {
        muscle: {"baseline": 1.0, "scale": 5.0 if muscle.endswith("left") else 50.0}
        for muscle in sound.muscles
    }
    profile = {"format_version": 1, "muscles": muscles}
    activity = to_activity(clean, profile=profile, repair={"Corr li": "mirror"})
    left, right = activity.column("corrugator.left"), activity.column("corrugator.right")
    np.testing.assert_array_equal(left, right)
    assert activity.scale[activity.muscles.index("corrugator.left")] == 50.0
    assert activity.scale[activity.muscles.index("mentalis.left")] == 5.0


def test_interpolation_bridges_the_bad_seconds_and_nothing_else(clean: Recording) -> None:
    sound, broken = to_activity(clean), with_fault(clean, lose_contact)
    spoiled = to_activity(broken)
    mended = to_activity(broken, repair={"Corr li": "interpolate"})
    inside = (sound.timestamps > 10.5) & (sound.timestamps < 14.5)
    outside = (sound.timestamps < 9) | (sound.timestamps > 16)

    def in_unit(activity: object) -> np.ndarray:
        k = activity.muscles.index("corrugator.left")  # type: ignore[attr-defined]
        return activity.values[:, k] * activity.scale[k]  # type: ignore[attr-defined]

    assert in_unit(spoiled)[inside].min() > 1.5 * in_unit(sound).max()
    assert in_unit(mended)[inside].max() < 1.1 * in_unit(sound).max()
    assert np.abs(in_unit(mended) - in_unit(sound))[outside].mean() < 0.5
    assert "5 bad seconds of 'Corr li' interpolated" in mended.filters


@pytest.mark.parametrize(
    ("repair", "words"),
    [
        ({"Corr li": "polish"}, "no repair 'polish'"),
        ({"Nobody": "drop"}, "'Nobody' cannot be repaired"),
        ({"Corr li": "mirror", "Corr re": "drop"}, "on the other side is to be repaired too"),
        ({"Corr li": "interpolate"}, "bad from beginning to end"),
    ],
)
def test_repairs_that_cannot_be_are_refused(
    clean: Recording, repair: dict[str, str], words: str
) -> None:
    with pytest.raises(EiferError, match=words):
        to_activity(with_fault(clean, unplug), repair=repair)


def test_a_slow_raw_recording_is_said_first(clean: Recording) -> None:
    slow = Recording.from_array(clean.data()[:, ::4], RATE / 4, clean.channels)
    quality = check_quality(slow, list(clean.channels[:4]))
    assert quality.hints[0].startswith("Raw EMG at 256 Hz lacks a part of its band")
    assert not check_quality(clean, list(clean.channels[:4])).notes
    envelopes = Recording.from_array(slow.data(), RATE / 4, clean.channels, holds_envelope=True)
    assert not check_quality(envelopes, list(clean.channels[:4])).notes
