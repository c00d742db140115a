"""A reconstructor over a film, with small networks whose answers are known from the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from film_writer import write_film
from PIL import Image
from scipy.ndimage import map_coordinates
from tiny_reconstructor import smirk_rows, tiny

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.files import models_folder
from eifer.eifer_addon.spaces import get_space
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.video import reconstruct
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import FaceTrack, track_faces
from eifer.eifer_addon.video.reconstruct_job import smoothed
from eifer.models.reconstructors.installed import load_reconstructor

WIDE, HIGH, EDGE = 480, 300, 220
#: Left edge of the portrait in each frame; None is a frame without a face.
PLACES: list[int | None] = [40, 43, 45, None, None, 60, 61, 64, 64, 67]
BIAS = {"shape.000": 2.0, "cam.000": 8.0, "eyelid.001": 1.5, "pose.001": 0.2}


@pytest.fixture(scope="module")
def film(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait that moves and is away for two frames."""
    portraits = sorted((test_data / "images" / "faker_CC0" / "female" / "512").iterdir())
    portrait = np.array(Image.open(portraits[3]).convert("RGB").resize((EDGE, EDGE)))
    pictures = []
    for k, left in enumerate(PLACES):
        picture = np.full((HIGH, WIDE, 3), (90, 110, 130), np.uint8)
        if left is not None:
            shade = 1 - 0.01 * k  # so that no two crops have the same mean
            picture[50 : 50 + EDGE, left : left + EDGE] = (portrait * shade).astype(np.uint8)
        pictures.append(picture)
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", pictures)


@pytest.fixture(scope="module")
def faces(film: Path) -> FaceTrack:
    return track_faces(open_video(film)).choose()


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An imported network: expression 0 to 2 are the crop's mean red, green and blue."""
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path))
    weights = np.stack([smirk_rows({f"exp.{k:03d}": 1.0}) for k in range(3)])
    return tiny(models_folder() / "smirk.onnx", "smirk", weights, smirk_rows(BIAS))


@pytest.fixture(scope="module")
def track(film: Path, tmp_path_factory: pytest.TempPathFactory) -> ExpressionTrack:
    path = tmp_path_factory.mktemp("model") / "mine.onnx"
    weights = np.stack([smirk_rows({f"exp.{k:03d}": 1.0}) for k in range(3)])
    tiny(path, "smirk", weights, smirk_rows(BIAS))
    return api.video_to_expression(film, backend="smirk", model=path, workers=1)


