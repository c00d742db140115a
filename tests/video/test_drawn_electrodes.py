"""Electrodes that are drawn on: they lie on the skin, hide behind the head, and disturb readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.canonical import canonical_face
from eifer.eifer_addon.heads.electrodes import electrode_scheme
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import Camera, render
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.landmarker import Face, FaceLandmarker
from eifer.models.synthetic.drawn_electrodes import (
    RADIUS_M,
    draw_on_head,
    draw_on_portrait,
    electrode_layout,
    electrodes_on_head,
    glue_on_head,
    glue_on_portrait,
)

COUNTS = (16, 32, 60)


@pytest.fixture(scope="module")
def landmarker(test_data: Path) -> FaceLandmarker:
    return FaceLandmarker(test_data / "models" / "face_landmarker.task")


@pytest.fixture(scope="module")
def portraits(test_data: Path, landmarker: FaceLandmarker) -> list[tuple[np.ndarray, Face]]:
    """Pictures of smiling people, and their faces."""
    found = []
    for path in sorted((test_data / "images" / "faker_CC0").glob("*/512/*"))[::24]:
        picture = Image.open(path).convert("RGB").resize((384, 384), Image.Resampling.LANCZOS)
        image = np.array(picture)
        found.append((image, landmarker.detect(image, refine=1)[0]))
    return found


@pytest.mark.parametrize("count", COUNTS)
def test_a_layout_is_even_and_its_rings_do_not_lie_on_each_other(count: int) -> None:
    flat = electrode_layout(count).flat_cm
    assert flat.shape == (count, 2)
    gap = np.linalg.norm(flat[:, None] - flat[None], axis=2) + np.eye(count) * 9
    assert gap.min() > 0.85
    mirrored = np.linalg.norm(flat[:, None] * (-1, 1) - flat[None], axis=2).min(axis=1)
    assert np.max(mirrored) < 0.25


def test_electrodes_lie_at_the_landmarks_that_the_schemes_name(
    portraits: list[tuple[np.ndarray, Face]],
) -> None:
    """A pair's middle is Fridlund's place, for which the literature's table names a landmark."""
    _, face = portraits[0]
    vertices, _ = canonical_face()
    glued = glue_on_portrait(face.landmarks, 60)
    names = electrode_layout(60).names
    per_cm = np.linalg.norm(face.landmarks[10, :2] - face.landmarks[152, :2])
    per_cm /= np.linalg.norm(vertices[10, :2] - vertices[152, :2])
    for code, label in (("F5", "Corr re"), ("F20", "Zyg li"), ("F9", "Lev Lab re")):
        row = next(row for row in electrode_scheme("fridlund") if row.name == code)
        pair = [k for k, name in enumerate(names) if name.startswith(label)]
        away = glued.centres[pair].mean(axis=0) - face.landmarks[row.landmark, :2]
        assert np.linalg.norm(away) < 1.2 * per_cm, code


def test_the_same_seed_wears_the_same_and_another_does_not(
    portraits: list[tuple[np.ndarray, Face]],
) -> None:
    image, face = portraits[1]
    first, again, other = (draw_on_portrait(image, face.landmarks, 32, seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(first.image, again.image)
    assert (first.image != other.image).any()
    untouched = first.coverage == 0
    assert 0.01 < 1 - untouched.mean() < 0.25
    # Beside what is covered there are shadows only: nothing gets brighter.
    assert (first.image[untouched].astype(int) - image[untouched]).max() <= 1


def test_electrodes_of_a_head_lie_on_its_skin_and_move_with_it() -> None:
    head = load_open_head()
    assert head.units is not None
    smile = np.zeros(52)
    smile[[ARKIT_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]] = 1
    place = electrodes_on_head(head, 60)
    still = place.positions(head.template, head.triangles)
    moved = place.positions(head.shaped(units=smile), head.triangles)
    distance = np.linalg.norm(moved - still, axis=1)
    names = list(place.names)
    assert distance[names.index("Zyg li 2")] > 0.004
    assert distance[names.index("med Front li 1")] < 0.001


def test_electrodes_on_the_far_side_of_a_turned_head_are_hidden() -> None:
    head = load_open_head()
    assert head.landmarks is not None
    box = head.landmarks.positions(head.template, head.triangles)
    for yaw, near in ((0.9, 1), (-0.9, -1)):
        camera = Camera.facing(box, 256, margin=1.6, yaw=yaw)
        drawn = render(head.template, head.triangles, head.colours, camera)
        glued = glue_on_head(drawn, head.template, head, 60)
        side = np.sign(np.round(glued.flat_cm[:, 0], 1))
        seen = {s: float(glued.visible[side == s].mean()) for s in (-1, 1)}
        assert seen[near] > 0.95
        assert seen[-near] < 0.6
        # A ring that is seen at a slant is an ellipse, narrower across the turn.
        across, up = np.linalg.norm(glued.axes[glued.visible], axis=2).T
        assert np.median(across / up) < 0.95
        assert up.max() < 1.3 * RADIUS_M * camera.focal / camera.distance
    painted = draw_on_head(drawn, head.template, head, 16, seed=1)
    assert painted.coverage.max() > 0.99
    assert painted.image.shape == drawn.image.shape


def test_electrodes_disturb_the_landmark_network_the_more_there_are(
    portraits: list[tuple[np.ndarray, Face]], landmarker: FaceLandmarker
) -> None:
    """As on real recordings; over all 150 portraits see docs/benchmarks.md."""
    smiles = [ARKIT_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    shift: dict[int, list[float]] = {count: [] for count in COUNTS}
    for image, face in portraits:
        for count in COUNTS:
            drawn = draw_on_portrait(image, face.landmarks, count, seed=count)
            read = landmarker.read(drawn.image, face.region())
            if read is not None:
                change = read.blendshapes[smiles] - face.blendshapes[smiles]
                shift[count].append(float(np.abs(change).mean()))
    assert len(shift[16]) == len(portraits)
    assert np.mean(shift[16]) < np.mean(shift[60])
    assert np.mean(shift[60]) > 0.1


def test_another_number_of_electrodes_is_refused() -> None:
    with pytest.raises(EiferError, match="no layout of 17 electrodes"):
        electrode_layout(17)
