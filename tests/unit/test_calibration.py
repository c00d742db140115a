"""A profile holds a subject's rest and full effort, and makes takes comparable."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from posed_session import Person, posed_session

from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.calibration import Profile, calibrate
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.movements import movement_names
from eifer.eifer_addon.signals.recording import Event, Recording
from eifer.eifer_addon.signals.redonning import adjust
from eifer.models.synthetic.interference import interference
from eifer.models.synthetic.physiology import simulate_recording

RATE = 1000.0
MUSCLES = {"Zyg li": 120.0, "Zyg re": 80.0, "Corr li": 60.0, "Corr re": 50.0, "Ment li": 30.0}
#: Which muscles move in which of the ten movements, at which part of their full effort.
SCRIPT = {
    "forehead": {"Corr li": 0.3, "Corr re": 0.3}, "eye_gentle": {"Corr li": 0.4, "Corr re": 0.4},
    "eye_tight": {"Corr li": 1.0, "Corr re": 1.0}, "nose_pucker": {"Corr li": 0.6, "Zyg li": 0.2},
    "smile_closed": {"Zyg li": 0.6, "Zyg re": 0.6}, "smile_open": {"Zyg li": 1.0, "Zyg re": 1.0},
    "lip_pucker": {"Ment li": 0.5}, "cheeks": {"Zyg re": 0.4}, "snarl": {"Zyg li": 0.5},
    "depress_lip": {"Ment li": 1.0},
}  # fmt: skip


def session(
    gain: float = 1.0, seed: int = 0, effort: float = 1.0, events: bool = True
) -> Recording:
    """Five seconds of rest, then ten movements of two seconds with pauses of one."""
    rng = np.random.default_rng(seed)
    n = round((5 + 3 * len(SCRIPT)) * RATE)
    t = np.arange(n) / RATE
    rows = []
    for channel, full in MUSCLES.items():
        drive = np.zeros(n)
        for k, parts in enumerate(SCRIPT.values()):
            drive[(t >= 5 + 3 * k) & (t < 7 + 3 * k)] = parts.get(channel, 0.0) * effort
        noise = interference(n, RATE, rng)
        rows.append(gain * (drive * full * noise + 2.0 * rng.standard_normal(n)))
    marks = [Event(0.5, "Face-At-Rest", 4.0)] + [
        Event(5.0 + 3 * k, name.replace("_", "-").title(), 2.0) for k, name in enumerate(SCRIPT)
    ]
    return Recording.from_array(
        np.stack(rows), RATE, tuple(MUSCLES), units=("uV",) * len(MUSCLES),
        events=tuple(marks) if events else (), source={"file": "a.edf", "sha256": "0"},
    )  # fmt: skip


def rectified(full: float) -> float:
    return full * np.sqrt(2 / np.pi)  # mean of a rectified normal distribution


def test_events_give_baseline_scale_and_noise_of_each_muscle() -> None:
    profile = calibrate(session(), subject="S01")
    assert tuple(profile.movements) == movement_names()
    for channel, muscle in (("Zyg li", "zygomaticus.left"), ("Corr re", "corrugator.right")):
        entry = profile.muscles[muscle]
        assert entry.baseline == pytest.approx(rectified(2.0) * 0.9, rel=0.2)
        assert entry.scale == pytest.approx(1.12 * rectified(MUSCLES[channel]), rel=0.15)
        assert 0 < entry.noise < 0.5
        assert entry.unit == "uV"
    assert profile.muscles["zygomaticus.right"].origin == "smile_open"
    assert profile.muscles["corrugator.left"].origin == "eye_tight"
    assert profile.source["sha256"] == "0"
    assert "S01" in profile.describe()


def test_without_events_the_script_is_found_in_the_activity() -> None:
    by_events, by_activity = calibrate(session()), calibrate(session(events=False))
    names = movement_names()[1:]
    assert tuple(by_activity.movements) == names
    for name in names:
        assert by_activity.movements[name] == pytest.approx(by_events.movements[name], abs=0.3)
    for muscle, entry in by_events.muscles.items():
        assert by_activity.muscles[muscle].scale == pytest.approx(entry.scale, rel=0.15)


def without_events(recording: Recording) -> Recording:
    return replace(recording, events=())


@pytest.mark.parametrize("change", ["left out", "twice"])
def test_movements_are_recognised_by_their_muscles_where_the_script_was_not_kept(
    change: str,
) -> None:
    names = movement_names()[1:]
    done = names[:3] + names[4:] if change == "left out" else names[:6] + names[5:]
    recording, _ = posed_session(Person(5), snr=10.0, names=done)
    found = calibrate(without_events(recording)).movements
    expected = [*names[:3], *names[4:]] if change == "left out" else [
        *names[:6], f"{names[5]} 2", *names[6:]
    ]  # fmt: skip
    assert list(found) == expected
    for (start, stop), event in zip(found.values(), recording.events[1:], strict=True):
        assert start == pytest.approx(event.onset_s, abs=0.4)
        assert stop == pytest.approx(event.onset_s + event.duration_s, abs=0.4)


def test_too_few_muscles_are_no_reason_to_guess() -> None:
    recording, _ = posed_session(Person(5), names=movement_names()[1:6])
    few = without_events(recording).select([0, 1, 18, 19])
    assert all(name.startswith("movement") for name in calibrate(few).movements)


def test_events_with_other_names_serve_too_and_a_few_of_them_do_not() -> None:
    recording = simulate_recording(20.0, RATE, seed=2)[0]
    profile = calibrate(recording)
    assert {"big smile", "raised brows", "anger"} <= set(profile.movements)
    assert profile.muscles["zygomaticus.left"].origin == "big smile"
    few = replace(recording, events=recording.events[:2])
    assert all(name.startswith("movement") for name in calibrate(few).movements)


def test_what_an_electrode_sees_of_its_neighbours_is_no_full_effort() -> None:
    recording = simulate_recording(20.0, RATE, seed=2)[0]
    smiles = {e.name: (e.onset_s, e.onset_s + e.duration_s) for e in recording.events[:2]}
    profile = calibrate(recording, windows=smiles)
    assert profile.muscles["zygomaticus.right"].origin == "big smile"
    assert profile.muscles["frontalis_lateralis.left"].origin == "others"


def test_a_profile_makes_a_weak_take_weak(tmp_path: Path) -> None:
    path = calibrate(session()).save(tmp_path / "s.json")
    weak = session(seed=5, effort=0.3)
    alone, calibrated = to_activity(weak), to_activity(weak, profile=path)
    k = alone.muscles.index("zygomaticus.left")
    assert np.percentile(alone.values[:, k], 99) > 0.9
    assert np.percentile(calibrated.values[:, k], 99) == pytest.approx(0.27, abs=0.06)
    full = to_activity(session(seed=6), profile=Profile.load(path))
    smiling = full.values[(full.timestamps > 20) & (full.timestamps < 22), k]
    assert np.percentile(smiling, 95) == pytest.approx(1.0, abs=0.15)


def test_saved_and_loaded_is_the_same_and_plain_profiles_still_load(tmp_path: Path) -> None:
    profile = calibrate(session(), subject="S01")
    again = Profile.load(profile.save(tmp_path / "s.json"))
    assert again == profile
    document = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert document["format_version"] == 2
    plain = {"format_version": 1, "muscles": {"mentalis.left": {"baseline": 1.0, "scale": 9.0}}}
    (tmp_path / "plain.json").write_text(json.dumps(plain), "utf-8")
    assert Profile.load(tmp_path / "plain.json").muscles["mentalis.left"].scale == 9.0


def test_a_muscle_that_no_movement_reached_takes_the_scale_of_the_others() -> None:
    recording = session()
    samples = recording.data().copy()
    samples[4] = 2.0 * np.random.default_rng(3).standard_normal(samples.shape[1])
    profile = calibrate(Recording.from_array(samples, RATE, recording.channels,
                                             events=recording.events))  # fmt: skip
    others = [e.scale for m, e in profile.muscles.items() if m != "mentalis.left"]
    assert profile.muscles["mentalis.left"].origin == "others"
    assert profile.muscles["mentalis.left"].scale == pytest.approx(np.median(others))


def test_a_given_maximum_wins_and_must_lie_above_rest() -> None:
    profile = calibrate(session(), mvc={"zygomaticus.left": 200.0})
    entry = profile.muscles["zygomaticus.left"]
    assert entry.origin == "mvc"
    assert entry.scale == pytest.approx(200.0 - entry.baseline)
    with pytest.raises(EiferError, match="not above its rest"):
        calibrate(session(), mvc={"zygomaticus.left": 0.5})


def test_electrodes_put_on_again_are_adjusted_for() -> None:
    first = calibrate(session())
    again = adjust(first, session(gain=0.6, seed=9))
    for muscle, entry in first.muscles.items():
        assert again.muscles[muscle].baseline == pytest.approx(0.6 * entry.baseline, rel=0.15)
        assert again.muscles[muscle].scale == pytest.approx(0.6 * entry.scale, rel=0.2)


def test_like_is_compared_with_like_after_electrodes_were_put_on_again(tmp_path: Path) -> None:
    first = calibrate(posed_session(Person(1))[0], crosstalk=True)
    rng = np.random.default_rng(4)
    factors = {muscle: float(np.exp(0.3 * rng.standard_normal())) for muscle in first.muscles}
    changed = Person(1, gains=factors)
    names = ("forehead", "eye_tight", "nose_pucker", "smile_open", "lip_pucker", "depress_lip")
    minute, _ = posed_session(changed, names=names, effort=0.9, events=False, seed=3)
    again = adjust(first, minute)
    full = calibrate(posed_session(changed, seed=2)[0])

    def error(profile: Profile) -> float:
        scales = [np.log(profile.muscles[m].scale / full.muscles[m].scale) for m in full.muscles]
        return float(np.mean(np.abs(scales)))

    assert error(again) < 0.16
    assert error(again) < 0.6 * error(first)
    assert again.crosstalk == {}
    assert "cross-talk was left out" in again.describe()
    assert "compared with the same movements" in again.adjusted["notes"][0]
    # The times of its movements are those of the first recording, and said to be.
    assert " s of " in again.describe().splitlines()[1]
    assert " s of " not in first.describe()
    assert Profile.load(again.save(tmp_path / "s.json")) == again
    assert adjust(first, minute, crosstalk=True).crosstalk["channels"] == list(minute.channels)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (slice(0, 5000), "too short to adjust"),
        (slice(500, 11_500), "nothing can be adjusted|no movement"),
    ],
)
def test_a_minute_that_cannot_adjust_is_refused(part: slice, words: str) -> None:
    recording = session(events=False)
    quiet = np.random.default_rng(0).standard_normal((len(MUSCLES), 20_000))[:, part]
    with pytest.raises(EiferError, match=words):
        adjust(calibrate(session()), Recording.from_array(quiet, RATE, recording.channels))


def test_muscles_that_a_minute_did_not_show_are_named() -> None:
    recording = session(seed=9)
    minute = recording.select([0, 1, 2, 3])
    again = adjust(calibrate(session()), minute)
    assert "not seen to move, scale as before: mentalis.left" in again.describe()
    assert again.muscles["mentalis.left"] == calibrate(session()).muscles["mentalis.left"]


def test_another_preset_is_noted() -> None:
    activity = to_activity(session(), preset="rms100", profile=calibrate(session()))
    assert any("made with the preset 'clinical'" in step for step in activity.filters)


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ({"forehead": (5.0, 900.0)}, "does not lie within"),
        ({"face_at_rest": (0.0, 4.0)}, "no movement to calibrate by"),
        ({"face_at_rest": (0.0, 0.1), "smile_open": (20.0, 22.0)}, "Rest lasts 0.10 s"),
        ({"forehead": (0.5, 4.0)}, "No muscle rises above rest"),
    ],
)
def test_windows_that_cannot_be_are_refused(
    windows: dict[str, tuple[float, float]], words: str
) -> None:
    with pytest.raises(EiferError, match=words):
        calibrate(session(), windows=windows)


def test_the_command_line_calibrates_and_emg_takes_the_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_edf(replace(session(), events=()), tmp_path / "movements.edf")
    events = tmp_path / "events.tsv"
    rows = [f"{e.onset_s}\t{e.duration_s}\t{e.name}" for e in session().events]
    events.write_text("\n".join(["onset\tduration\ttrial_type", *rows]), "utf-8")
    profile = tmp_path / "s.json"
    command = ["calibrate", str(file), "--out", str(profile), "--events", str(events), "--json"]
    assert main(command) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["muscles"]["zygomaticus.right"]["origin"] == "smile_open"
    assert main(command) == 1  # it exists
    assert "exists already" in capsys.readouterr().err
    track = tmp_path / "t.npz"
    assert main(["emg", str(file), "--track", str(track), "--profile", str(profile),
                 "--repair", "Ment li=drop", "--json"]) == 0  # fmt: skip
    assert "Ment li" in json.loads(capsys.readouterr().out)["unmapped"]
    second = tmp_path / "s2.json"
    assert main(["calibrate", str(file), "--out", str(second), "--adjust", str(profile)]) == 0
    assert set(Profile.load(second).muscles) == set(Profile.load(profile).muscles)


def test_a_table_of_events_that_is_none_is_refused(tmp_path: Path) -> None:
    from eifer.eifer_addon.signals.movements import read_windows

    (tmp_path / "a.tsv").write_text("onset\tduration\tname\n1.0\tlong\tsmile open\n", "utf-8")
    (tmp_path / "b.tsv").write_text("hello", "utf-8")
    with pytest.raises(EiferError, match=r"Line 2 of a\.tsv"):
        read_windows(tmp_path / "a.tsv")
    with pytest.raises(EiferError, match="no table of events"):
        read_windows(tmp_path / "b.tsv")
