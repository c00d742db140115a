"""Pictures and films of the flat muscle map, from Python and from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from eifer.eifer_addon import api
from eifer.eifer_addon import muscle_figure as figure
from eifer.eifer_addon import muscle_moments as moments
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads import muscle_map as maps
from eifer.eifer_addon.muscle_film import MapFrames
from eifer.eifer_addon.signals.activity import Activity


def activity(**muscles: float) -> Activity:
    """Three seconds at 10 Hz; the named muscles act from 1 to 2 s, and two events say so."""
    names = maps.muscles_shown()
    values = np.zeros((30, len(names)), np.float32)
    for name, value in muscles.items():
        stem, _, side = name.rpartition("_")
        values[10:20, names.index(f"{stem}.{side}")] = value
    one = np.ones(len(names))
    events = ((1.0, "smile", 0.5), (1.5, "smile", 0.5), (2.0, "rest", 0.9))
    return Activity(values, 10.0, names, one, one, names, events=events, source={"simulated": True})


def bright(picture: np.ndarray) -> np.ndarray:
    """Where the map's yellow and green are: (H, W) bool."""
    r, g, b = picture[..., :3].astype(int).transpose(2, 0, 1)
    return (g > 150) & (g - b > 60) & (g + 30 > r)


def face_of(path: Path) -> np.ndarray:
    """The part of a picture that is the face, without the legend."""
    picture = np.asarray(Image.open(path).convert("RGB"))
    return picture[:, : int(picture.shape[1] * 0.8)]


def test_a_left_smile_lights_up_the_left_cheek_only(tmp_path: Path) -> None:
    moment = moments.moment_at(activity(zygomaticus_left=1.0), 1.5)
    face = face_of(figure.save_map(tmp_path / "left.png", moment))
    lit = np.argwhere(bright(face)).mean(axis=0) / face.shape[:2]
    # The subject's left is on the right of the picture; the cheek is below the middle.
    assert 0.7 < lit[1] < 0.95
    assert 0.5 < lit[0] < 0.75


def test_the_svg_keeps_its_text_and_repeats_itself(tmp_path: Path) -> None:
    moment = moments.moment_of_event(activity(zygomaticus_left=1.0), "smile")
    first = figure.save_map(tmp_path / "a.svg", moment, names=True).read_text("utf-8")
    words = " ".join(ET.fromstring(first).itertext())
    for text in ("smile, mean of 2", "subject's left", "zygomaticus", "muscle activity", "simul"):
        assert text in words
    assert figure.save_map(tmp_path / "b.svg", moment, names=True).read_text("utf-8") == first


def test_events_are_averaged_and_the_strongest_moment_is_found() -> None:
    made = activity(zygomaticus_left=0.8)
    mean = moments.moment_of_event(made, "smile")
    assert mean.values[mean.muscles.index("zygomaticus.left")] == pytest.approx(0.8)
    assert not moments.moment_of_event(made, "rest").values.any()
    assert moments.strongest_moment(made).values.max() == pytest.approx(0.8)


def test_a_muscle_without_a_channel_claims_nothing() -> None:
    made = activity(zygomaticus_left=0.5)
    keep = [made.muscles.index(m) for m in ("zygomaticus.left", "corrugator.left")]
    two = Activity(
        made.values[:, keep], 10.0, tuple(made.muscles[k] for k in keep), np.ones(2), np.ones(2),
        ("a", "b"),
    )  # fmt: skip
    assert moments.moment_at(two, 1.5).muscles == ("zygomaticus.left", "corrugator.left")


def test_frames_of_a_film_follow_the_activity() -> None:
    frames = MapFrames(activity(zygomaticus_left=1.0), 240)
    rest, smile, again = (frames.frame(t) for t in (0.2, 1.5, 0.2))
    half = slice(None), slice(int(0.4 * rest.shape[1]), int(0.8 * rest.shape[1]))
    assert bright(smile[half]).sum() > bright(rest[half]).sum() + 50
    np.testing.assert_array_equal(rest, again)
    assert rest.shape[0] == 240


def kuramoto() -> Activity:
    """Half a second of three of Kuramoto's electrodes, of which the left cheek's acts."""
    values = np.zeros((5, 3), np.float32)
    values[:, 1] = 1.0
    one = np.ones(3)
    names = ("orbicularis_oculi.right", "orbicularis_oculi.left", "corrugator.left")
    return Activity(values, 10.0, names, one, one, ("K5", "K6-K16", "K19"))


