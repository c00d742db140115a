"""Faces followed through films made of portraits, where it is known who is where and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from face_films import Placed, background, film_of, portraits
from film_writer import write_film

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import FaceTracks, track_faces
from eifer.eifer_addon.video.faces import CutDetector
from eifer.eifer_addon.video.landmarker import FaceLandmarker


@pytest.fixture(scope="module")
def landmarker(test_data: Path) -> FaceLandmarker:
    return FaceLandmarker(test_data / "models" / "face_landmarker.task")


@pytest.fixture(scope="module")
def portrait(test_data: Path) -> Callable[[int, int], np.ndarray]:
    """A function that gives a portrait by number, at a size in pixels."""
    return portraits(test_data)


@pytest.fixture
def film(
    tmp_path: Path, portrait: Callable[[int, int], np.ndarray], landmarker: FaceLandmarker
) -> Callable[..., FaceTracks]:
    """A function that films portraits over a background and follows their faces."""

    def make(
        scenes: Sequence[Sequence[Placed]], grounds: Sequence[int] | None = None, **options: int
    ) -> FaceTracks:
        video = open_video(film_of(tmp_path / "film.mp4", portrait, scenes, grounds))
        return track_faces(video, landmarker, **options)

    return make


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_face_of_a_twentieth_of_the_height_is_found(
    tmp_path: Path,
    portrait: Callable[[int, int], np.ndarray],
    landmarker: FaceLandmarker,
    number: int,
) -> None:
    large = landmarker.detect(portrait(number, 512))[0].landmarks
    edge = round(512 * 0.05 * 720 / np.ptp(large[:, 1]))
    picture = background(1280, 720)
    left, top = 180 + 250 * number, 90 + 140 * number
    picture[top : top + edge, left : left + edge] = portrait(number, edge)
    video = open_video(write_film(tmp_path / "film.mp4", [picture] * 3))
    track = track_faces(video, landmarker).choose()
    assert not track.is_gap.any()
    assert np.ptp(track.landmarks[..., 1], axis=1) == pytest.approx(36, rel=0.25)
    expected = large[:, :2] * edge / 512 + (left, top)
    error = np.linalg.norm(track.landmarks[..., :2] - expected, axis=-1)
    assert np.median(error) < 3


def test_a_small_face_is_found_beside_a_large_one(film: Callable[..., FaceTracks]) -> None:
    tracks = film([[(0, 200, 180, 300), (1, 560, 60, 60)]] * 3)
    assert [len(frame.faces) for frame in tracks.frames] == [2, 2, 2]


def test_two_who_move_side_by_side_keep_their_numbers(film: Callable[..., FaceTracks]) -> None:
    scenes = [[(0, 150 + 8 * k, 170, 220), (1, 420 + 6 * k, 190, 160)] for k in range(16)]
    tracks = film(scenes)
    assert tracks.ids == (0, 1)
    largest, other = tracks.choose("largest"), tracks.choose(1)
    assert not (largest.is_gap.any())
    assert not (other.is_gap.any())
    for track, portrait_number, which in ((largest, 0, 0), (other, 1, 1)):
        centre = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
        placed = np.array([scene[which][1] for scene in scenes])
        assert np.ptp(centre[:, 0] - placed) < 12, portrait_number


def test_the_wanted_face_is_chosen(film: Callable[..., FaceTracks]) -> None:
    tracks = film([[(0, 120, 180, 220), (1, 330, 180, 130), (2, 540, 180, 150)]] * 3)
    middle = tracks.choose("central")
    assert middle.boxes[0, 0] < 330 < middle.boxes[0, 2]
    assert tracks.choose("largest").boxes[0, 2] < 240
    assert tracks.choose((1, 545.0, 180.0)).boxes[1, 0] > 450
    assert tracks.choose(middle.id).id == middle.id
    with pytest.raises(EiferError, match=r"film\.mp4 has no face 9"):
        tracks.choose(9)
    with pytest.raises(EiferError, match="No face was found in frame 7"):
        tracks.choose((7, 0.0, 0.0))
    with pytest.raises(EiferError, match="no choice"):
        tracks.choose("prettiest")


def test_one_who_leaves_and_returns_is_the_same_with_a_gap(
    film: Callable[..., FaceTracks],
) -> None:
    there = [[(0, 300 + 4 * k, 180, 240)] for k in range(6)]
    back = [[(0, 200 - 4 * k, 170, 200)] for k in range(6)]
    tracks = film([*there, *([[]] * 12), *back])
    assert tracks.ids == (0,)
    track = tracks.choose()
    assert np.flatnonzero(track.is_gap).tolist() == list(range(6, 18))
    assert np.isnan(track.landmarks[track.is_gap]).all()
    assert np.isnan(track.blendshapes[6]).all()
    assert np.isfinite(track.landmarks[~track.is_gap]).all()


def test_a_newcomer_is_seen_from_the_first_frame_on(film: Callable[..., FaceTracks]) -> None:
    """The search for newcomers looks in some frames only; the others are caught up."""
    first = (0, 180.0, 180.0, 220)
    tracks = film([[first]] * 5 + [[first, (1, 460 + 2 * k, 180, 200)] for k in range(9)])
    newcomer = tracks.choose(1)
    assert np.flatnonzero(~newcomer.is_gap).tolist() == list(range(5, 14))


def test_a_cut_ends_a_face_and_brings_a_known_one_back(film: Callable[..., FaceTracks]) -> None:
    scenes = [[(0, 320, 180, 300)]] * 5 + [[(1, 310, 180, 300)]] * 5 + [[(0, 200, 180, 260)]] * 5
    tracks = film(scenes, grounds=[1] * 5 + [2] * 5 + [3] * 5)
    assert [frame.index for frame in tracks.frames if frame.is_cut] == [5, 10]
    shown = [[face.id for face in frame.faces] for frame in tracks.frames]
    assert shown == [[0]] * 5 + [[1]] * 5 + [[0]] * 5
    assert np.flatnonzero(tracks.choose(0).is_gap).tolist() == [5, 6, 7, 8, 9]


def test_a_pan_is_no_cut(test_data: Path) -> None:
    wide = background(1600, 360, seed=4)
    cut = CutDetector()
    assert not any(cut(wide[:, 12 * k : 12 * k + 640]) for k in range(60))


def test_a_film_without_a_face_is_one_gap(film: Callable[..., FaceTracks]) -> None:
    tracks = film([[]] * 4)
    track = tracks.choose()
    assert (tracks.ids, track.id) == ((), -1)
    assert track.is_gap.all()
    assert track.landmarks.shape == (4, 478, 3)


def test_a_range_keeps_the_files_numbers_and_times(film: Callable[..., FaceTracks]) -> None:
    track = film([[(0, 320, 180, 300)]] * 9, start=2, stop=8, step=3).choose()
    assert track.indices.tolist() == [2, 5]
    assert track.timestamps_s == pytest.approx([2 / 30, 5 / 30], abs=1e-4)


@pytest.mark.parametrize("clip", ["jefapato_test_2sec", "pyfeat_single_face"])
def test_the_one_face_of_a_real_clip_is_followed_without_a_gap(
    test_data: Path, landmarker: FaceLandmarker, clip: str
) -> None:
    tracks = track_faces(open_video(test_data / "video" / f"{clip}.mp4"), landmarker, step=2)
    track = tracks.choose()
    assert tracks.ids == (0,)
    assert not track.is_gap.any()
    assert not track.is_cut.any()
    assert track.presence.min() > 0.9


def test_following_agrees_with_a_fresh_look_at_each_frame(
    test_data: Path, landmarker: FaceLandmarker
) -> None:
    video = open_video(test_data / "video" / "pyfeat_single_face.mp4")
    track = track_faces(video, landmarker).choose()
    eyes = np.linalg.norm(track.landmarks[0, 33, :2] - track.landmarks[0, 263, :2])
    for row, frame in zip(range(0, 72, 24), video.frames(0, None, 24), strict=True):
        (fresh,) = landmarker.detect(frame.image, refine=2)
        error = np.linalg.norm(fresh.landmarks[:, :2] - track.landmarks[row, :, :2], axis=1)
        assert np.median(error) < 0.03 * eyes