def mean_colour(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Of the crop that the authors' code would make, sampled by SciPy, in whole grey levels."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    edge = int(np.mean(high - low) * 1.4)
    step = np.arange(224) * edge / 223
    x, y = ((low + high) / 2 - edge / 2)[:, None] + step
    places = np.stack(np.meshgrid(y, x, indexing="ij"))
    crop = [
        map_coordinates(image[..., k].astype(float), places, order=1, mode="grid-constant")
        for k in range(3)
    ]
    return np.floor(np.array(crop)).mean(axis=(1, 2)) / 255


def test_every_frame_gets_what_the_network_says_of_its_own_crop(
    film: Path, faces: FaceTrack, track: ExpressionTrack
) -> None:
    assert track.space.name == "flame2020:e50j3l2"
    np.testing.assert_array_equal(track.timestamps, faces.timestamps_s)
    np.testing.assert_allclose(track.timestamps, np.arange(10) / 30, atol=1e-3)
    compared = 0
    for row, frame in enumerate(open_video(film).frames()):
        if not faces.is_gap[row]:
            wanted = mean_colour(frame.image, faces.landmarks[row])
            np.testing.assert_allclose(track.coefficients[row, :3], wanted, atol=1e-4)
            compared += 1
    assert compared == 8
    assert np.ptp(track.coefficients[~faces.is_gap, 0]) > 0.02


def test_frames_without_a_face_are_gaps(faces: FaceTrack, track: ExpressionTrack) -> None:
    np.testing.assert_array_equal(np.flatnonzero(track.confidence == 0), [3, 4])
    np.testing.assert_array_equal(track.confidence, faces.presence)
    np.testing.assert_array_equal(track.coefficients[3:5], 0)


def test_a_track_holds_identity_limits_camera_and_where_it_comes_from(
    track: ExpressionTrack, faces: FaceTrack
) -> None:
    assert track.identity is not None
    assert track.identity.shape == (300,)
    assert track.identity[0] == 2
    seen = ~faces.is_gap
    np.testing.assert_array_equal(track.column("eyelid.right")[seen], 1)  # 1.5 is cut off
    assert track.provenance["backend"] == "smirk"
    assert track.provenance["model"] == "smirk"
    assert len(track.provenance["model_sha256"]) == len(track.provenance["source_sha256"]) == 64
    assert track.camera is not None
    assert (track.camera.width, track.camera.height) == (WIDE, HIGH)
    assert track.head_pose is not None
    moved = track.head_pose[-1, 3] - track.head_pose[0, 3]
    metres = (67 - 40) * -track.camera.place[2] / track.camera.focal_px
    assert moved == pytest.approx(metres, rel=0.15)


def test_a_track_is_saved_and_read_with_all_of_it(track: ExpressionTrack, tmp_path: Path) -> None:
    again = ExpressionTrack.load(track.save(tmp_path / "take.npz"))
    np.testing.assert_array_equal(again.coefficients, track.coefficients)
    assert again.camera == track.camera
    assert again.provenance["model_sha256"] == track.provenance["model_sha256"]


def test_the_imported_model_is_taken_and_ranges_are_kept(film: Path) -> None:
    told: list[tuple[int, int]] = []
    part = api.video_to_expression(
        film, backend="smirk", start=5, step=2, workers=1,
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    np.testing.assert_allclose(part.timestamps, np.array([5, 7, 9]) / 30, atol=1e-3)
    assert (part.confidence > 0).all()
    assert told[-1] == (3, 3)
    assert told == sorted(told)


def test_smoothing_calms_a_still_face_and_does_not_reach_over_gaps() -> None:
    space, random = get_space("flame2020:e50j3l2"), np.random.default_rng(0)
    values = random.normal(0, 0.02, (60, len(space))).astype(np.float32)
    values[35:] += 3  # the face is another one after the gap
    confidence = np.ones(60, np.float32)
    confidence[30:35] = values[30:35] = 0
    times = np.arange(60) / 30
    noisy = ExpressionTrack(space, values, times, confidence, values[:, :6].copy())
    calm = smoothed(noisy, np.zeros(60, bool), 0.1)
    for before, after in ((noisy.coefficients, calm.coefficients), (values, calm.head_pose)):
        assert after is not None
        wide = after.shape[1]
        for part in (slice(0, 30), slice(35, 60)):
            assert after[part].std(axis=0).mean() < 0.6 * before[part, :wide].std(axis=0).mean()
        assert np.abs(after[:30]).max() < 0.1
        assert np.abs(after[35:] - 3).max() < 0.1
        np.testing.assert_array_equal(after[30:35], 0)
    np.testing.assert_array_equal(calm.confidence, confidence)


def test_smoothing_is_done_when_asked(film: Path, track: ExpressionTrack, faces: FaceTrack) -> None:
    calm = api.video_to_expression(film, backend="smirk", smoothing=0.5, workers=1)
    wanted = smoothed(track, faces.is_cut, 0.5)
    assert not np.array_equal(wanted.head_pose, track.head_pose)
    np.testing.assert_array_equal(calm.head_pose, wanted.head_pose)
    np.testing.assert_array_equal(calm.coefficients, wanted.coefficients)


def test_a_stop_keeps_what_is_done(
    film: Path, faces: FaceTrack, track: ExpressionTrack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruct, "_BATCH", 2)
    rules, network = load_reconstructor("smirk")
    looks = iter([False, True])
    part = reconstruct.reconstruct_faces(
        open_video(film), faces, rules, network, workers=2, should_stop=lambda: next(looks)
    )
    assert len(part) == 6  # two, then two around the gap
    np.testing.assert_array_equal(part.coefficients, track.coefficients[:6])
    np.testing.assert_array_equal(part.confidence, track.confidence[:6])


def test_a_model_that_is_missing_is_told_before_the_film_is_opened(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"No checkpoint of EIFER"):
        api.video_to_expression(tmp_path / "no.mp4", backend="eifer")
    with pytest.raises(EiferError, match=r"no back end 'smrik'"):
        api.video_to_expression(tmp_path / "no.mp4", backend="smrik")
    with pytest.raises(EiferError, match=r"'mediapipe' comes with the add-on"):
        api.video_to_expression(tmp_path / "no.mp4", model="smirk")


def test_a_network_that_gives_no_numbers_is_one_sentence(film: Path, model: Path) -> None:
    weights = np.full((3, 361), np.nan)
    tiny(model, "smirk", weights, smirk_rows(BIAS))
    with pytest.raises(EiferError, match=r"smirk.onnx gives values .* for frame 0 \(8 of 8"):
        api.video_to_expression(film, backend="smirk", workers=1)
