"""A job in a child process, as Blender runs it: asked, stopped, killed, never waited for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from face_films import film_of, portraits
from film_writer import write_sound

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.child import Progress, VideoJob

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    scenes = [[(0, 300 + k, 180.0, 240)] for k in range(90)]
    return film_of(tmp_path_factory.mktemp("child") / "film.mp4", portraits(test_data), scenes)


@pytest.fixture
def jobs() -> Iterator[list[VideoJob]]:
    """Jobs that are closed in the end."""
    started: list[VideoJob] = []
    yield started
    for job in started:
        job.close()


def wait(job: VideoJob, until: str = "") -> Progress:
    """Ask until the job has ended, or until it has done a frame."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        progress = job.poll()
        if progress.state != "running" or (until == "begun" and progress.done > 0):
            return progress
        time.sleep(0.01)
    raise AssertionError("The job takes too long.")


def test_a_job_ends_with_the_track_of_the_script_api(film: Path, jobs: list[VideoJob]) -> None:
    jobs.append(job := VideoJob.start(film, {"fit": False, "stop": 12, "who": "central"}))
    assert job.poll().state == "running"
    with pytest.raises(EiferError, match="has not ended"):
        job.result()
    progress = wait(job)
    assert (progress.state, progress.done, progress.total) == ("done", 12, 12)
    assert progress.message == "film.mp4: 12 frames are done."
    expected = api.video_to_expression(film, fit=False, stop=12, who="central")
    np.testing.assert_array_equal(job.result().coefficients, expected.coefficients)


def test_stopping_gives_a_part(film: Path, jobs: list[VideoJob]) -> None:
    jobs.append(job := VideoJob.start(film, {"fit": False, "workers": 1}))
    running = wait(job, until="begun")
    assert running.total == 90
    assert "frame" in running.message
    job.stop()
    assert wait(job).state == "stopped"
    part = job.result()
    assert 0 < len(part) < 90
    assert part.provenance["complete"] is False


def test_stopping_at_once_gives_nothing_and_says_so(film: Path, jobs: list[VideoJob]) -> None:
    jobs.append(job := VideoJob.start(film, {"fit": False}))
    job.stop()
    assert wait(job).state == "stopped"
    with pytest.raises(EiferError, match="was cancelled"):
        job.result()


def test_a_killed_job_is_one_sentence(film: Path, jobs: list[VideoJob]) -> None:
    jobs.append(job := VideoJob.start(film, {"fit": False, "workers": 1}))
    wait(job, until="begun")
    assert job.pid is not None
    os.kill(job.pid, signal.SIGSEGV)
    progress = wait(job)
    assert progress.state == "failed"
    assert progress.message.startswith("The process that read film.mp4 crashed (signal 11)")
    with pytest.raises(EiferError, match="crashed"):
        job.result()


def test_closing_ends_the_process_at_once(film: Path) -> None:
    job = VideoJob.start(film, {"fit": False})
    pid = job.pid
    assert pid is not None
    job.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert job.poll().state == "stopped"


def test_wrong_options_are_refused_before_a_process_starts(film: Path) -> None:
    with pytest.raises(EiferError, match="has no option 'speed'"):
        VideoJob.start(film, {"speed": 2})


def test_a_file_without_a_picture_fails_with_its_sentence(
    tmp_path: Path, jobs: list[VideoJob]
) -> None:
    jobs.append(job := VideoJob.start(write_sound(tmp_path / "voice.mp4")))
    progress = wait(job)
    assert progress.state == "failed"
    assert progress.message.startswith("voice.mp4 holds only sound, no video.")
