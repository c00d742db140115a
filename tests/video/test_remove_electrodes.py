"""Electrodes off a face: what is replaced, how it fits in, and that it keeps still."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dotted_films import Dotted, dotted_pictures
from film_writer import write_film
from scipy.ndimage import binary_dilation, uniform_filter
from tiny_translator import tiny_translator

from eifer.eifer_addon import api
from eifer.eifer_addon.video.crop import Region
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.eifer_addon.video.remove_blend import SIZE, Patch, face_region, in_light, paste
from eifer.eifer_addon.video.remove_cleaner import FrameCleaner, Whose
from eifer.eifer_addon.video.remove_steady import Steady
from eifer.models.translator import Translator, load_translator

FRAMES = tuple(range(16, 40, 2))


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return load_translator(tiny_translator(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture(scope="module")
def landmarker() -> FaceLandmarker:
    return FaceLandmarker()


@pytest.fixture(scope="module")
def film(test_data: Path) -> Dotted:
    return dotted_pictures(test_data, FRAMES)


def disc(radius: float, x: float = 128, y: float = 128) -> np.ndarray:
    """Coverage (SIZE, SIZE) of a disc."""
    row, column = np.mgrid[:SIZE, :SIZE] + 0.5
    return (np.hypot(column - x, row - y) < radius).astype(np.float32)


def skin(size: int, seed: int = 0, grain: float = 4.0) -> np.ndarray:
    """A picture (size, size, 3) of one colour with grain."""
    noise = np.random.default_rng(seed).normal(0, grain, (size, size, 1))
    return np.clip(np.array([180.0, 140.0, 120.0]) + noise, 0, 255).astype(np.uint8)


def test_only_what_is_covered_changes_and_it_comes_near_the_face_beneath(
    film: Dotted, translator: Translator, landmarker: FaceLandmarker
) -> None:
    cleaner = FrameCleaner(translator, landmarker)
    for clean, worn, covered in zip(film.clean[:4], film.worn, film.covered, strict=False):
        found = cleaner(worn)
        assert found.faces == 1
        assert found.covered > 0.01
        far = ~binary_dilation(covered, iterations=5)
        np.testing.assert_array_equal(found.image[far], worn[far])
        error = np.abs(found.image[covered].astype(float) - clean[covered]).mean()
        before = np.abs(worn[covered].astype(float) - clean[covered]).mean()
        assert error < 0.2 * before


def test_a_face_that_shows_nothing_glued_on_stays_as_it_is(
    film: Dotted, translator: Translator, landmarker: FaceLandmarker
) -> None:
    cleaner = FrameCleaner(translator, landmarker)
    found = cleaner(film.clean[0])
    assert found.faces == 1
    assert found.covered == 0
    np.testing.assert_array_equal(found.image, film.clean[0])


def test_a_face_that_the_detector_does_not_see_is_found_after_the_whole_picture_was_cleaned(
    film: Dotted, translator: Translator, landmarker: FaceLandmarker
) -> None:
    picture = film.clean[0].copy()
    low, high = film.faces[0].landmarks[:, :2].min(axis=0), film.faces[0].landmarks[:, :2].max(0)
    (x0, y0), (x1, y1) = low.astype(int), high.astype(int)
    picture[y0:y1:6, x0 - 9 : x1 + 9] = picture[y0 + 1 : y1 : 6, x0 - 9 : x1 + 9] = (0, 255, 0)
    picture[y0:y1, x0 - 9 : x1 + 9 : 6] = picture[y0:y1, x0 - 8 : x1 + 9 : 6] = (0, 255, 0)
    assert landmarker.detect(picture, refine=1) == []
    found = FrameCleaner(translator, landmarker)(picture)
    assert found.faces == 1


def test_two_people_are_cleaned_where_everybody_is_wanted_and_else_the_larger_one(
    film: Dotted, translator: Translator, landmarker: FaceLandmarker
) -> None:
    worn = film.worn[0]
    small = worn[::2, ::2]
    both = np.concatenate([worn, np.zeros_like(worn)], axis=1)
    both[40 : 40 + small.shape[0], 380 : 380 + small.shape[1]] = small
    right = np.s_[:, 320:]

    def green(image: np.ndarray) -> int:
        return int((image[..., 1].astype(int) - image[..., 0] > 60).sum())

    alone = FrameCleaner(translator, landmarker)(both)
    np.testing.assert_array_equal(alone.image[right], both[right])
    assert green(alone.image[:, :320]) < 0.02 * green(worn)
    everybody = FrameCleaner(translator, landmarker, whose=Whose("all"))(both)
    assert everybody.faces == 2
    assert green(everybody.image) < 0.02 * green(both)


def test_a_cable_is_followed_beyond_the_face_and_other_things_stay(
    film: Dotted, translator: Translator, landmarker: FaceLandmarker
) -> None:
    picture = np.concatenate([film.clean[0], np.full((60, 320, 3), 120, np.uint8)])
    points = film.faces[0].landmarks
    x, y = points[205, :2].astype(int)
    cable, thing = np.s_[y:, x : x + 3], np.s_[200:220, 280:300]
    for place in (cable, thing):
        picture[place] = (40, 200, 60)
    cleaner = FrameCleaner(translator, landmarker)
    for _ in range(2):
        found = cleaner(picture).image

    def is_green(part: np.ndarray) -> np.ndarray:
        return part[..., 1].astype(int) - part[..., 0] > 60

    assert is_green(found[cable]).mean() < 0.05
    np.testing.assert_array_equal(found[thing], picture[thing])


class Covering:
    """A network that finds the same covered everywhere and counts how often it is asked."""

    def __init__(self, translator: Translator, covered: np.ndarray) -> None:
        self._translator, self._covered, self.asked = translator, covered, 0

    def clean(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.asked += 1
        return self._translator.clean(crops)[0], self._covered[None]


@pytest.mark.parametrize(("rows", "passes"), [(slice(0, 4), 2), (slice(-4, None), 1)])
def test_cables_that_leave_the_picture_are_not_looked_for_beyond_it(
    film: Dotted, translator: Translator, landmarker: FaceLandmarker, rows: slice, passes: int
) -> None:
    region = face_region(film.faces[0].landmarks)
    top, bottom = region.y - region.height / 2, region.y + region.height / 2
    covered = np.zeros((SIZE, SIZE), np.float32)
    covered[rows, 120:130] = 1
    margin = max(int(np.ceil(4 - top)), 0)
    # Above the square there is picture left; below it ends within the square.
    picture = np.pad(film.clean[0], ((margin, 0), (0, 0), (0, 0)), mode="edge")
    picture = picture[: int(bottom) + margin - 12]
    network = Covering(translator, covered)
    cleaner = FrameCleaner(network, landmarker)
    cleaner(picture)
    network.asked = 0
    cleaner(picture)
    assert network.asked == passes


def test_a_patch_gets_the_grain_of_the_skin_around_it_and_the_same_for_the_same_place() -> None:
    image = skin(600, grain=5.0)
    flat = np.full((SIZE, SIZE, 3), (180.0, 140.0, 120.0), np.float32)
    region = Region(300.0, 300.0, 560.0, 560.0)
    patch = Patch(region, np.zeros((SIZE, SIZE, 3), np.uint8), flat, disc(40))
    pasted = paste(image, patch, (300.0, 300.0))
    inside = np.s_[260:340, 260:340]

    def fine(picture: np.ndarray) -> float:
        luma = picture.astype(float).mean(axis=2)
        return float((luma - uniform_filter(luma, 3))[inside].std())

    assert 0.7 < fine(pasted) / fine(image) < 1.3
    np.testing.assert_array_equal(pasted, paste(image, patch, (300.0, 300.0)))
    moved = Patch(Region(307.0, 295.0, 560.0, 560.0), patch.picture, flat, patch.coverage)
    there = paste(image, moved, (307.0, 295.0))[255:335, 267:347].astype(int)
    # The grain goes with the face: what differs is the skin around, which tells how strong it is.
    alike = np.corrcoef(there.ravel(), pasted[inside].astype(int).ravel())[0, 1]
    assert alike > 0.9
    assert (paste(image, patch, (300.0, 300.0), seed=1)[inside] != pasted[inside]).any()


def test_a_patch_over_the_whole_picture_leaves_the_original_as_it_was() -> None:
    image = skin(200)
    before = image.copy()
    fill = np.full((SIZE, SIZE, 3), 90, np.float32)
    everywhere = np.ones((SIZE, SIZE), np.float32)
    patch = Patch(Region(100, 100, 200, 200), np.zeros((SIZE, SIZE, 3), np.uint8), fill, everywhere)
    pasted = paste(image, patch, (100.0, 100.0))
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(pasted, 90)


def test_leaves_behind_a_person_are_no_grain_of_the_skin() -> None:
    image, calm = skin(600, grain=40.0), skin(600, grain=2.0)
    image[125:475, 125:475] = calm[125:475, 125:475]
    flat = np.full((SIZE, SIZE, 3), (180.0, 140.0, 120.0), np.float32)
    coverage = np.maximum(disc(30), np.roll(disc(8), (-100, -100), (0, 1)))
    region = Region(300.0, 300.0, 560.0, 560.0)
    patch = Patch(region, np.zeros((SIZE, SIZE, 3), np.uint8), flat, coverage)
    pasted = paste(image, patch, (300.0, 300.0))[270:330, 270:330].astype(float)
    assert pasted.std() < 2 * calm[270:330, 270:330].astype(float).std()


def test_a_patch_takes_the_light_of_what_is_around_it() -> None:
    picture = skin(SIZE, grain=0.0)
    light = np.linspace(0.8, 1.1, SIZE)[None, :, None]
    lit = np.clip(picture * light, 0, 255).astype(np.uint8)
    fill = picture.astype(np.float32) + (6, 2, -5)
    coverage = disc(14)
    got = in_light(lit, fill, coverage)
    inside = coverage > 0
    before = np.abs(fill - lit)[inside].mean()
    assert np.abs(got - lit)[inside].mean() < 0.25 * before


def points_at(x: float, y: float) -> np.ndarray:
    """A cloud of landmarks around a place."""
    random = np.random.default_rng(5)
    return np.array([x, y]) + random.uniform(-70, 70, (478, 2))


def test_patches_flicker_less_and_follow_the_face() -> None:
    random, steady = np.random.default_rng(0), Steady()
    truth = np.full((SIZE, SIZE, 3), 128, np.float32)
    truth[:, ::16] = 150
    coverage = disc(60)
    raw, calm = [], []
    for k in range(12):
        x = 128 + 2.0 * k
        shown = np.roll(truth, 2 * k, axis=1)
        tone = random.normal(0, 4) + random.normal(0, 2, (SIZE, SIZE, 3))
        fill = (shown + tone).astype(np.float32)
        patch = Patch(Region(128, 128, SIZE, SIZE), shown.astype(np.uint8), fill,
                      np.roll(coverage, 2 * k, axis=1))  # fmt: skip
        held = steady(patch, points_at(x, 128))
        area = np.s_[100:156, int(x) - 28 : int(x) + 28]
        raw.append(fill[area] - shown[area])
        calm.append(held.fill[area] - shown[area])
    flicker = [np.abs(np.diff(np.array(kind[3:]), axis=0)).mean() for kind in (raw, calm)]
    assert flicker[1] < 0.6 * flicker[0]
    # Stripes that moved with the face are not smeared.
    assert np.abs(np.mean(calm[-1])) < 6
    assert np.abs(calm[-1]).mean() < np.abs(raw[-1]).mean() + 1


def test_a_real_change_is_not_held_back_and_coverage_does_not_blink() -> None:
    steady, points = Steady(), points_at(128, 128)
    region, dark = Region(128, 128, SIZE, SIZE), np.full((SIZE, SIZE, 3), 60, np.float32)
    coverage = disc(50)

    def shown(fill: np.ndarray, covered: np.ndarray) -> Patch:
        return steady(Patch(region, fill.astype(np.uint8), fill, covered), points)

    shown(dark, coverage)
    bright = shown(dark + 120, coverage)
    assert np.abs(bright.fill[128, 128] - 180).max() < 1
    blinked = shown(dark + 120, 0 * coverage)
    assert blinked.coverage[128, 128] > 0.5
    steady.forget()
    assert shown(dark + 120, 0 * coverage).coverage.max() == 0


def test_squares_around_faces_follow_the_rule_of_the_training() -> None:
    points = np.array([[10.0, 20.0, 0], [110.0, 20.0, 3], [60.0, 220.0, 1]])
    region = face_region(points)
    assert (region.x, region.y) == (60.0, 120.0)
    assert region.width == region.height == pytest.approx(320.0)


def test_a_track_of_cleaned_frames_is_nearer_to_the_face_and_the_film_comes_along(
    film: Dotted, translator: Translator, tmp_path: Path
) -> None:
    model = tiny_translator(tmp_path / "mine.onnx")
    worn, plain = tmp_path / "worn.mp4", tmp_path / "plain.mp4"
    write_film(worn, film.worn)
    write_film(plain, film.clean)
    options = {"fit": False, "workers": 1}
    truth = api.video_to_expression(plain, **options).coefficients
    raw = api.video_to_expression(worn, **options)
    clean = api.video_to_expression(
        worn, electrodes="remove", translator=model, clean_film=tmp_path / "clean.mp4", **options
    )
    errors = [np.abs(track.coefficients - truth).mean() for track in (raw, clean)]
    assert errors[1] < 0.85 * errors[0]
    assert clean.provenance["translator_sha256"] == translator.sha256
    assert clean.provenance["clean_film"] == "clean.mp4"
    assert clean.provenance["options"]["translator"] == "mine.onnx"
    facts = open_video(tmp_path / "clean.mp4").facts
    assert (facts.n_frames, facts.width, facts.height) == (len(FRAMES), 320, 180)
