"""The contact sheet: frames of the film above, the avatar where the face lies below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from film_writer import write_film
from smile_films import smile_film

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES
from eifer.eifer_addon.track import Camera, ExpressionTrack
from eifer.eifer_addon.video.compare_avatar import PAPER, Avatar, View
from eifer.eifer_addon.video.contact_sheet import contact_sheet

WIDTH, HEIGHT, N = 320, 240, 6
PAPER_BYTES = np.rint(np.array(PAPER) * 255)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [np.full((HEIGHT, WIDTH, 3), 40 * k, np.uint8) for k in range(N)]
    return write_film(tmp_path_factory.mktemp("film") / "six.mp4", pictures)


def a_track(move: float = 0.0, **coefficients: float) -> ExpressionTrack:
    """Six frames, the head 0.7 m away and `move` m to the right of the picture."""
    values = np.zeros((N, 52), np.float32)
    for name, value in coefficients.items():
        values[:, ARKIT_NAMES.index(name)] = value
    pose = np.zeros((N, 6), np.float32)
    pose[:, 3] = move
    return ExpressionTrack(
        ARKIT52, values, np.arange(N) / 30, np.ones(N, np.float32), pose,
        camera=Camera(WIDTH, HEIGHT, 400.0, (0.0, 0.0, -0.7)),
    )  # fmt: skip


def drawn(picture: np.ndarray) -> np.ndarray:
    """Where a tile shows the head and not the paper."""
    return np.asarray(np.abs(picture.astype(int) - PAPER_BYTES).max(axis=2) > 12)


def test_the_avatar_lies_where_the_film_s_camera_sees_it() -> None:
    avatar, track = Avatar(api.load_head()), a_track(0.1)
    vertices = avatar.vertices(track, 0)
    assert track.camera is not None
    seen = track.camera.project(vertices)
    view = View(80.0, 20.0, 200.0, 160)
    columns, rows = np.nonzero(drawn(avatar.draw(vertices, track.camera, view)).T)
    found = [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]
    low, high = (seen.min(axis=0) - (80, 20)) * 0.8, (seen.max(axis=0) - (80, 20)) * 0.8
    expected = [low[0], min(high[0], 160), max(low[1], 0), min(high[1], 160)]
    assert np.abs(np.array(found) - expected).max() < 2.5


def test_the_first_row_is_the_film_and_a_column_is_one_frame(film: Path) -> None:
    away = a_track()
    gap = ExpressionTrack(
        ARKIT52, away.coefficients, away.timestamps, np.array([1, 1, 0, 0, 0, 0], np.float32),
        away.head_pose, camera=away.camera,
    )  # fmt: skip
    size = 96
    sheet = contact_sheet({"still": away, "gone": gap}, film, [1, 4], size=size)
    height, width = sheet.shape[:2]
    rows = [height - 3 * (size + 6) + k * (size + 6) for k in range(3)]
    columns = [width - 2 * (size + 6) + k * (size + 6) for k in range(2)]
    tile = {(y, x): sheet[rows[y] :, columns[x] :][:size, :size] for y in range(3) for x in (0, 1)}
    assert drawn(tile[1, 0]).mean() > 0.2
    assert np.abs(tile[1, 0].astype(int) - tile[2, 0]).max() == 0
    # The second method has lost the face by then: words on paper, and no head.
    assert 0 < drawn(tile[2, 1]).mean() < 0.05
    assert [round(float(tile[0, k].mean()) / 40) for k in (0, 1)] == [1, 4]


def test_a_mouth_that_opens_changes_the_picture_there(film: Path) -> None:
    avatar = Avatar(api.load_head())
    shut, wide = a_track(), a_track(jawOpen=1.0)
    view = View(60.0, 20.0, 200.0, 128)
    pictures = [
        avatar.draw(avatar.vertices(track, 0), track.camera, view)
        for track in (shut, wide)
        if track.camera is not None
    ]
    changed = np.abs(pictures[0].astype(int) - pictures[1]).max(axis=2)
    assert changed[70:].max() > 60
    assert changed[:30].max() < 10


def test_a_track_without_a_camera_is_seen_from_the_front(film: Path) -> None:
    track = ExpressionTrack(ARKIT52, np.zeros((N, 52)), np.arange(N) / 30, np.ones(N))
    sheet = contact_sheet({"front": track}, film, [0], size=96)
    head = drawn(sheet[-102:-6, -102:-6])
    assert 0.2 < head.mean() < 0.95
    assert abs(np.nonzero(head)[1].mean() - 48) < 4


def test_frames_that_are_not_there_are_named(film: Path) -> None:
    with pytest.raises(EiferError, match="has 6 frames, none with number 6"):
        contact_sheet({"a": a_track()}, film, [6])
    with pytest.raises(EiferError, match="at least one frame"):
        contact_sheet({"a": a_track()}, film, [])


def test_an_avatar_that_is_another_head_is_laid_over_the_face(
    test_data: Path, tmp_path: Path
) -> None:
    film = smile_film(tmp_path / "smile.mp4", test_data, (0, 0))
    # What the method says of the place belongs to a head that is not here.
    camera = Camera(320, 180, 300.0, (0.3, -0.2, -1.2))
    foreign = replace(a_track(), camera=camera, identity=np.ones(300, np.float32))
    size = 120
    sheet = contact_sheet({"foreign": foreign}, film, [0], size=size)
    head = drawn(sheet[-size - 6 : -6, -size - 6 : -6])
    assert 0.15 < head.mean() < 0.6
    rows, columns = np.nonzero(head)
    assert abs(columns.mean() - size / 2) < 15
    assert abs(rows.mean() - size / 2) < 15
