"""The fit of a head to landmarks: known faces seen by a known camera, and a real film."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.electrodes import electrode_scheme
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.face_tracks import FaceTrack, track_faces
from eifer.eifer_addon.video.fit import FaceFit, FaceFitter, apart_rows, fit_faces, part_of
from eifer.eifer_addon.video.fit_model import landmark_model
from eifer.eifer_addon.video.fit_noise import landmark_noise
from eifer.eifer_addon.video.fit_person import estimate_person
from eifer.eifer_addon.video.fit_smooth import smooth
from eifer.eifer_addon.video.fit_view import Lens, Poses, pose_features

SIZE, FOCAL, RATE_HZ = (640, 480), 700.0, 30.0


def unit(name: str) -> int:
    return ARKIT_NAMES.index(name)


def seen_by_network(
    units: np.ndarray, turns: np.ndarray, identity: np.ndarray | None = None, jitter_px: float = 0.0
) -> FaceTrack:
    """What the networks would say of units (n, 52) and turns (n, 3) if their bias were all."""
    model, noise = landmark_model(load_open_head()), landmark_noise()
    n = len(units)
    neutral = model.neutral(np.zeros(model.n_identity) if identity is None else identity)
    middle = neutral.mean(axis=0)
    rotation = Rotation.from_rotvec(turns).as_matrix()
    poses = Poses(rotation, np.tile([0.02, -0.01, -0.6], (n, 1)))
    features = pose_features(poses.seen())
    flat = np.einsum("kcu,nu->nkc", model.units + noise.response, units)
    biased = np.moveaxis(np.einsum("nf,fak->nak", features, noise.bias), 1, 2)
    placed = poses.place(neutral - middle + flat)
    placed += np.einsum("nka,nca->nkc", biased, poses.sight()[:, :, :2])
    pixels = Lens(*SIZE, FOCAL).project(placed)
    random = np.random.default_rng(0)
    pixels += random.normal(0, jitter_px, pixels.shape)
    depth = -(placed[..., 2:] + 0.6) * FOCAL / 0.6
    scores = np.clip(features @ noise.scores_bias + 0.6 * units, 0, 1)
    landmarks = np.concatenate([pixels, depth], axis=2).astype(np.float32)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    return FaceTrack(
        0, np.arange(n), np.arange(n) / RATE_HZ, landmarks, scores.astype(np.float32),
        np.full(n, 0.98, np.float32), np.concatenate([low, high], 1).astype(np.float32),
        np.zeros(n, bool), SIZE,
    )  # fmt: skip


def with_gap(faces: FaceTrack, rows: slice) -> FaceTrack:
    landmarks, scores = faces.landmarks.copy(), faces.blendshapes.copy()
    presence, boxes = faces.presence.copy(), faces.boxes.copy()
    landmarks[rows], scores[rows], boxes[rows], presence[rows] = np.nan, np.nan, np.nan, 0
    return replace(faces, landmarks=landmarks, blendshapes=scores, presence=presence, boxes=boxes)


def nodding(n: int) -> np.ndarray:
    t = np.arange(n) / RATE_HZ
    return np.stack([0.15 * np.sin(2 * t), 0.4 * np.sin(1.3 * t), 0.1 * np.cos(t)], axis=1)


@pytest.fixture(scope="module")
def acting() -> tuple[FaceTrack, np.ndarray, FaceFit]:
    """Three seconds: rest, a left wink, an open mouth, a smile on the right; a gap at the end."""
    units = np.zeros((90, 52))
    units[20:24, unit("eyeBlinkLeft")] = (0.6, 1.0, 1.0, 0.5)
    units[35:55, unit("jawOpen")] = 0.6
    units[60:80, unit("mouthSmileRight")] = 0.8
    identity = np.random.default_rng(3).normal(0, 0.5, 100)
    faces = with_gap(seen_by_network(units, nodding(90), identity, 0.15), slice(84, 88))
    return faces, units, fit_faces(faces, fov_deg=float(np.degrees(2 * np.arctan(320 / FOCAL))))


def test_movements_are_found_on_their_side_and_rest_stays_at_rest(
    acting: tuple[FaceTrack, np.ndarray, FaceFit],
) -> None:
    track = acting[2].track
    wink = track.coefficients[21:23]
    assert wink[:, unit("eyeBlinkLeft")].min() > 0.6
    assert wink[:, unit("eyeBlinkRight")].max() < 0.15
    assert track.coefficients[40:50, unit("jawOpen")].mean() == pytest.approx(0.6, abs=0.12)
    smile = track.coefficients[64:76]
    assert smile[:, unit("mouthSmileRight")].mean() > 0.5
    assert smile[:, unit("mouthSmileLeft")].mean() < 0.15
    assert track.coefficients[5:15].max() < 0.15
    assert np.abs(track.column("tongueOut")).max() == 0


def test_a_blink_of_four_frames_keeps_its_time(
    acting: tuple[FaceTrack, np.ndarray, FaceFit],
) -> None:
    lid = acting[2].track.column("eyeBlinkLeft")
    assert 21 <= int(np.argmax(lid[15:30])) + 15 <= 22
    assert lid[17] < 0.1
    assert lid[27] < 0.1


def test_camera_pose_and_identity_put_the_head_over_the_landmarks(
    acting: tuple[FaceTrack, np.ndarray, FaceFit],
) -> None:
    faces, _, fit = acting
    track, head = fit.track, load_open_head()
    assert track.camera is not None
    assert track.head_pose is not None
    for frame in (0, 45, 70):
        pose = np.zeros((5, 3))
        pose[0] = track.head_pose[frame, :3]
        vertices, _ = head.forward(track.identity, pose=pose, units=track.coefficients[frame])
        assert head.landmarks is not None
        points = head.landmarks.positions(vertices, head.triangles) + track.head_pose[frame, 3:]
        away = track.camera.project(points) - faces.landmarks[frame, :, :2]
        # The network reads landmarks beside the surface by up to 2 mm, here 2.3 pixels, and what
        # its scores say counts, too.
        assert np.sqrt((away**2).sum(axis=1).mean()) < 4
        turned = Rotation.from_rotvec(nodding(90)[frame]).inv() * Rotation.from_rotvec(pose[0])
        assert np.degrees(turned.magnitude()) < 4


def test_gaps_stay_gaps_and_every_seen_frame_is_believed(
    acting: tuple[FaceTrack, np.ndarray, FaceFit],
) -> None:
    track = acting[2].track
    assert np.array_equal(np.flatnonzero(track.confidence == 0), [84, 85, 86, 87])
    assert not track.coefficients[84:88].any()
    assert np.isnan(acting[2].error_px[84:88]).all()
    assert track.confidence[:84].min() > 0.4
    assert np.isfinite(track.coefficients).all()


def test_the_same_input_gives_the_same_bits() -> None:
    faces = seen_by_network(np.zeros((20, 52)), nodding(20), jitter_px=0.3)
    one, other = fit_faces(faces), fit_faces(faces)
    assert one.track.coefficients.tobytes() == other.track.coefficients.tobytes()
    assert one.track.head_pose is not None
    assert other.track.head_pose is not None
    assert one.track.head_pose.tobytes() == other.track.head_pose.tobytes()


def test_a_still_face_gets_quieter_than_its_landmarks() -> None:
    units = np.zeros((60, 52))
    units[:, unit("jawOpen")], units[:, unit("mouthSmileLeft")] = 0.4, 0.5
    faces = seen_by_network(units, np.zeros((60, 3)), jitter_px=0.5)
    raw, quiet = fit_faces(faces, smoothing=0.0).track, fit_faces(faces).track
    for name in ("jawOpen", "mouthSmileLeft"):
        before = np.abs(np.diff(raw.column(name), 2)).mean()
        assert np.abs(np.diff(quiet.column(name), 2)).mean() < before / 3
    assert raw.head_pose is not None
    assert quiet.head_pose is not None
    before = np.abs(np.diff(raw.head_pose, 2, axis=0)).mean(axis=0)
    assert (np.abs(np.diff(quiet.head_pose, 2, axis=0)).mean(axis=0) < before / 3).all()


def test_a_cut_or_a_gap_is_not_smoothed_over() -> None:
    values = np.repeat([0.0, 0.02], 20)[:, None] + np.random.default_rng(1).normal(0, 0.01, (40, 1))
    apart, times, weights = np.zeros(40, bool), np.arange(40) / RATE_HZ, np.ones(40)
    apart[0] = True
    over = smooth(values, times, apart, weights, 0.1)
    apart[20] = True
    kept = smooth(values, times, apart, weights, 0.1)
    assert kept[20, 0] - kept[19, 0] > 2 * (over[20, 0] - over[19, 0])


def test_a_long_film_is_smoothed_column_by_column_to_the_same_bits() -> None:
    generator = np.random.default_rng(2)
    n, apart = 8000, np.zeros(8000, bool)
    apart[[0, 3000]] = True
    values = np.cumsum(generator.normal(0, 0.01, (n, 52)), axis=0).astype(np.float32)
    times, weights = np.arange(n) / RATE_HZ, generator.uniform(0.1, 1, n)
    floor = np.linspace(0, 0.02, 52)
    tracemalloc.start()
    together = smooth(values, times, apart, weights, 0.1, floor)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert together.dtype == np.float32
    for k in range(0, 52, 5):
        alone = smooth(values[:, [k]], times, apart, weights, 0.1, floor[[k]])
        assert np.array_equal(together[:, k], alone[:, 0])
    # All columns at once take seven arrays of that size.
    assert peak < 2 * n * 52 * 8


def test_cut_rows_are_parted_in_the_fit() -> None:
    faces = seen_by_network(np.zeros((6, 52)), np.zeros((6, 3)))
    cut = np.zeros(6, bool)
    cut[4] = True
    cut_faces = replace(with_gap(faces, slice(1, 2)), is_cut=cut)
    assert np.array_equal(apart_rows(cut_faces), [True, True, True, False, True, False])


def test_chunks_give_what_the_whole_gives() -> None:
    units = np.zeros((60, 52))
    units[10:30, unit("mouthFunnel")] = 0.6
    faces = seen_by_network(units, nodding(60), jitter_px=0.2)
    head = load_open_head()
    fitter = FaceFitter(estimate_person(faces, head), head)
    whole, part = fitter.fit(faces), fitter.fit(part_of(faces, 0, 45))
    assert np.abs(whole.units[:30] - part.units[:30]).max() < 1e-3
    assert np.abs(whole.head_pose[:30] - part.head_pose[:30]).max() < 1e-3


def test_landmarks_that_electrodes_hold_off_are_trusted_less() -> None:
    units = np.zeros((24, 52))
    faces = seen_by_network(units, nodding(24), jitter_px=0.2)
    landmarks = faces.landmarks.copy()
    stuck = [101, 118, 117, 50, 36]
    landmarks[:, stuck, 1] += 14
    person = estimate_person(replace(faces, landmarks=landmarks), load_open_head())
    free = np.setdiff1d(np.arange(478), stuck)
    assert person.trust[stuck].max() < 0.75 * np.median(person.trust[free])
    told = estimate_person(faces, load_open_head(), electrodes="fridlund")
    under = [electrode.landmark for electrode in electrode_scheme("fridlund")]
    assert told.trust[under].max() < 0.3
    assert np.median(told.trust) > 0.5


def test_a_long_lens_is_weak_perspective() -> None:
    units = np.zeros((12, 52))
    units[6:, unit("jawOpen")] = 0.5
    fit = fit_faces(seen_by_network(units, nodding(12)), fov_deg=0.5, smoothing=0.0)
    assert fit.track.camera is not None
    assert fit.track.camera.focal_px > 50_000
    assert fit.track.column("jawOpen")[8:].mean() > 0.3


def test_one_frame_and_none() -> None:
    one = seen_by_network(np.zeros((1, 52)), np.zeros((1, 3)))
    assert len(fit_faces(one).track) == 1
    with pytest.raises(EiferError, match="No face was found"):
        fit_faces(with_gap(one, slice(0, 1)))
    with pytest.raises(EiferError, match="field of view"):
        fit_faces(one, fov_deg=300)
    with pytest.raises(EiferError, match="scheme"):
        fit_faces(one, electrodes="unknown")


def test_a_head_with_its_own_expressions_gets_its_own_track() -> None:
    head = load_open_head().replace(name="twin")
    units = np.zeros((12, 52))
    units[4:, unit("jawOpen")] = 0.6
    fit = fit_faces(seen_by_network(units, nodding(12)), head)
    assert fit.own is not None
    assert fit.own.space.name == "twin:e50j3"
    assert fit.own.column("jaw.x")[8] > 0.05
    assert fit.own.identity is not None
    assert fit_faces(seen_by_network(units, nodding(12))).own is None
    lids = fit_faces(seen_by_network(units, nodding(12)), head, space="twin:e20j3l2").own
    assert lids is not None
    assert lids.coefficients.shape == (12, 25)


@pytest.fixture(scope="module")
def film(test_data: Path) -> tuple[FaceTrack, FaceFit]:
    video = open_video(test_data / "video" / "pyfeat_single_face.mp4")
    faces = track_faces(video, stop=72, step=3).choose("largest")
    return faces, fit_faces(faces)


def test_a_real_smile_is_followed_and_the_head_lies_over_the_face(
    film: tuple[FaceTrack, FaceFit],
) -> None:
    faces, fit = film
    assert fit.error_px.max() < 0.04 * np.ptp(faces.landmarks[0, :468, 0])
    smile = unit("mouthSmileLeft")
    said, fitted = faces.blendshapes[:, smile], fit.track.coefficients[:, smile]
    assert np.corrcoef(said, fitted)[0, 1] > 0.9
    assert fit.track.confidence.min() > 0.5
    assert fit.landmark_confidence.shape == (len(faces.indices), 478)
