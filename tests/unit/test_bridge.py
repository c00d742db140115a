"""Places of a face in frames in which it was not seen."""

from __future__ import annotations

import numpy as np

from eifer.eifer_addon.video.bridge import bridged, is_there
from eifer.eifer_addon.video.face_tracks import FaceTrack


def track(seen: list[int], n: int, *, rate: float = 10.0, cuts: tuple[int, ...] = ()) -> FaceTrack:
    """A face that moves by a pixel a frame to the right, seen in some frames."""
    face = np.stack(np.meshgrid(np.arange(478.0) % 20, [0.0, 5.0, 2.0]), axis=-1)[..., 0].T
    landmarks = np.full((n, 478, 3), np.nan, np.float32)
    scores, boxes = np.full((n, 52), np.nan, np.float32), np.full((n, 4), np.nan, np.float32)
    presence = np.zeros(n, np.float32)
    for row in seen:
        landmarks[row] = face + (row, 0, 0)
        scores[row], boxes[row], presence[row] = row / n, row, 0.8
    is_cut = np.isin(np.arange(n), cuts)
    return FaceTrack(
        0, np.arange(n), np.arange(n) / rate, landmarks, scores, presence, boxes, is_cut, (64, 64)
    )


def test_a_short_gap_gets_places_between_and_a_long_one_only_near_its_ends():
    faces = track([0, 1, 5, 6, 40], 41)
    found = bridged(faces)
    np.testing.assert_allclose(found.landmarks[3, :, 0] - found.landmarks[1, :, 0], 2.0, atol=1e-4)
    np.testing.assert_allclose(found.presence[2:5], 0.4)
    np.testing.assert_allclose(found.blendshapes[3], 3 / 41, atol=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(found.is_gap), np.arange(11, 36))
    np.testing.assert_allclose(found.landmarks[8], faces.landmarks[6])
    np.testing.assert_allclose(found.landmarks[37], faces.landmarks[40])
    np.testing.assert_array_equal(
        found.landmarks[[0, 1, 5, 6, 40]], faces.landmarks[[0, 1, 5, 6, 40]]
    )


def test_nothing_is_carried_over_a_cut_nor_out_of_nothing():
    found = bridged(track([2, 6], 9, cuts=(4,)))
    np.testing.assert_allclose(found.landmarks[3, 0, 0] - found.landmarks[2, 0, 0], 0.0)
    np.testing.assert_allclose(found.landmarks[4, 0, 0] - found.landmarks[6, 0, 0], 0.0)
    assert not found.is_gap.any()
    alone = bridged(track([2], 9, cuts=(4,)))
    np.testing.assert_array_equal(np.flatnonzero(alone.is_gap), [4, 5, 6, 7, 8])
    assert bridged(track([], 3)).is_gap.all()


def test_landmarks_elsewhere_are_no_face_of_this_person():
    here = track([0, 1, 2], 3).landmarks
    middle = here.mean(axis=1, keepdims=True)
    assert is_there(here, here + 2).all()
    assert not is_there(here, here + (8, 0, 0)).any()
    assert not is_there(here, middle + 1.6 * (here - middle)).any()
