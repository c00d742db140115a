"""Cross-talk is told from acting together, estimated in both directions, and taken out."""

from __future__ import annotations

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.calibration import Profile, calibrate
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.crosstalk import estimate_mixing, unmix
from eifer.eifer_addon.signals.recording import Recording
from eifer.models.synthetic.interference import interference
from eifer.models.synthetic.physiology import crosstalk_matrix, simulate_recording
from eifer.models.synthetic.script import read_expressions

RATE, SECONDS = 1024.0, 60
NAMES = ("Zyg li", "Mass li", "Corr li", "Ment li")
#: Not symmetric: a large muscle reaches a small one's electrode, hardly the reverse.
MIXING = np.array(
    [[1.0, 0.3, 0.0, 0.0], [0.05, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.1, 0.0, 0.0, 1.0]]
)


def sources(seed: int = 0) -> np.ndarray:
    """Four muscles; the first two always act together, and also by themselves."""
    rng = np.random.default_rng(seed)
    n = round(SECONDS * RATE)
    drive = np.repeat(rng.random((4, SECONDS)) > 0.6, round(RATE), axis=1).astype(float)
    drive[1] = np.maximum(drive[1], 0.7 * drive[0])
    noise = np.stack([interference(n, RATE, rng) for _ in range(4)])
    return np.asarray((2 + 80 * drive) * noise)


def relative(mixing: np.ndarray, true: np.ndarray) -> float:
    """RMS of what is left of the cross-talk, over what there was."""
    eye = np.eye(len(true))
    left = np.linalg.inv(mixing) @ true - eye
    return float(np.sqrt(np.mean(left**2) / np.mean((true - eye) ** 2)))


def test_both_directions_are_estimated_and_acting_together_is_no_crosstalk() -> None:
    recording = Recording.from_array(MIXING @ sources(), RATE, NAMES)
    mixing = estimate_mixing(recording, NAMES)
    assert mixing[0, 1] == pytest.approx(0.3, abs=0.05)
    assert mixing[1, 0] == pytest.approx(0.05, abs=0.05)
    assert mixing[3, 0] == pytest.approx(0.1, abs=0.05)
    assert relative(mixing, MIXING) < 0.25
    unrelated = Recording.from_array(sources(1), RATE, NAMES)
    assert np.abs(estimate_mixing(unrelated, NAMES) - np.eye(4)).max() < 0.02


def test_most_of_the_simulators_crosstalk_is_taken_out() -> None:
    true = crosstalk_matrix(read_expressions()["sites"])
    recording = simulate_recording(60.0, RATE, seed=8)[0]
    assert relative(estimate_mixing(recording, recording.channels), true) < 0.4


def test_unmixing_is_lazy_exact_and_leaves_other_channels_alone() -> None:
    clean = sources()
    samples = np.vstack([MIXING @ clean, clean[:1]])
    recording = Recording.from_array(samples, RATE, (*NAMES, "Aux"))
    back = unmix(recording, NAMES, MIXING)
    np.testing.assert_allclose(back.data()[:4], clean, atol=1e-9)
    np.testing.assert_allclose(back.channel(0, 500, 900), clean[0, 500:900], atol=0.2)
    np.testing.assert_array_equal(back.channel(4), clean[0])


def test_it_is_off_unless_asked_for_and_said_when_done(tmp_path) -> None:  # type: ignore[no-untyped-def]
    recording = Recording.from_array(MIXING @ sources(), RATE, NAMES)
    windows = {"movement 1": (0.0, float(SECONDS))}
    plain = calibrate(recording, windows=windows)
    profile = calibrate(recording, windows=windows, crosstalk=True)
    assert Profile.load(profile.save(tmp_path / "s.json")) == profile
    assert not any("cross-talk" in step for step in to_activity(recording, profile=profile).filters)
    unmixed = to_activity(recording, profile=profile, unmix=True)
    assert unmixed.filters[0] == "cross-talk of 4 channels taken out"
    with pytest.raises(EiferError, match="does not hold the cross-talk"):
        to_activity(recording, profile=plain, unmix=True)
    with pytest.raises(EiferError, match="needs a profile"):
        to_activity(recording, unmix=True)
    with pytest.raises(EiferError, match="which the recording lacks"):
        to_activity(recording.select([0, 1, 2]), profile=profile, unmix=True)


def test_a_dead_channel_does_not_keep_the_others_from_being_estimated() -> None:
    samples = MIXING @ sources()
    samples[2] = 0.0
    mixing = estimate_mixing(Recording.from_array(samples, RATE, NAMES), NAMES)
    assert mixing[0, 1] == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(mixing[2], [0, 0, 1, 0])


def test_copies_and_short_recordings_are_refused() -> None:
    doubled = sources()
    doubled[1] = doubled[0]
    with pytest.raises(EiferError, match="almost the same"):
        estimate_mixing(Recording.from_array(doubled, RATE, NAMES), NAMES)
    with pytest.raises(EiferError, match="too few"):
        estimate_mixing(Recording.from_array(sources()[:, :4096], RATE, NAMES), NAMES)