def test_kuramoto_is_drawn_where_its_electrodes_are(tmp_path: Path) -> None:
    moment = moments.moment_at(kuramoto(), 0.2)
    assert moment.sites == ("K5", "K6-K16", "K19")
    lit = np.argwhere(bright(face_of(figure.save_map(tmp_path / "k.png", moment))))
    assert lit.mean(axis=0)[1] / face_of(tmp_path / "k.png").shape[1] > 0.6


def test_a_window_is_the_mean_of_its_frames() -> None:
    made = activity(zygomaticus_left=1.0)
    mean = moments.moment_of_window(made, (0.5, 1.5))
    assert mean.values[mean.muscles.index("zygomaticus.left")] == pytest.approx(0.5)
    assert mean.title == "mean of 0.5–1.5 s"
    for window, sentence in (((2, 1), "no length"), ((5, 6), "no activity from 5 s")):
        with pytest.raises(EiferError, match=sentence):
            moments.moment_of_window(made, window)


def test_several_moments_share_a_sheet_and_a_legend(tmp_path: Path) -> None:
    made = activity(zygomaticus_left=1.0)
    api.muscle_map(made, tmp_path / "row.png", at=[0.5, 1.5], window=(2, 2.5), columns=3)
    width, height = Image.open(tmp_path / "row.png").size
    assert width == pytest.approx(2160, abs=2)
    picture = np.asarray(Image.open(tmp_path / "row.png").convert("RGB"))
    face = int(0.91 * width / 3)
    lit = [bright(picture[:, k * face : (k + 1) * face]).sum() for k in range(3)]
    assert lit[1] > 20 * max(lit[0], lit[2], 1)
    api.muscle_map(made, tmp_path / "two.svg", every_event=True, titles=["A", "B"])
    words = list(ET.parse(tmp_path / "two.svg").getroot().itertext())
    assert sum("muscle activity (normalised)" in word for word in words) == 1
    assert {"A", "B"} <= {word.strip() for word in words}
    assert height < width


def test_an_svg_stands_alone(tmp_path: Path) -> None:
    drawn = api.muscle_map(activity(zygomaticus_left=1.0), tmp_path / "a.svg").read_text("utf-8")
    assert "<!DOCTYPE" not in drawn
    for element in ET.fromstring(drawn).iter():
        for name, value in element.attrib.items():
            if name.endswith("href"):
                assert value.startswith(("#", "data:image/png;base64,"))
            assert "url(" not in value or "url(#" in value
            assert not value.startswith(("http", "file"))


