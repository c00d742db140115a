"""A trigger LED in a video is found, and its flashes lay the video onto the recording."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from led_video import Led, frame_times, write_led_video
from posed_session import Person, posed_session

from eifer import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.edges import Edges
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.signals.sync_light import sync_by_light
from eifer.eifer_addon.video.brightness import Rectangle, find_flashing, read_brightness
from eifer.models.emg2exp import emg_to_expression

EXAMPLE = Path(__file__).parents[2] / "examples" / "face_of_a_subject.py"
SECONDS, OFFSET, DRIFT_PPM = 13.0, 4.321, 150.0
RATE = 1 + DRIFT_PPM / 1e6


def pulses(seed: int = 2) -> list[tuple[float, float]]:
    rng = np.random.default_rng(seed)
    on = np.cumsum(rng.uniform(0.6, 1.6, 30))
    off = on + rng.uniform(0.1, 0.4, 30)
    return [(float(a), float(b)) for a, b in zip(on, off, strict=True) if b < SECONDS - 0.5]


def trigger(driven: list[tuple[float, float]]) -> Edges:
    """What the recording saw of the pulses, on its own clock."""
    rows = [(OFFSET + RATE * t, on) for pair in driven for t, on in zip(pair, (1, 0), strict=True)]
    return Edges.of([(time, bool(on)) for time, on in rows])


def error_s(found: object, at: float = SECONDS / 2) -> float:
    return float(found.to_first(np.array([at]))[0] - (OFFSET + RATE * at))  # type: ignore[attr-defined]


def place_of(found: object) -> str:
    return next(note for note in found.notes if note.startswith("The light is at"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "led", "jitter", "exposure", "within"),
    [
        ("steady", {}, 0.0, 1 / 30, 0.005),
        ("short exposure", {}, 0.0, 1 / 120, 0.005),
        ("variable frame rate", {}, 0.5, 1 / 60, 0.006),
        ("dim", {"light": 0.06}, 0.0, 1 / 30, 0.005),
        ("cut at the edge", {"x": 1, "y": 178}, 0.0, 1 / 30, 0.005),
    ],
)
def test_the_led_is_found_beside_a_moving_face_and_timed_below_a_frame(
    tmp_path: Path, name: str, led: dict[str, float], jitter: float, exposure: float, within: float
) -> None:
    light = Led(pulses(), **led)  # type: ignore[arg-type]
    times = frame_times(SECONDS, 30.0, jitter)
    video = write_led_video(tmp_path / "a.mp4", light, times, exposure_s=exposure)
    found = sync_by_light(trigger(pulses()), video)
    assert abs(error_s(found)) < within, name
    assert found.method == "light"
    assert found.confidence > 0.8
    assert found.matched >= 2 * len(pulses()) - 4
    x, y, width, height = map(int, place_of(found).split(" at ")[1].split(" of ")[0].split(","))
    assert x - 3 <= light.x <= x + width + 3
    assert y - 3 <= light.y <= y + height + 3


def test_missing_and_extra_pulses_do_not_mislead(tmp_path: Path) -> None:
    driven = pulses()
    times = frame_times(SECONDS, 30.0)
    video = write_led_video(tmp_path / "a.mp4", Led(driven[1:5] + driven[6:]), times)
    seen = [*driven[:8], (driven[8][0] + 0.21, driven[8][1] + 0.3), *driven[9:]]
    found = sync_by_light(trigger(seen), video, Rectangle(14, 10, 22, 22), exposure=1.0)
    assert abs(error_s(found)) < 0.0015  # a frame lasts 33 ms; its exposure is known here
    assert found.confidence > 0.5


def test_a_light_that_goes_dark_at_a_pulse_is_understood(tmp_path: Path) -> None:
    driven = pulses()
    ends = [0.0, *(t for pair in driven for t in pair), SECONDS]
    dark = list(zip(ends[::2], ends[1::2], strict=True))
    video = write_led_video(tmp_path / "a.mp4", Led(dark), frame_times(SECONDS, 30.0))
    found = sync_by_light(trigger(driven), video)
    assert abs(error_s(found)) < 0.005
    assert any("dark at a pulse" in note for note in found.notes)


def test_a_face_without_a_light_is_not_believed(tmp_path: Path) -> None:
    video = write_led_video(tmp_path / "a.mp4", None, frame_times(SECONDS, 30.0))
    try:
        found = sync_by_light(trigger(pulses()), video)
    except EiferError as error:
        assert "agrees with the trigger" in str(error)  # noqa: PT017
    else:
        assert found.confidence < 0.5
        assert "please check" in found.describe()


def test_a_real_video_of_a_face_has_no_light_to_believe(test_data) -> None:  # type: ignore[no-untyped-def]
    path = test_data / "video" / "pyfeat_single_face.mp4"
    whole = read_brightness(path, [Rectangle(0, 0, 640, 360), Rectangle(-5, -5, 20, 20)])
    assert whole.light.shape == (72, 2)
    np.testing.assert_allclose(np.diff(whole.times_s), 1 / 30, atol=1e-3)
    assert 0 < whole.light.min() <= whole.light.max() < 1
    places = find_flashing(path)
    assert all(0 <= r.x < r.x + r.width <= 640 for r in places)
    try:
        found = sync_by_light(trigger(pulses()), path)
    except EiferError:
        return
    assert found.confidence < 0.5


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "could not be read as video"), (b"\0" * 500, "as video")]
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(EiferError, match=words):
        find_flashing(path)


def test_the_command_line_lays_a_video_onto_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driven = pulses()
    video = write_led_video(tmp_path / "v.mp4", Led(driven), frame_times(SECONDS, 30.0))
    rate = 1000.0
    t = np.arange(round((SECONDS + 6) * rate)) / rate
    pins = sum(((t >= OFFSET + RATE * a) & (t < OFFSET + RATE * b)) * 1.0 for a, b in driven)
    emg = np.random.default_rng(0).standard_normal(len(t))
    file = write_edf(
        Recording.from_array(np.stack([emg, 5.0 * pins]), rate, ("Zyg li", "TRIG"),
                             units=("uV", "uV")),
        tmp_path / "a.edf",
    )  # fmt: skip
    assert main(["sync", str(file), str(video), "--trigger", "TRIG", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["method"] == "light"
    assert values["seconds"] + 6.5 * (1 + values["drift_ppm"] / 1e6) == pytest.approx(
        OFFSET + RATE * 6.5, abs=0.005
    )
    outside = ["sync", str(file), str(video), "--trigger", "TRIG", "--led", "900,10,20,20"]
    assert main(outside) == 1
    assert "lies outside of v.mp4 (240 x 180)" in capsys.readouterr().err
    assert main([*outside[:-1], "1,2,3"]) == 2
    recording = api.read_recording(file)
    with pytest.raises(EiferError, match="first side needs either"):
        api.synchronise(recording, video)


def test_the_example_learns_a_face_from_a_session_with_a_led(tmp_path: Path) -> None:
    recording, truth = posed_session(Person(3))
    end = recording.duration_s
    rng = np.random.default_rng(8)
    on = np.cumsum(rng.uniform(2.0, 4.0, 30))
    driven = [(float(t), float(t) + 0.3) for t in on if t < end - 8]
    # The video begins 5 s into the recording.
    video = write_led_video(
        tmp_path / "v.mp4", Led([(a - 5, b - 5) for a, b in driven if a > 6]),
        frame_times(end - 7, 15.0), exposure_s=1 / 15, face=False,
    )  # fmt: skip
    shown = emg_to_expression(truth)
    seen = shown.timestamps > 5
    track = replace(
        shown, coefficients=shown.coefficients[seen], confidence=shown.confidence[seen],
        timestamps=shown.timestamps[seen] - 5 + 0.07,
    )  # fmt: skip
    t = np.arange(recording.n_samples) / recording.rate_hz
    pins = 5.0 * sum(((t >= a) & (t < b)) * 1.0 for a, b in driven)
    with_pins = Recording.from_array(
        np.vstack([recording.data(), pins]), recording.rate_hz, (*recording.channels, "TRIG"),
        units=(*recording.units, "uV"), events=recording.events,
    )  # fmt: skip
    arguments = [write_edf(with_pins, tmp_path / "m.edf"), video, "TRIG",
                 track.save(tmp_path / "v.npz"), tmp_path / "S03.json"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *map(str, arguments)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Synchronised (light): the second clock's 0 is at 5.0" in done.stdout
    delay = float(done.stdout.split("Electro-mechanical delay: ")[1].split(" ms")[0])
    assert delay == pytest.approx(70, abs=10)
    profile = json.loads((tmp_path / "S03.json").read_text("utf-8"))
    assert len(profile["gains"]["fit"]["poses"]) == 10
