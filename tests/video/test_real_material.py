"""Real photographs and films: faces are found, the fit lies over them, and sides stay sides.

All 157 photographs and three films: `tests/bench/bench_video_material.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from real_material import (
    MIRRORED_UNITS,
    Agreement,
    ask_peer,
    eye_distance,
    follow,
    jitter,
    mirrored,
    noisy,
    peer_python,
    picture,
    portraits,
    seen_once,
)
from rendered_faces import FIRST_SEED, Clip, draw, make_clip, model_of, raised

from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import FaceTrack
from eifer.eifer_addon.video.fit import fit_faces
from eifer.eifer_addon.video.landmarker import FaceLandmarker

EVERY = 20


@pytest.fixture(scope="module")
def landmarker(test_data: Path) -> FaceLandmarker:
    return FaceLandmarker(test_data / "models" / "face_landmarker.task")


@pytest.fixture(scope="module")
def clip(test_data: Path) -> list[np.ndarray]:
    """Every sixth frame of a film of a talking man, 640 x 360."""
    video = open_video(test_data / "video" / "pyfeat_single_face.mp4")
    return [frame.image for frame in video.frames(0, None, 6)]


@pytest.fixture(scope="module")
def followed(clip: list[np.ndarray], landmarker: FaceLandmarker) -> FaceTrack:
    return follow(clip, landmarker, 4.0)


def test_each_photograph_has_a_face_and_the_fitted_head_lies_over_it(
    test_data: Path, landmarker: FaceLandmarker
) -> None:
    for path in portraits(test_data)[::EVERY]:
        track = follow([picture(path, 512)], landmarker)
        assert not track.is_gap[0], path.name
        fitted = fit_faces(track)
        assert fitted.track.confidence[0] > 0.3, path.name
        assert fitted.error_px[0] < 0.06 * eye_distance(track.landmarks)[0], path.name


def test_a_talking_face_is_fitted_in_every_frame(followed: FaceTrack) -> None:
    assert not followed.is_gap.any()
    fitted = fit_faces(followed)
    share = fitted.error_px / eye_distance(followed.landmarks)
    assert np.median(share) < 0.03
    assert (fitted.track.confidence > 0).all()


def test_a_mirrored_film_gives_a_mirrored_track(
    clip: list[np.ndarray], followed: FaceTrack, landmarker: FaceLandmarker
) -> None:
    fitted = fit_faces(followed).track
    other = fit_faces(follow([mirrored(image) for image in clip], landmarker, 4.0)).track
    back = other.coefficients[:, MIRRORED_UNITS]
    assert np.abs(back - fitted.coefficients).mean() < 0.03
    assert fitted.head_pose is not None
    assert other.head_pose is not None
    # Turns about the vertical and the line of sight change their sign, nods do not.
    np.testing.assert_allclose(
        other.head_pose[:, :3], fitted.head_pose[:, :3] * (1, -1, -1), atol=np.radians(3)
    )


@pytest.mark.parametrize(
    ("number", "unit", "sign"),
    [(109, "eyeLookOutLeft", 1), (140, "eyeLookOutLeft", -1), (152, "browDownLeft", 1)],
)
def test_what_is_uneven_in_a_photograph_changes_sides_in_the_mirror(
    test_data: Path, landmarker: FaceLandmarker, number: int, unit: str, sign: int
) -> None:
    """Two who look at the camera past their nose, and one who lowers the left brow alone."""
    image = picture(portraits(test_data)[number], 384)
    left = ARKIT_NAMES.index(unit)
    right = MIRRORED_UNITS[left]
    for shown, expected in ((image, sign), (mirrored(image), -sign)):
        values = fit_faces(follow([shown], landmarker)).track.coefficients[0]
        assert expected * (values[left] - values[right]) > 0.15


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_wink_stays_on_its_side(landmarker: FaceLandmarker, side: str) -> None:
    """On the film of a head of which it is known which eye is shut."""
    shut = raised({f"eyeBlink{side}": 1.0})
    start = make_clip("open", FIRST_SEED + 1, "480p", "front", 6)
    level = np.array([0, 0, 0.5, 1, 1, 1])
    film = Clip(
        "open", start.seed, "480p", "front", start.identity, level[:, None] * shut,
        np.tile((4.0, 8.0, 0.0), (6, 1)), np.zeros((6, 3)),
    )  # fmt: skip
    head = model_of("open")
    images = [draw(head, film, k, samples=1)[0].image for k in range(6)]
    track = fit_faces(follow(images, landmarker, 10.0)).track
    other = {"Left": "Right", "Right": "Left"}[side]
    rise = track.coefficients[5] - track.coefficients[0]
    # MediaPipe's own score rises by about 0.5 on these heads, and by 0.1 on the wrong side.
    assert rise[ARKIT_NAMES.index(f"eyeBlink{side}")] > 0.3
    assert abs(rise[ARKIT_NAMES.index(f"eyeBlink{other}")]) < 0.12


def test_a_still_face_stays_stiller_than_the_networks_scores(
    test_data: Path, landmarker: FaceLandmarker
) -> None:
    image = picture(portraits(test_data)[30], 320)
    track = follow(noisy(image, 16), landmarker)
    fitted = fit_faces(track).track
    assert jitter(fitted.coefficients) < 0.6 * jitter(track.blendshapes)
    assert fitted.head_pose is not None
    assert jitter(fitted.head_pose[:, :3]) < np.radians(0.3)


def test_the_package_mediapipe_sees_the_same(
    test_data: Path, landmarker: FaceLandmarker, clip: list[np.ndarray], followed: FaceTrack
) -> None:
    python = peer_python()
    if python is None:
        pytest.skip("EIFER_MEDIAPIPE_PYTHON names no Python that has the package mediapipe")
    task = test_data / "models" / "face_landmarker.task"
    film = Agreement.between(followed, ask_peer(python, task, clip, "video", 4.0))
    assert film.landmarks < 1.5
    assert film.scores < 0.015
    image = picture(portraits(test_data)[3], 512)
    photograph = Agreement.between(
        seen_once(image, landmarker), ask_peer(python, task, [image], "image")
    )
    assert photograph.landmarks < 1.5
    assert photograph.scores < 0.02
