"""Landmarks and ARKit scores of photographs, against the emotion shown and other runtimes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.landmarker import Face, FaceLandmarker


@pytest.fixture(scope="module")
def landmarker(test_data: Path) -> FaceLandmarker:
    return FaceLandmarker(test_data / "models" / "face_landmarker.task")


def picture(test_data: Path, emotion: str) -> np.ndarray:
    path = test_data / "images" / "face_projection_MIT" / f"{emotion}.png"
    return np.array(Image.open(path).convert("RGB"))


def only(faces: list[Face]) -> Face:
    assert len(faces) == 1
    return faces[0]


@pytest.mark.parametrize(
    ("emotion", "unit"),
    [
        ("happy", "mouthSmileLeft"),
        ("happy", "mouthSmileRight"),
        ("happy", "mouthUpperUpLeft"),
        ("angry", "browDownRight"),
        ("surprised", "jawOpen"),
        ("surprised", "eyeWideLeft"),
        ("fearful", "browOuterUpRight"),
    ],
)
def test_an_expression_raises_its_unit_over_the_neutral_face(
    landmarker: FaceLandmarker, test_data: Path, emotion: str, unit: str
) -> None:
    shown = only(landmarker.detect(picture(test_data, emotion))).scores[unit]
    neutral = only(landmarker.detect(picture(test_data, "neutral"))).scores[unit]
    assert shown > neutral + 0.1


def test_a_mirrored_picture_swaps_left_and_right(
    landmarker: FaceLandmarker, test_data: Path
) -> None:
    image = picture(test_data, "neutral")
    face = only(landmarker.detect(image))
    mirrored = only(landmarker.detect(np.ascontiguousarray(image[:, ::-1])))
    eyes = np.linalg.norm(face.landmarks[33, :2] - face.landmarks[263, :2])
    flipped = mirrored.landmarks[[33, 263, 61, 291, 1], :2] * (-1, 1) + (image.shape[1], 0)
    error = np.abs(flipped - face.landmarks[[263, 33, 291, 61, 1], :2]).max()
    assert error < 0.06 * eyes


def test_a_small_and_a_huge_face_are_found_at_the_same_place(
    landmarker: FaceLandmarker, test_data: Path
) -> None:
    image = picture(test_data, "neutral")
    face = only(landmarker.detect(image))
    small = np.array(Image.fromarray(image).resize((72, 72), Image.Resampling.BOX))
    scene = np.full((720, 1280, 3), 90, np.uint8)
    scene[500:572, 900:972] = small
    found = only(landmarker.detect(scene))
    expected = face.landmarks[:, :2] * 72 / 512 + (900, 500)
    assert np.abs(found.landmarks[:, :2] - expected).max() < 5
    left, top = face.landmarks[:, :2].min(axis=0).astype(int) + (15, 15)
    right, bottom = face.landmarks[:, :2].max(axis=0).astype(int) - (15, 15)
    near = only(landmarker.detect(np.ascontiguousarray(image[top:bottom, left:right])))
    difference = near.landmarks[:, :2] + (left, top) - face.landmarks[:, :2]
    assert np.median(np.abs(difference)) < 5


def test_tracking_and_refining_stay_on_the_face(
    landmarker: FaceLandmarker, test_data: Path
) -> None:
    image = picture(test_data, "happy")
    face = only(landmarker.detect(image))
    tracked = landmarker.track(image, face)
    assert tracked is not None
    assert np.abs(tracked.landmarks[:, :2] - face.landmarks[:, :2]).max() < 8
    refined = only(landmarker.detect(image, refine=1))
    np.testing.assert_array_equal(tracked.landmarks, refined.landmarks)
    assert landmarker.track(np.zeros_like(image), face) is None


def test_onnx_conversions_of_the_networks_agree(
    landmarker: FaceLandmarker, test_data: Path
) -> None:
    image = picture(test_data, "happy")
    face = only(landmarker.detect(image))
    sessions = {
        key: onnxruntime.InferenceSession(test_data / "models" / f"face_{key}.onnx")
        for key in ("detector", "landmarks_detector", "blendshapes")
    }

    def run(key: str, values: np.ndarray) -> list[np.ndarray]:
        session = sessions[key]
        return session.run(None, {session.get_inputs()[0].name: values.astype(np.float32)})

    other = FaceLandmarker(test_data / "models" / "face_landmarker.task")
    by_size = lambda arrays: sorted(arrays, key=lambda a: -a.size)  # noqa: E731
    other._detector = lambda x: by_size(run("detector", x))
    other._landmarks = lambda x: by_size(run("landmarks_detector", x))[:2]
    other._blendshapes = lambda x: run("blendshapes", x)
    # The presence is the first of the network's two scalars, which sorting keeps in order.
    there = only(other.detect(image))
    eyes = np.linalg.norm(face.landmarks[33, :2] - face.landmarks[263, :2])
    assert np.abs(there.landmarks - face.landmarks).max() < 0.015 * eyes
    assert np.abs(there.blendshapes - face.blendshapes).mean() < 0.015
    assert there.presence == pytest.approx(face.presence, abs=0.01)


def test_every_portrait_is_found(landmarker: FaceLandmarker, test_data: Path) -> None:
    paths = sorted((test_data / "images" / "faker_CC0").glob("*/512/*.jpg"))
    found = [bool(landmarker.detect(np.array(Image.open(p).convert("RGB")))) for p in paths]
    assert len(paths) == 150
    assert all(found)


def test_an_empty_picture_has_no_face(landmarker: FaceLandmarker) -> None:
    assert landmarker.detect(np.full((240, 320, 3), 128, np.uint8)) == []


def test_a_grey_or_float_picture_is_refused(landmarker: FaceLandmarker) -> None:
    for image in (np.zeros((10, 10), np.uint8), np.zeros((10, 10, 3)), np.zeros((0, 9, 3), "u1")):
        with pytest.raises(EiferError, match="cannot be searched"):
            landmarker.detect(image)


def test_a_file_that_is_no_landmarker_is_refused(tmp_path: Path) -> None:
    missing, text, empty, wrong = (tmp_path / name for name in ("a", "b", "c", "d"))
    text.write_text("not a zip")
    with zipfile.ZipFile(empty, "w"):
        pass
    with zipfile.ZipFile(wrong, "w") as archive:
        for name in ("face_detector", "face_landmarks_detector", "face_blendshapes"):
            archive.writestr(f"{name}.tflite", b"hello world")
    for path in (missing, text, empty, wrong):
        with pytest.raises(EiferError, match=str(path)):
            FaceLandmarker(path)
