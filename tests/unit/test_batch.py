"""Batches: broken films and killed processes cost themselves alone, and what is done stays done."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from smile_films import smile_film

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.verbs import video
from eifer.eifer_addon.video_batch import arrived
from eifer.eifer_addon.video_clip import Request, run

SCRIPT = Path(__file__).parents[1] / "batch_script.py"
FRAMES = (0, 10, 24, 30, 36, 50)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are killed as POSIX does")


@pytest.fixture(scope="module")
def films(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short film, a longer one, and a text file that calls itself a film."""
    folder = tmp_path_factory.mktemp("films")
    smile_film(folder / "short.mp4", test_data, FRAMES)
    smile_film(folder / "long.mp4", test_data, [*range(0, 72, 4)] * 3)
    (folder / "text.mp4").write_text("This is not a film.\n" * 50)
    return folder


def by_name(reports: Any) -> dict[str, dict[str, Any]]:
    return {report["name"]: report for report in reports}


@pytest.fixture(scope="module")
def local(films: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A batch on this machine, started by a script, whose longer film kills its process."""
    out = tmp_path_factory.mktemp("local")
    command = [sys.executable, str(SCRIPT), str(out), "long", str(films)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    # Not on its standard output, to which Blender's module may write, too.
    reports = json.loads((out / "reports.json").read_text("utf-8"))
    return {"out": out, "reports": by_name(reports)}


def test_a_broken_film_is_a_sentence_and_the_others_are_done(local: dict[str, Any]) -> None:
    reports = local["reports"]
    assert reports["text"]["state"] == "failed"
    assert "text.mp4 could not be read as video" in reports["text"]["sentence"]
    assert reports["short"]["state"] == "done"
    assert reports["short"]["frames"] == reports["short"]["face_frames"] == len(FRAMES)
    track = ExpressionTrack.load(local["out"] / "short" / "track.npz")
    smile = track.column("mouthSmileLeft")
    assert smile[2:5].min() > smile[:2].max() + 0.2
    assert track.camera is not None
    table = api.read_track(local["out"] / "short" / "track.csv")
    np.testing.assert_array_equal(table.coefficients, track.coefficients)


def test_a_film_that_kills_its_process_is_begun_again_so_often_and_no_more(
    local: dict[str, Any],
) -> None:
    report = local["reports"]["long"]
    assert report["state"] == "failed"
    assert "ended without a word, 2 times" in report["sentence"]
    assert report["attempts"] == 2
    assert not (local["out"] / "long" / "track.npz").exists()
    # The other film's process was not blamed for it.
    assert local["reports"]["short"]["attempts"] == 1


def test_the_table_holds_a_row_for_every_film(local: dict[str, Any]) -> None:
    with (local["out"] / "summary.csv").open(newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "short": "done", "long": "failed", "text": "failed"
    }  # fmt: skip
    assert rows["short"]["frames"] == str(len(FRAMES))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A lab's cluster: a scheduler and two workers without a nanny, as on two machines."""
    folder = tmp_path_factory.mktemp("cluster")
    found = folder / "scheduler.json"
    log = (folder / "log").open("wb")
    quiet = ["--no-dashboard", "--scheduler-file", str(found)]

    def start(kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *quiet, *arguments]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)

    alone = ["--no-nanny", "--nthreads", "1", "--host", "127.0.0.1"]
    running = [start("scheduler", "--host", "127.0.0.1", "--port", "0")]
    running += [start("worker", *alone, "--name", f"node{k}") for k in range(2)]
    try:
        yield _address(found)
    finally:
        for process in running:
            process.kill()
            process.wait(timeout=20)
        log.close()


def _address(path: Path) -> str:
    """What the scheduler writes into its file, once it has."""
    import time

    end = time.monotonic() + 60
    while time.monotonic() < end:
        if path.exists() and (match := re.search(r"tcp://[\d.]+:\d+", path.read_text())):
            return match[0]
        time.sleep(0.1)
    raise TimeoutError("The scheduler has not come up.")


def test_a_worker_killed_in_a_film_costs_that_film_s_time_and_nothing_else(
    cluster: str, films: Path, tmp_path: Path
) -> None:
    killed: list[int] = []

    def news(kind: str, values: dict[str, Any]) -> None:
        is_long = kind == "progress" and values["name"] == "long"
        if is_long and values["done"] > 3 and not killed:
            killed.append(values["pid"])
            os.kill(values["pid"], signal.SIGKILL)

    result = api.video_batch(films, tmp_path / "out", scheduler=cluster, on_news=news)
    reports = by_name(result.reports)
    assert len(killed) == 1
    assert {name: one["state"] for name, one in reports.items()} == {
        "short": "done", "long": "done", "text": "failed"
    }  # fmt: skip
    assert (reports["long"]["attempts"], reports["short"]["attempts"]) == (2, 1)
    assert reports["long"]["face_frames"] == 54
    track = ExpressionTrack.load(tmp_path / "out" / "long" / "track.npz")
    np.testing.assert_allclose(np.diff(track.timestamps), 1 / 30, atol=1e-3)
    assert sorted(path.name for path in (tmp_path / "out" / "long").iterdir()) == [
        "job.json", "track.csv", "track.json", "track.npz"
    ]  # fmt: skip