def test_one_function_draws_files_recordings_and_films(recording: Path, tmp_path: Path) -> None:
    made = activity(zygomaticus_left=1.0)
    saved = made.save(tmp_path / "act.npz")
    assert api.muscle_map(saved, tmp_path / "a.png", at=1.5).read_bytes() == (
        api.muscle_map(made, tmp_path / "b.png", at=1.5).read_bytes()
    )
    recorded = api.read_recording(recording)
    assert api.muscle_map(recorded, tmp_path / "c.png", at=1.5).read_bytes() == (
        api.muscle_map(recording, tmp_path / "d.png", at=1.5).read_bytes()
    )
    assert api.muscle_map(made, tmp_path / "f.mp4", fps=4, height=240).stat().st_size > 1000
    for name, options, sentence in (
        ("a.png", {}, "exists already"),
        ("e.png", {"fps": 3}, "'fps' is no option of a picture"),
        ("e.mp4", {"at": 1}, "'at' is no option of a film"),
        ("e.png", {"at": "soon"}, "'soon' cannot be understood"),
        ("e.png", {"window": 3}, "'3' is no window"),
        ("e.png", {"at": 1, "titles": ["a", "b"]}, "2 titles were given for 1 maps"),
        ("e.png", {"scheme": "ten-twenty"}, "'ten-twenty' is not known"),
        ("e.png", {"scheme": "kuramoto"}, "scheme 'kuramoto'"),
        ("e.png", {"limit": 0}, "cannot be drawn"),
    ):
        with pytest.raises(EiferError, match=sentence):
            api.muscle_map(made, tmp_path / name, **options)
    assert not list(tmp_path.glob("e.*"))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of both zygomatici at 500 Hz, left stronger in the middle."""
    random = np.random.default_rng(5)
    time_s = np.arange(1500) / 500
    gain = np.where((time_s > 1) & (time_s < 2), 50.0, 1.0)[:, None] * (1.0, 0.2)
    rows = np.column_stack([time_s, random.normal(size=(1500, 2)) * gain])
    path = tmp_path / "smile.csv"
    np.savetxt(path, rows, delimiter=",", header="time,Zyg li,Zyg re", comments="", fmt="%.6f")
    return path


def test_the_verb_draws_and_films(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, film = tmp_path / "map.png", tmp_path / "map.mp4"
    command = ["map", str(recording), "--out", str(out), "--at", "1.5", "--film", str(film),
               "--fps", "4", "--json"]  # fmt: skip
    assert main(command) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["files"] == {"map": str(out), "film": str(film)}
    assert result["activity"]["zygomaticus.left"] > 0.5
    assert Image.open(out).width > 900
    assert film.stat().st_size > 1000
    assert main(command) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "No output was named"),
        (["--film", "f.mp4", "--at", "1"], "whole recording"),
        (["--film", "f.avi"], "No film can be written as 'f.avi'"),
        (["--out", "m.png", "--every-event"], "no events at all"),
        (["--out", "m.png", "--window", "7:9"], "no activity from 7 s"),
        (["--out", "m.png", "--at", "1", "--title", "a", "--title", "b"], "2 titles"),
        (["--out", "m.png", "--scheme", "kuramoto"], "scheme 'kuramoto'"),
        (["--out", "map.pdf"], "cannot be written as 'map.pdf'"),
        (["--out", "no/such/map.png"], "does not exist"),
        (["--out", "m.png", "--at", "99"], "no activity at 99 s"),
        (["--out", "m.png", "--event", "sneeze"], "no event 'sneeze'"),
    ],
)
def test_bad_input_is_one_sentence(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["map", str(recording), *arguments]) == 1
    printed = capsys.readouterr().err
    assert sentence in printed
    assert "Traceback" not in printed
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [["--at", "x"], ["--window", "1-2"], ["--columns", "0"], ["--limit", "-1"], ["--scheme", "x"]],
)
def test_wrong_usage_is_told_apart(recording: Path, arguments: list[str]) -> None:
    assert main(["map", str(recording), "--out", "m.png", *arguments]) == 2


def test_the_verb_takes_what_export_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = activity(zygomaticus_left=1.0)
    folder = tmp_path / "deriv"
    files = [
        made.save(tmp_path / "a.npz"), api.export(made, tmp_path / "a.csv")[0],
        api.export(made, folder, subject="1", task="smile")[0],
    ]  # fmt: skip
    pictures = []
    for number, file in enumerate(files):
        out = tmp_path / f"{number}.svg"
        command = ["map", str(file), "--out", str(out), "--at", "1.5", "--event", "smile", "--json"]
        assert main(command) == 0
        shown = json.loads(capsys.readouterr().out)["maps"]
        assert [one["title"] for one in shown] == ["1.50 s", "smile, mean of 2"]
        assert shown[0]["activity"]["zygomaticus.left"] == 1
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[1] == pictures[2]
    assert main(["map", str(files[0]), "--out", str(tmp_path / "x.png"), "--rate", "3"]) == 1
    assert "no choice of an activity" in capsys.readouterr().err
    track = api.export(api.emg_to_expression(made), tmp_path / "track.npz")[0]
    assert main(["map", str(track), "--out", str(tmp_path / "x.png")]) == 1
    assert "its muscle activity is not in it" in capsys.readouterr().err


def test_the_example_draws_a_map_per_movement(tmp_path: Path) -> None:
    saved = activity(zygomaticus_left=1.0).save(tmp_path / "act.npz")
    example = Path(__file__).parents[2] / "examples" / "map_movements.py"
    out = tmp_path / "row.svg"
    command = [sys.executable, str(example), str(saved), str(out)]
    subprocess.run(command, check=True, timeout=120, cwd=tmp_path, capture_output=True)
    words = [word.strip() for word in ET.parse(out).getroot().itertext()]
    assert {"smile, mean of 2", "rest"} <= set(words)
    assert "before" in [w.strip() for w in ET.parse(tmp_path / "row-rest.svg").getroot().itertext()]
