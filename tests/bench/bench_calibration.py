"""How often the calibration movements are found and named, and what gains and re-donning bring.

``python tests/bench/bench_calibration.py``: simulated people, every number in docs/signals.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posed_session import MUSCLES, Person, personal_table, posed_session, session_of_moves

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.movements import movement_names
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.signals.sync import find_offset
from eifer.models.baseline import build_model
from eifer.models.emg2exp import emg_to_expression
from eifer.models.sessions import load_model
from eifer.models.synthetic.script import movements as script_movements

NAMES = movement_names()[1:]
PEOPLE = range(10)
SNRS = (3.0, 5.0, 10.0, 30.0)
_OVERLAP = 0.5


def found_rate(recording: Recording, truth: dict[str, tuple[float, float]]) -> tuple[float, int]:
    """Part of the movements found under their own name, and windows that are none of them."""
    try:
        windows = api.calibrate(recording).movements
    except EiferError:
        return 0.0, 0
    hits = 0
    for name, (start, stop) in truth.items():
        a, b = windows.get(name, (0.0, 0.0))
        hits += max(0.0, min(stop, b) - max(start, a)) >= _OVERLAP * (stop - start)
    return hits / len(truth), len(set(windows) - {"face_at_rest"}) - hits


def truth_of(recording: Recording) -> dict[str, tuple[float, float]]:
    """Windows by the events of a session; repeats are numbered."""
    found: dict[str, tuple[float, float]] = {}
    for event in recording.events[1:]:
        name = event.name.replace(" ", "_")
        repeats = sum(known.split(" ")[0] == name for known in found)
        window = (event.onset_s, event.onset_s + event.duration_s)
        found[f"{name} {repeats + 1}" if repeats else name] = window
    return found


def detection() -> None:
    """Found by events and in the activity, with all movements, with one left out, repeated."""
    print("movements found by their own name, % of people's movements (others found)")
    repeated = NAMES[:3] + NAMES[2:3] + NAMES[3:]
    rows = {"by events": NAMES, "in the activity": NAMES, "one left out": NAMES[:4] + NAMES[5:],
            "one done twice": repeated}  # fmt: skip
    for title, names in rows.items():
        cells = []
        for snr in SNRS:
            results = []
            for seed in PEOPLE:
                recording, _ = posed_session(Person(seed), snr=snr, names=names)
                truth = truth_of(recording)
                seen = recording if title == "by events" else without_events(recording)
                results.append(found_rate(seen, truth))
            rate = 100 * np.mean([r for r, _ in results])
            cells.append(f"{rate:.0f} ({sum(n for _, n in results)})")
        print(
            f"  {title:16s} "
            + "  ".join(f"SNR {s:g}: {c}" for s, c in zip(SNRS, cells, strict=True))
        )


def without_events(recording: Recording) -> Recording:
    """The same recording with no events."""
    return Recording.from_array(recording.data(), recording.rate_hz, recording.channels,
                                units=recording.units)  # fmt: skip


def gains() -> None:
    """Error on expressions that were not posed, of the baseline and of gains."""
    rows = []
    for seed in PEOPLE:
        recording, truth = posed_session(Person(seed))
        face = load_model(build_model(personal_table(seed)), kind="emg2exp")
        shown = emg_to_expression(truth, face)
        moves = [m for m in script_movements(20.0, MUSCLES) if m.name != "blink"]
        unseen, unseen_truth = session_of_moves(Person(seed), moves, 20.0, 30.0, (), 5)
        wanted = emg_to_expression(unseen_truth, face).coefficients
        errors = []
        bare = api.calibrate(recording)
        for profile in (
            bare,
            api.fit_gains(bare, recording, track=shown),
            api.fit_gains(bare, recording, track=shown, antagonists=True),
            api.fit_gains(bare, recording, track=shown, start="nothing"),
            api.fit_gains(bare, recording, poses="instructed"),
        ):
            made = api.emg_to_expression(api.to_activity(unseen, profile=profile)).coefficients
            n = min(len(made), len(wanted))
            errors.append(float(np.sqrt(np.mean((made[:n] - wanted[:n]) ** 2))))
        rows.append(errors)
    names = ("baseline", "gains", "with antagonists", "from nothing", "instructed poses")
    print("RMS error of 52 coefficients on ten expressions that were not posed, mean of people")
    for name, column in zip(names, np.transpose(rows), strict=True):
        better = int(np.sum(column < np.transpose(rows)[0]))
        print(
            f"  {name:18s} {column.mean():.4f}  better than the baseline in {better} of {len(rows)}"
        )


def redonning() -> None:
    """Error of the scales after electrodes were put on again."""
    names = ("forehead", "eye_tight", "nose_pucker", "smile_open", "lip_pucker", "depress_lip")
    errors: dict[str, list[float]] = {"old profile": [], "named": [], "unnamed": []}
    for seed in PEOPLE:
        first = api.calibrate(posed_session(Person(seed))[0])
        rng = np.random.default_rng([seed, 9])
        gains = {muscle: float(np.exp(0.3 * rng.standard_normal())) for muscle in MUSCLES}
        person = Person(seed, gains=gains)
        full = api.calibrate(posed_session(person, seed=2)[0])
        effort = float(np.exp(0.1 * rng.standard_normal()))
        minute = posed_session(person, names=names, effort=effort, seed=3)[0]
        results = {
            "old profile": first, "named": api.adjust_profile(first, minute),
            "unnamed": api.adjust_profile(
                first, minute,
                windows={f"movement {k}": w for k, w in enumerate(truth_of(minute).values(), 1)},
            ),
        }  # fmt: skip
        for name, profile in results.items():
            errors[name] += [
                abs(np.log(profile.muscles[m].scale / full.muscles[m].scale)) for m in MUSCLES
            ]
    print("scale after putting electrodes on again, mean error in % of a new calibration's")
    for name, values in errors.items():
        print(f"  {name:12s} {100 * (np.exp(np.mean(values)) - 1):.0f} %")


def curves() -> None:
    """Error of the offset between a muscle's activity and a noisy coefficient at 30 frames/s."""
    pairs = (("zygomaticus.left", "mouthSmileLeft"), ("frontalis_medialis.left", "browInnerUp"))
    errors: dict[float, list[float]] = {0.02: [], 0.1: [], 0.3: []}
    rng = np.random.default_rng(0)
    for seed in PEOPLE:
        recording, truth = posed_session(Person(seed))
        activity, shown = api.to_activity(recording), emg_to_expression(truth)
        for muscle, name in pairs:
            for noise, found in errors.items():
                offset = rng.uniform(-5.0, 5.0)
                times = np.arange(max(0.0, -offset), recording.duration_s - 6.0, 1 / 30)
                curve = np.interp(times + offset, shown.timestamps, shown.column(name))
                curve = curve + noise * rng.standard_normal(len(times))
                seconds = find_offset(
                    activity.column(muscle), activity.rate_hz, curve, 30.0
                ).seconds
                found.append(1e3 * abs(seconds - times[0] - offset))
    print("offset by curves, error in ms (median, largest)")
    for noise, found in errors.items():
        print(f"  noise {noise:g}: {np.median(found):.1f}, {max(found):.0f}")


def envelopes() -> None:
    """The same script as 30 Hz envelopes in an MMM-like folder's tables."""
    rates = []
    for seed in PEOPLE:
        recording, _ = posed_session(Person(seed))
        activity = api.to_activity(recording, preset="mam", rate_hz=30.0)
        envelope = activity.values * activity.scale + activity.baseline
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "99_2S_schaede_01.csv"
            names = [m.replace(".left", "_l").replace(".right", "_r") for m in activity.muscles]
            rows = [",".join(["", *names])] + [
                f"{k}," + ",".join(f"{v:.4f}" for v in row) for k, row in enumerate(envelope)
            ]
            path.write_text("\n".join(rows), "utf-8")
            rates.append(found_rate(api.read_recording(path), truth_of(recording))[0])
    print(f"MMM-like envelopes (30 Hz, 500 ms RMS): {100 * np.mean(rates):.0f} % found")


if __name__ == "__main__":
    for job in sys.argv[1:] or ["detection", "envelopes", "gains", "redonning", "curves"]:
        {"detection": detection, "envelopes": envelopes, "gains": gains, "redonning": redonning,
         "curves": curves}[job]()  # fmt: skip
