"""From a film to a track: pieces, processes, interruptions; the result is always the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from face_films import film_of, portraits

from eifer import api
from eifer.eifer_addon.errors import Cancelled, EiferError
from eifer.eifer_addon.files import sha256_of
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.version import software_version
from eifer.eifer_addon.video import fit, job_faces, segments
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import FaceTracks, FrameFaces, track_faces
from eifer.eifer_addon.video.job_faces import FilmFaces, source_of
from eifer.eifer_addon.video.job_fit import fitted
from eifer.eifer_addon.video.options import VideoOptions
from eifer.eifer_addon.video.segments import plan
from eifer.eifer_addon.video.visibility import visibility_of

N, GROUP = 66, 11
AWAY, CUT = range(18, 40), 52


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    """Two people who move; the second one leaves and returns; the background is cut once."""
    scenes = [
        [
            (0, 130 + k, 180.0, 220),
            *([] if k in AWAY else [(1, 510 - 0.3 * k, 180.0, 230)]),
        ]
        for k in range(N)
    ]
    return film_of(
        tmp_path_factory.mktemp("job") / "two people.mp4", portraits(test_data), scenes,
        [1] * CUT + [2] * (N - CUT),
        options={"qp": "14", "preset": "ultrafast", "g": str(GROUP), "keyint_min": str(GROUP),
                 "x264-params": "scenecut=0"},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pieces of a second, so that short films have several; caches of this test alone."""
    monkeypatch.setattr(segments, "_SHORTEST", 2 * GROUP)
    monkeypatch.setattr(job_faces, "_NOT_WORTH_A_PROCESS", 0)
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def in_one_go(film: Path) -> list[FrameFaces]:
    """The same film followed without pieces."""
    return list(track_faces(open_video(film)).frames)


@pytest.fixture(scope="module")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> ExpressionTrack:
    """The raw track, made in this process without an interruption."""
    patch = pytest.MonkeyPatch()
    patch.setattr(segments, "_SHORTEST", 2 * GROUP)
    patch.setenv("EIFER_CACHE", str(tmp_path_factory.mktemp("cache")))
    try:
        return api.video_to_expression(film, fit=False, workers=1)
    finally:
        patch.undo()


def same(one: ExpressionTrack, other: ExpressionTrack) -> None:
    """The same bits."""
    for name in ("coefficients", "timestamps", "confidence"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(("start", "stop", "step"), [(0, None, 1), (5, 60, 1), (3, None, 2)])
def test_pieces_begin_at_key_frames_and_cover_everything_once(
    film: Path, start: int, stop: int | None, step: int
) -> None:
    pieces = plan(open_video(film), start, stop, step)
    assert len(pieces) >= 2 // step
    wanted = list(range(start, N if stop is None else stop, step))
    assert [k for piece in pieces for k in range(piece.start, piece.stop, step)] == wanted
    for piece in pieces[1:]:
        assert 0 <= piece.start % GROUP < step
    for piece, following in zip(pieces, pieces[1:], strict=False):
        assert piece.tail == following.start + segments.OVERLAP * step


def test_a_film_without_key_frames_is_one_piece(test_data: Path, tmp_path: Path) -> None:
    path = film_of(
        tmp_path / "a.mp4", portraits(test_data), [[]] * N,
        options={"qp": "20", "preset": "ultrafast", "g": "999", "x264-params": "scenecut=0"},
    )  # fmt: skip
    (only,) = plan(open_video(path), 0, None, 1)
    assert (only.start, only.stop, only.tail) == (0, N, None)


def test_pieces_give_what_one_go_gives(
    film: Path, in_one_go: list[FrameFaces], tmp_path: Path
) -> None:
    video = open_video(film)
    for who in (0, 1):
        faces = FilmFaces(video, VideoOptions(who=who, workers=1), tmp_path, source_of(video))
        track = faces.follow(lambda _: None, never)
        for row, frame in enumerate(in_one_go):
            expected = [one.face for one in frame.faces if one.id == who]
            assert bool(expected) != track.is_gap[row], (who, row)
            if expected:
                error = np.abs(expected[0].landmarks - track.landmarks[row]).max()
                assert error < 0.5, (who, row)
        assert track.timestamps_s.tolist() == [frame.timestamp_s for frame in in_one_go]
        cuts = [row for row, frame in enumerate(in_one_go) if frame.is_cut]
        assert np.flatnonzero(track.is_cut).tolist() == cuts
        assert CUT in cuts
    # The second one left in one piece and came back in another.
    assert np.flatnonzero(track.is_gap).tolist() == list(AWAY)


def test_the_number_of_processes_changes_nothing(film: Path, whole: ExpressionTrack) -> None:
    other = api.video_to_expression(film, fit=False, workers=2)
    same(other, whole)
    assert other.provenance == whole.provenance


def test_where_the_work_was_done_is_not_told(tmp_path: Path) -> None:
    options = VideoOptions.of(
        {"step": 2, "workers": 3, "state": tmp_path / "work", "model": tmp_path / "mine.onnx"}
    )
    assert options.to_provenance() == {"step": 2, "model": "mine.onnx"}


_KILLED = """
import json, sys
from eifer.eifer_addon.video import segments
from eifer import api
segments._SHORTEST = {shortest}
api.video_to_expression(sys.argv[1], fit=False, workers=1, state=sys.argv[2],
                        on_progress=lambda done, total: print(done, flush=True))
"""


def test_a_killed_run_goes_on_where_it_was(
    film: Path, whole: ExpressionTrack, tmp_path: Path
) -> None:
    state, done = tmp_path / "state", 0
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED.format(shortest=2 * GROUP), str(film), str(state)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "EIFER_CACHE": str(tmp_path / "c")},
    )  # fmt: skip
    assert child.stdout is not None
    while done < 2 * GROUP + 4:
        done = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    counts: list[int] = []
    track = api.video_to_expression(
        film, fit=False, workers=2, state=state, on_progress=lambda done, _: counts.append(done)
    )
    assert 2 * GROUP <= counts[0] < N
    assert counts[-1] == N
    same(track, whole)
    assert not list(state.rglob("*.faces")), "the work is kept after its end"


