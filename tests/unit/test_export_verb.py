"""The verb `export`, what `inspect` says of other programs' tracks, and the example script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import track_files as files

from eifer import api
from eifer.eifer_addon import exchange
from eifer.eifer_addon.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "exchange_tracks.py"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Four seconds of two muscles at 1 kHz: noise with a burst in the middle."""
    generator = np.random.default_rng(0)
    seconds = np.arange(4000) / 1000
    gain = np.where((seconds > 1.5) & (seconds < 3), 100.0, 2.0)
    rows = np.column_stack([seconds, generator.standard_normal((4000, 2)) * gain[:, None]])
    path = tmp_path / "smile.csv"
    np.savetxt(path, rows, delimiter=",", header="time,Zyg li,Zyg re", comments="", fmt="%.6f")
    return path


def result(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert main([*map(str, arguments), "--json"]) == 0
    values: dict[str, object] = json.loads(capsys.readouterr().out)
    return values


def test_a_recording_becomes_an_activity_or_a_track(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "activity.csv"
    values = result(capsys, "export", recording, "--out", out)
    assert values["kind"] == "activity"
    assert values["columns"] == ["zygomaticus.left", "zygomaticus.right"]
    activity = api.to_activity(api.read_recording(recording))
    table = np.genfromtxt(
        (line for line in out.read_text().splitlines() if not line.startswith("#")),
        delimiter=",", names=True, deletechars="",
    )  # fmt: skip
    np.testing.assert_allclose(table["zygomaticus.left"], activity.values[:, 0], rtol=1e-7)
    live = tmp_path / "take.csv"
    values = result(capsys, "export", recording, "--out", live, "--format", "livelink")
    assert values["kind"] == "expression_track"
    smile = exchange.read_track(live, rate_hz=60).column("mouthSmileLeft")
    assert smile[:100].mean() < 0.2
    assert smile[180:280].mean() > 0.5


def test_a_track_goes_from_one_format_to_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files.pyfeat(tmp_path / "film.csv")
    out = tmp_path / "film.npz"
    values = result(capsys, "export", path, "--out", out, "--rate", "25")
    assert values["frames"] == 30
    track = exchange.read_track(path, rate_hz=25)
    np.testing.assert_array_equal(exchange.read_track(out).coefficients, track.coefficients)
    saved = tmp_path / "activity.npz"
    folder = tmp_path / "derivative"
    result(capsys, "export", out, "--out", folder, "--subject", "01", "--task", "film")
    assert (
        folder / "sub-01" / "beh" / "sub-01_task-film_recording-expression_physio.json"
    ).exists()
    assert not saved.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "a.csv", "--what", "activity"], "its muscle activity is not in it"),
        (["--out", "a.xyz"], "'a.xyz' names no format"),
        (["--out", "folder"], "label of the subject"),
        (["--out", "take.npz"], "exists already"),
        (["--out", "a.csv", "--choose", "segment=1"], "'segment' is no choice"),
        (["--out", "a.csv", "--space", "arkit53"], "'arkit53' is not known"),
        (["--out", "none/a.csv"], "folder does not exist"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    exchange.write(files.some_track(), Path("take.npz"))
    assert main(["export", "take.npz", *arguments]) == 1
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert "\n" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["take.npz"]


def test_inspect_knows_tracks_of_other_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, form, options in (
        (files.livelink(tmp_path / "take.csv"), "livelink", ()),
        (files.openface(tmp_path / "film.csv"), "openface", ()),
        (files.pyfeat(tmp_path / "feat.csv"), "pyfeat", ("--rate", "25")),
        (files.smirk(tmp_path / "smirk.npz"), "flame", ("--rate", "30")),
        (files.mmm(tmp_path / "clip_params.csv.gz", "deca"), "mmm", ()),
    ):
        values = result(capsys, "inspect", path, *options)
        assert values["kind"] == "expression_track"
        assert values["provenance"]["format"] == form  # type: ignore[index]
    assert main(["inspect", str(tmp_path / "smirk.npz")]) == 1
    assert "does not say its frame rate" in capsys.readouterr().err
    own = exchange.write(files.some_track(), tmp_path / "own.csv")[0]
    assert main(["inspect", str(own)]) == 0
    assert "simulated: True" in capsys.readouterr().out


def test_the_example_carries_a_film_to_unreal(tmp_path: Path) -> None:
    path = files.openface(tmp_path / "film.csv")
    command = [sys.executable, str(EXAMPLE), str(path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["film.csv", "film.livelink.csv", "film.livelink.json", "film.npz"]
    track = exchange.read_track(path)
    back = exchange.read_track(tmp_path / "out" / "film.csv")
    np.testing.assert_array_equal(back.coefficients, track.coefficients)


def test_the_example_exports_activity_that_comes_back(recording: Path, tmp_path: Path) -> None:
    example = EXAMPLE.with_name("export_activity.py")
    command = [sys.executable, str(example), str(recording), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("equal: True") == 3
    names = {path.name for path in (tmp_path / "out").rglob("*.*")}
    assert {"smile.csv", "smile.npz", "dataset_description.json"} <= names
    assert "sub-01_task-face_recording-activity_physio.tsv.gz" in names


def test_an_exported_activity_goes_on_to_every_format(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "a.npz"
    result(capsys, "export", recording, "--out", saved)
    table = tmp_path / "a.csv"
    assert result(capsys, "export", saved, "--out", table)["kind"] == "activity"
    track = tmp_path / "t.npz"
    values = result(capsys, "export", table, "--out", track, "--what", "track")
    assert values["kind"] == "expression_track"
    assert main(["export", str(table), "--out", str(tmp_path / "b.csv"), "--rate", "100"]) == 1
    assert "'rate_hz' is no choice of an activity" in capsys.readouterr().err