def test_a_scheduler_that_is_not_there_is_a_sentence(films: Path, tmp_path: Path) -> None:
    with pytest.raises(EiferError, match="No Dask scheduler answers at nonsense"):
        api.video_batch(films, tmp_path, scheduler="nonsense://host:1")


def test_a_worker_that_sees_other_disks_is_a_sentence(films: Path, tmp_path: Path) -> None:
    request = Request(
        path=str(tmp_path / "elsewhere" / "a.mp4"), folder=str(tmp_path / "a"), name="a",
        run="r", attempts=1, backend="mediapipe", head=None, options={}, key={},
    )  # fmt: skip
    report = json.loads(json.dumps(run(request)))
    assert report["state"] == "failed"
    assert re.search(r"The process on \S+ does not see .*a\.mp4", report["sentence"])
    done = {"name": "a", "state": "done", "host": "node1", "files": {"track": "track.npz"}}
    found = arrived(done, tmp_path / "nothing")
    assert found["state"] == "failed"
    assert "The process on node1 wrote track.npz, but it is not in" in found["sentence"]


def test_what_is_done_is_skipped_and_the_exit_code_says_what_failed(
    local: dict[str, Any], films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (local["out"] / "short" / "track.npz").stat().st_mtime_ns
    arguments = ["video", str(films / "short.mp4"), "--out", str(local["out"])]
    assert main([*arguments, "--json"]) == 0
    clips = json.loads(capsys.readouterr().out)["clips"]
    assert [(clip["name"], clip["state"]) for clip in clips] == [("short", "skipped")]
    assert (local["out"] / "short" / "track.npz").stat().st_mtime_ns == before
    assert main([*arguments, "--step", "2"]) == 1
    assert "another choice of options" in capsys.readouterr().out


def test_one_film_alone_needs_no_cluster(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["video", str(films / "short.mp4"), "--out", str(tmp_path), "--start", "2"]
    assert main([*arguments, "--step", "2", "--workers", "1"]) == 0
    printed = capsys.readouterr()
    assert re.search(r"short +2 +2 +0 +\d\.\d+ +\d+\.\d +done", printed.out)
    rows = (tmp_path / "short" / "track.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["2", "4"]


def test_a_film_of_one_expression_says_that_it_counts_as_rest(
    test_data: Path, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = str(test_data / "video" / "jefapato_test_2sec.mp4")
    command = ["video", still, str(films / "short.mp4"), "--out", str(tmp_path), "--step", "2"]
    for state in ("done", "skipped"):
        assert main([*command, "--json"]) == 0
        clips = by_name(json.loads(capsys.readouterr().out)["clips"])
        assert [clip["state"] for clip in clips.values()] == [state] * 2
        assert clips["jefapato_test_2sec"]["note"].startswith("hardly any movement")
        assert clips["short"]["note"] == ""
    assert main(command) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any("done before; hardly any movement: what lasts" in row for row in rows)


def test_who_interrupts_a_batch_is_told_what_stays_and_it_goes_on_from_there(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Any, kind: str, values: dict[str, Any]) -> None:
        if values.get("done", 0) > len(FRAMES) // 2:
            raise KeyboardInterrupt

    command = ["video", str(films / "short.mp4"), "--out", str(tmp_path), "--workers", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(video.Teller, "__call__", interrupt)
        assert main(command) == 1
    told = capsys.readouterr().err
    assert "stopped; what is done is kept, and the same command goes on from there." in told
    assert any((tmp_path / "short" / ".state").iterdir())
    assert main(command) == 0
    assert ExpressionTrack.load(tmp_path / "short" / "track.npz").provenance["complete"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing-*.mp4"], "No file matches"),
        (["a.mp4", "--head", "gone.pkl"], "gone.pkl does not exist"),
        (["a.mp4", "--backend", "none-such"], "none-such"),
        (["gone.mp4"], "gone.mp4 does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_text("not a film")
    assert main(["video", *arguments, "--out", "out"]) == 1
    printed = capsys.readouterr()
    assert sentence in printed.out + printed.err


@pytest.mark.parametrize("face", ["someone", "1,2", "-1"])
def test_a_face_that_cannot_be_meant_is_wrong_usage(
    face: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["video", "a.mp4", "--out", "out", f"--face={face}"]) == 2
    assert "FRAME,X,Y" in capsys.readouterr().err