def test_a_damaged_journal_is_made_again(
    film: Path, whole: ExpressionTrack, tmp_path: Path
) -> None:
    def stop_late(done: int, _: int) -> None:
        if done > N - 10:
            raise Cancelled

    with pytest.raises(Cancelled):
        api.video_to_expression(
            film, fit=False, workers=1, state=tmp_path, on_progress=stop_late
        )  # fmt: skip
    journals = sorted(tmp_path.rglob("*.faces"))
    assert len(journals) >= 2
    content = bytearray(journals[0].read_bytes())
    content[len(content) // 2] ^= 1
    journals[0].write_bytes(content)
    journals[1].write_bytes(journals[1].read_bytes()[:-7])
    same(api.video_to_expression(film, fit=False, workers=1, state=tmp_path), whole)


def test_other_choices_or_another_film_do_not_share_their_work(
    film: Path, whole: ExpressionTrack, tmp_path: Path
) -> None:
    def stop_late(done: int, _: int) -> None:
        if done > 28:
            raise Cancelled

    for choices in ({"start": 2}, {"step": 2}):
        with pytest.raises(Cancelled):
            api.video_to_expression(
                film, fit=False, workers=1, state=tmp_path, on_progress=stop_late, **choices
            )
    counts: list[int] = []
    track = api.video_to_expression(
        film, fit=False, workers=1, state=tmp_path,
        on_progress=lambda done, _: counts.append(done),
    )  # fmt: skip
    assert counts[0] == 0
    same(track, whole)


@pytest.mark.parametrize("workers", [1, 2])
def test_stopping_keeps_what_is_done_and_the_rest_can_follow(
    film: Path, whole: ExpressionTrack, tmp_path: Path, workers: int
) -> None:
    done = 0

    def note(count: int, _: int) -> None:
        nonlocal done
        done = count

    part = api.video_to_expression(
        film, fit=False, workers=workers, state=tmp_path, on_progress=note,
        should_stop=lambda: done >= 28,
    )  # fmt: skip
    n = len(part)
    assert 5 < n < N
    assert part.provenance["complete"] is False
    np.testing.assert_array_equal(part.coefficients, whole.coefficients[:n])
    if workers == 1:
        same(api.video_to_expression(film, fit=False, workers=1, state=tmp_path), whole)


def test_stopping_before_the_first_frame_is_a_cancel(film: Path) -> None:
    with pytest.raises(Cancelled, match="was cancelled"):
        api.video_to_expression(film, workers=1, should_stop=lambda: True)


def test_a_range_and_a_step_are_kept(film: Path) -> None:
    track = api.video_to_expression(film, fit=False, workers=1, start=6, stop=20, step=3)
    assert track.timestamps == pytest.approx(np.arange(6, 20, 3) / 30, abs=1e-4)
    assert track.provenance["step"] == 3
    assert track.provenance["options"] == {"fit": False, "start": 6, "stop": 20, "step": 3}


def test_the_track_says_where_it_comes_from(film: Path, whole: ExpressionTrack) -> None:
    about = whole.provenance
    assert about["source"] == "two people.mp4"
    assert about["source_sha256"] == sha256_of(film)
    assert about["backend"] == "mediapipe"
    assert len(about["model_sha256"]) == 64
    assert about["software_version"] == software_version()
    assert (about["frames"], about["gaps"], about["complete"]) == (N, 0, True)
    assert about["rate_hz"] == pytest.approx(30, rel=1e-3)
    assert json.dumps(about)


def test_the_fitted_track_has_pose_identity_camera_and_marked_gaps(film: Path) -> None:
    seen: list[tuple[int, int]] = []
    track = api.video_to_expression(
        film, workers=1, who=1, stop=44, on_progress=lambda *counts: seen.append(counts)
    )
    assert np.flatnonzero(track.confidence == 0).tolist() == list(AWAY)
    assert not track.coefficients[AWAY.start : AWAY.stop].any()
    assert track.head_pose is not None
    assert track.identity is not None
    assert track.camera is not None
    assert (track.camera.width, track.camera.height) == (640, 360)
    assert track.visibility
    assert seen == sorted(seen)
    assert seen[-1] == (44, 44)


def test_the_fit_in_stretches_is_the_fit_of_the_whole(
    film: Path, in_one_go: list[FrameFaces], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "CHUNK", 20)
    faces = FaceTracks(tuple(in_one_go[:50]), (640, 360), film.name).choose(1)
    whole = fit.fit_faces(faces)
    track = fitted(faces, None, VideoOptions(), None)
    same(track, whole.track)
    np.testing.assert_array_equal(track.head_pose, whole.track.head_pose)
    expected = visibility_of(whole.landmark_confidence)
    assert track.visibility.keys() == expected.keys()
    for region, values in expected.items():
        np.testing.assert_array_equal(track.visibility[region], values)
    error_px = np.nanmedian(whole.error_px)
    assert track.provenance["reprojection_error_px"] == pytest.approx(error_px, abs=1e-3)
    with pytest.raises(EiferError, match="nonsense"):
        fitted(faces, None, VideoOptions(space="nonsense"), None)
    same(fitted(faces, None, VideoOptions(space="own"), None), track)


def test_nobody_and_the_wrong_number_are_one_sentence(
    film: Path, test_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(EiferError, match=r"two people\.mp4 has no face 7"):
        api.video_to_expression(film, workers=1, who=7, stop=4)
    with pytest.raises(EiferError, match="no choice of a face"):
        api.video_to_expression(film, workers=1, who="tallest", stop=4)
    empty = film_of(tmp_path / "empty.mp4", portraits(test_data), [[]] * 4)
    with pytest.raises(EiferError, match=r"^No face was found in empty\.mp4\. Choose"):
        api.video_to_expression(empty)
    for wrong in ({"workers": 0}, {"max_faces": 0}, {"speed": 3}, {"who": (1, 2)},
                  {"step": 0}, {"start": -1}, {"start": 999}, {"start": 9, "stop": 9}):  # fmt: skip
        with pytest.raises(EiferError):
            api.video_to_expression(film, **wrong)


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Let processes crash the first so-many times that they begin to follow a piece."""
    counter = tmp_path / "crashes"
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'video.job_worker' in sys.argv[1:] or 'video.job_worker' in sys.orig_argv:\n"
        f"    path = {str(counter)!r}\n"
        "    left = int(open(path).read())\n"
        "    if left:\n"
        "        open(path, 'w').write(str(left - 1))\n"
        "        os.kill(os.getpid(), 11)\n"
    )
    monkeypatch.syspath_prepend(str(hook))

    def times(count: int) -> Path:
        counter.write_text(str(count))
        return counter

    return times


def test_a_crashed_process_is_replaced_once(
    film: Path, whole: ExpressionTrack, crashing: Callable[[int], Path]
) -> None:
    counter = crashing(1)
    same(api.video_to_expression(film, fit=False, workers=2), whole)
    assert counter.read_text() == "0"


def test_a_piece_that_always_crashes_is_one_sentence(
    film: Path, crashing: Callable[[int], Path]
) -> None:
    crashing(99)
    with pytest.raises(EiferError, match=r"read two people\.mp4 crashed \(signal 11\)"):
        api.video_to_expression(film, fit=False, workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_head_that_cannot_be_read_is_told_before_the_work(
    film: Path, tmp_path: Path, workers: int
) -> None:
    bad, counts = tmp_path / "head.pkl", []
    bad.write_bytes(b"no head")
    with pytest.raises(EiferError, match=r"head\.pkl"):
        api.video_to_expression(
            film, head=bad, workers=workers, on_progress=lambda done, _: counts.append(done)
        )
    assert max(counts, default=0) == 0


def test_nothing_is_left_behind(film: Path, tmp_path: Path) -> None:
    old = tmp_path / "cache" / "video" / "killed-long-ago"
    old.mkdir(parents=True)
    long_ago = time.time() - 9 * 86400
    os.utime(old, (long_ago, long_ago))
    api.video_to_expression(film, fit=False, workers=1, stop=4)
    assert not list((tmp_path / "cache" / "video").iterdir())
