"""``eifer muscles`` for one track, for a table of clips and for an MMM folder."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from muscle_films import FILM_HZ, simulated
from tiny_exp2emg import write_exp2emg

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.muscle_analysis_batch import find_pairings, is_batch, summary_rows
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.track import ExpressionTrack


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A track, its recording, and a model."""
    folder = tmp_path_factory.mktemp("muscles")
    recording, truth = simulated()
    shown = api.emg_to_expression(truth, model="baseline")
    times = np.arange(0.0, 19.5, 1 / FILM_HZ)
    values = [np.interp(times - 0.08, shown.timestamps, c) for c in shown.coefficients.T]
    track = ExpressionTrack(
        shown.space, np.stack(values, 1).astype(np.float32), times,
        np.ones(len(times), np.float32), provenance={"simulated": True},
    )  # fmt: skip
    track.save(folder / "film.npz")
    replace(track, confidence=np.zeros(len(times), np.float32)).save(folder / "blind.npz")
    write_edf(recording, folder / "session.edf")
    write_exp2emg(folder / "tiny.onnx")
    return folder


def run(*arguments: object) -> int:
    return main(["muscles", *map(str, arguments)])


def test_a_track_beside_its_recording(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "onset\tduration\ttrial_type\n3.4\t2.4\tbig smile\n7.5\t2.05\tanger\n"
    (tmp_path / "moves.tsv").write_text(table, encoding="utf-8")
    code = run(
        files / "film.npz", "--measured", files / "session.edf", "--model", files / "tiny.onnx",
        "--out", tmp_path / "out", "--no-report", "--draws", 100, "--json",
        "--movements", tmp_path / "moves.tsv", "--sync", "one clock",
    )  # fmt: skip
    assert code == 0
    values = json.loads(capsys.readouterr().out)
    assert values["delays"]["common_ms"] == pytest.approx(80, abs=12)
    assert [move["name"] for move in values["movements"]] == ["big smile", "anger"]
    assert Path(values["files"]["csv"]).is_file()
    assert "report" not in values["files"]
    assert run(files / "film.npz", "--model", files / "tiny.onnx", "--out", tmp_path / "out",
               "--no-report") == 1  # fmt: skip
    assert "exists already" in capsys.readouterr().err


def test_wrong_input_is_one_sentence(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("--model", files / "tiny.onnx")
    cases = {
        "does not exist": (files / "none.mp4",),
        "seen in no frame": (files / "blind.npz", *model),
        "needs its recording": (files / "film.npz", *model, "--measured"),
        "is no delay": (files / "film.npz", *model, "--delay", "soon"),
        "no way to lay the clocks": (
            files / "film.npz", *model, "--measured", files / "session.edf", "--sync", "somehow",
        ),
        "do not overlap": (
            files / "film.npz", *model, "--measured", files / "session.edf", "--offset", 100,
        ),
        "no exp2emg model named": (files / "film.npz", "--model", "best"),
    }  # fmt: skip
    for words, arguments in cases.items():
        assert run(*arguments) == 1, words
        said = capsys.readouterr().err.strip().splitlines()
        assert words in said[-1], said
        assert "Traceback" not in said[-1]


def test_a_table_of_clips_resumes_and_sums_up(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = files / "clips.csv"
    table.write_text(
        "name,track,recording\nfirst,film.npz,session.edf\nblind,blind.npz,session.edf\n"
        "lost,nothing.npz,session.edf\n", encoding="utf-8",
    )  # fmt: skip
    assert is_batch(table)
    command = (table, "--model", files / "tiny.onnx", "--out", tmp_path / "all", "--draws", 100)
    assert run(*command) == 1  # two clips fail
    said = capsys.readouterr().out
    assert "first: done, 2" in said
    assert "blind: failed" in said
    assert "names nothing.npz, which does not exist" in said
    assert "1 done, 0 done before, 2 failed" in said
    with (tmp_path / "all" / "clips.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 22
    assert {row["clip"] for row in rows} == {"first"}
    with (tmp_path / "all" / "summary.csv").open(encoding="utf-8") as stream:
        sums = list(csv.DictReader(stream))
    assert sums[0]["muscle"] == "all"
    mine = next(row for row in sums if (row["muscle"], row["side"]) == ("zygomaticus", "left"))
    own = next(row for row in rows if (row["muscle"], row["side"]) == ("zygomaticus", "left"))
    assert float(mine["rho_mean"]) == pytest.approx(float(own["rho"]), abs=1e-4)
    run(*command)
    assert "0 done, 1 done before, 2 failed" in capsys.readouterr().out
    assert run(table, "--model", files / "tiny.onnx") == 1
    assert "Add --out" in capsys.readouterr().err


def test_an_mmm_folder_brings_its_recordings_and_parameters(tmp_path: Path) -> None:
    """The folder's own layout; parameter tables stand for films, which need no network here."""
    names = [f"{m}_{side}" for m in (
        "Corrugator Supercilii", "Depressor Ang. Oris", "Depressor Supercilii Procerus",
        "Lateraler Frontalis", "Levator Labii Superioris", "Masseter", "Medialer Frontalis",
        "Mentalis", "Orbicularis Oculi", "Orbicularis Oris", "Zygomaticus",
    ) for side in "lr"]  # fmt: skip
    (tmp_path / "emg" / "99_2S").mkdir(parents=True)
    rows = [
        "source,index,pid,rec,mode,task,type,sync_grade,use,video,video_no-cut,emg,video_noelec"
    ]
    for task in ("happy", "angry"):
        clip = f"99_2S_emotion_12_{task}"
        rows.append(f"x,12,99,2S,emotion,{task},sensor,0,yes,,,{clip}.csv,")
        lines = ["," + ",".join(names)]
        lines += [f"{k}," + ",".join("7.0" for _ in names) for k in range(90)]
        (tmp_path / "emg" / "99_2S" / f"{clip}.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "MMM.csv").write_text("\n".join(rows), encoding="utf-8")
    assert is_batch(tmp_path)
    found = find_pairings(tmp_path)
    assert [one.name for one in found] == ["99_2S_emotion_12_happy", "99_2S_emotion_12_angry"]
    assert all(one.problem == "It has no film." for one in found)
    assert "parameters of EIFER" in find_pairings(tmp_path, "EIFER")[0].problem


def test_tables_are_checked(tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("name,film,recording\na,x.mp4,y.edf\na,x.mp4,y.edf\n", encoding="utf-8")
    with pytest.raises(EiferError, match="names 'a' more than once"):
        find_pairings(table)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert not is_batch(tmp_path / "other.csv")
    assert not is_batch(tmp_path)


def test_the_sum_is_over_clips_in_which_the_muscle_acted() -> None:
    rows = [
        {"clip": c, "muscle": "mentalis", "side": "left", "acted": acted, "rho": rho,
         "delay_ms": 90.0, "delay_reliable": rho > 0.7}
        for c, acted, rho in (("a", True, 0.6), ("b", True, 0.8), ("c", False, 0.1))
    ]  # fmt: skip
    line = summary_rows(rows)[-1]
    assert (line["clips"], line["rho_mean"]) == (2, pytest.approx(0.7))
    assert line["rho_sd"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert line["delay_ms_sd"] is None
