"""``eifer clean``: one film, many films, what is done stays done, and what is wrong is said."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from dotted_films import dotted_pictures
from film_writer import write_film
from tiny_translator import tiny_translator

from eifer.eifer_addon.cli import main
from eifer.eifer_addon.verbs import clean
from eifer.eifer_addon.video.decode import open_video


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_translator(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def films(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with electrodes, one without, and a text file that calls itself a film."""
    folder = tmp_path_factory.mktemp("films")
    pictures = dotted_pictures(test_data, (20, 24, 28))
    write_film(folder / "worn.mp4", pictures.worn)
    write_film(folder / "plain.mp4", pictures.clean)
    (folder / "text.mp4").write_text("This is not a film.\n" * 50)
    return folder


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any, str]:
    """Exit code, JSON and standard error of a call."""
    code = main(["clean", *map(str, arguments), "--json", "--workers", "1"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_one_film_gets_its_name_beside_it_and_is_not_written_over(
    films: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "take.mp4"
    film.write_bytes((films / "worn.mp4").read_bytes())
    code, values, err = called(capsys, film, "--model", model)
    assert code == 0
    assert values["path"] == str(tmp_path / "take_clean.mp4")
    assert (values["frames"], values["covered_frames"]) == (3, 3)
    assert values["has_electrodes"]
    assert values["translator"] == "tiny"
    assert "frames/s" in err
    assert open_video(values["path"]).facts.n_frames == 3
    code, _, err = called(capsys, film, "--model", model)
    assert code == 1
    assert "take_clean.mp4 exists already" in err
    code, values, _ = called(capsys, film, "--model", model, "--overwrite", "--stop", "2")
    assert (code, values["frames"]) == (0, 2)
    assert main(["clean", str(films / "plain.mp4"), "-o", str(tmp_path / "same.mp4"),
                 "--model", str(model), "--workers", "1"]) == 0  # fmt: skip
    assert "No electrodes were found" in capsys.readouterr().out


def test_several_films_go_into_a_folder_once(
    films: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for state in ("done", "skipped"):
        code, values, _ = called(capsys, films / "worn.mp4", "-o", out, "--model", model)
        assert code == 0
        assert [clip["state"] for clip in values["clips"]] == [state]
    assert sorted(path.name for path in out.iterdir()) == [".eifer", "clean.csv", "worn.mp4"]
    code, _, err = called(capsys, films / "worn.mp4", "-o", out, "--model", model, "--face", "all")
    assert code == 1
    assert "another choice of options" in err
    with (out / "clean.csv").open(newline="") as stream:
        assert next(csv.DictReader(stream))["state"] == "failed"


def test_what_is_wrong_is_one_sentence(
    films: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, sentence in (
        ((films / "worn.mp4", films / "plain.mp4"), "Name it with -o FOLDER"),
        ((empty,), "There is no film in"),
        ((films, "-o", films / "worn.mp4"), "is a file"),
        ((films / "text.mp4", "-o", tmp_path / "o.mp4"), "could not be read as video"),
        ((films / "worn.mp4", "-o", films / "worn.mp4"), "is the film itself"),
    ):
        code, _, err = called(capsys, *arguments, "--model", model)
        assert code == 1
        assert sentence in err
        assert err.strip().count("\n") == 0
    assert main(["clean", str(films / "worn.mp4"), "--face", "nobody"]) == 2
    assert main(["clean", "--help"]) == 0
    assert clean.EXAMPLE in capsys.readouterr().out


def test_a_folder_is_worked_off_on_processes(
    films: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = main(["clean", str(films), "-o", str(out), "--model", str(model), "--json",
                 "--workers", "1"])  # fmt: skip
    values = json.loads(capsys.readouterr().out)
    assert code == 1
    clips = {clip["name"]: clip for clip in values["clips"]}
    assert {name: clip["state"] for name, clip in clips.items()} == {
        "plain": "done", "text": "failed", "worn": "done"
    }  # fmt: skip
    assert clips["plain"]["note"] == "no electrodes were found"
    assert clips["worn"]["covered_frames"] == 3
    assert (out / "plain.mp4").read_bytes() == (films / "plain.mp4").read_bytes()
    assert not (out / "text.mp4").exists()
