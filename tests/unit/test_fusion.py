"""Film and EMG of one session: the fused track is nearer to the face than either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fused_session import DELAY_S, Session, make_session

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.regions import region_of
from eifer.eifer_addon.signals.sync_result import Sync
from eifer.eifer_addon.spaces import get_space
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.video.visibility import visibility_of

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def sessions() -> tuple[Session, ...]:
    return tuple(make_session(seed) for seed in SEEDS)


@pytest.fixture(scope="module")
def session(sessions: tuple[Session, ...]) -> Session:
    return sessions[0]


def fused(session: Session, **options: object) -> ExpressionTrack:
    given = {"offset_s": session.offset_s, "occlusion": session.occlusion, **options}
    return api.fuse(session.video, session.emg, **given)


def on_film(session: Session, delay_s: float = DELAY_S) -> np.ndarray:
    """What the muscles alone say at the film's frames, with clock and delay as they truly are."""
    times = session.truth.timestamps + session.offset_s - delay_s
    return np.stack(
        [np.interp(times, session.emg.timestamps, c) for c in session.emg.coefficients.T], 1
    )


def without_bad_frames(session: Session) -> np.ndarray:
    """The film alone, straight lines where it is gone or covered."""
    times, columns = session.truth.timestamps, []
    for name, column in zip(
        session.truth.space.coefficients, session.video.coefficients.T, strict=True
    ):
        covered = session.occlusion.get(region_of(name), np.zeros(len(times)))
        good = (session.video.confidence > 0) & (covered == 0)
        columns.append(np.interp(times, times[good], column[good]))
    return np.stack(columns, axis=1)


def error(values: np.ndarray, session: Session, rows: np.ndarray | slice = slice(None)) -> float:
    moving = session.truth.coefficients.std(axis=0) > 0.01
    return float(np.sqrt(np.mean((values - session.truth.coefficients)[rows][:, moving] ** 2)))


def bad_rows(session: Session) -> np.ndarray:
    return (session.video.confidence <= 0) | (session.occlusion["mouth"] > 0)


def test_fused_beats_film_and_muscles_on_every_seed(sessions: tuple[Session, ...]) -> None:
    for session in sessions:
        together = fused(session).coefficients
        film, muscles = without_bad_frames(session), on_film(session)
        assert error(together, session) < 0.7 * min(error(film, session), error(muscles, session))
        rows = bad_rows(session)
        others = min(error(film, session, rows), error(muscles, session, rows))
        assert error(together, session, rows) < 0.8 * others


def test_delay_is_found_and_a_given_one_is_taken(session: Session) -> None:
    notes = fused(session).provenance["fusion"]
    assert notes["delay_ms"] == pytest.approx(1000 * DELAY_S, abs=10)
    assert notes["explained"] > 0.7
    wrong = fused(session, delay_ms=400.0)
    assert wrong.provenance["fusion"]["delay"] == "given"
    rows = bad_rows(session)
    assert error(wrong.coefficients, session, rows) > error(
        fused(session).coefficients, session, rows
    )


def test_the_film_stays_as_it_is_where_it_is_sure(session: Session) -> None:
    result = fused(session)
    whole = result.visibility["mouth"] == 1.0
    assert 0.3 < whole.mean() < 0.9
    mouth = [k for k, n in enumerate(result.space.coefficients) if region_of(n) == "mouth"]
    np.testing.assert_allclose(
        result.coefficients[whole][:, mouth], session.video.coefficients[whole][:, mouth], atol=1e-5
    )
    covered = session.occlusion["mouth"] > 0
    assert result.visibility["mouth"][covered].max() == 0.0
    assert result.visibility["brow"][covered & (session.video.confidence > 0)].mean() > 0.8
    assert (result.confidence > 0).all()
    assert result.confidence[session.video.confidence <= 0].max() < 1.0


def test_nothing_jumps_at_the_seams(session: Session) -> None:
    result = fused(session).coefficients
    rows = bad_rows(session)
    seams = np.flatnonzero(np.diff(rows.astype(int)) != 0)
    near = np.unique(np.clip(seams[:, None] + np.arange(-6, 7), 0, len(rows) - 2))
    steps = np.abs(np.diff(result, axis=0))
    clean = np.abs(np.diff(session.video.coefficients, axis=0))[~(rows[1:] | rows[:-1])]
    assert np.quantile(steps[near], 0.999) < np.quantile(clean, 0.9999)
    hard = fused(session, fade_s=0.0).coefficients
    assert np.abs(np.diff(hard, axis=0))[near].max() >= steps[near].max() - 0.02


def test_clocks_with_drift_and_a_sync_as_it_was_found(session: Session) -> None:
    drifting = make_session(5, drift_ppm=2000.0)
    told = api.fuse(drifting.video, drifting.emg, sync=Sync(drifting.offset_s, 2000.0),
                    occlusion=drifting.occlusion)  # fmt: skip
    numbers = fused(drifting, drift_ppm=2000.0)
    np.testing.assert_array_equal(told.coefficients, numbers.coefficients)
    assert told.provenance["fusion"]["drift_ppm"] == 2000.0
    assert error(told.coefficients, drifting) < error(without_bad_frames(drifting), drifting)


def test_curves_find_the_offset_of_film_and_raw_recording(session: Session) -> None:
    sync = api.synchronise(session.recording, session.video)
    assert sync.method == "curves"
    # By curves, the offset holds the delay of the skin.
    assert sync.seconds == pytest.approx(session.offset_s - DELAY_S, abs=0.05)
    assert abs(sync.seconds - session.offset_s + DELAY_S) < 4 * sync.error_ms / 1000 + 0.02
    notes = fused(session, sync=sync).provenance["fusion"]
    total = sync.seconds - notes["delay_ms"] / 1000
    assert total == pytest.approx(session.offset_s - DELAY_S, abs=0.02)


def test_covered_parts_are_known_from_the_film_itself(session: Session) -> None:
    told = replace(session.video, visibility={
        region: (1 - covered).astype(np.float32) for region, covered in session.occlusion.items()
    })  # fmt: skip
    itself = api.fuse(told, session.emg, offset_s=session.offset_s)
    np.testing.assert_allclose(itself.coefficients, fused(session).coefficients, atol=1e-6)
    landmarks = np.ones((4, 478), np.float32)
    landmarks[1, [0, 13, 14, 17, 37, 39, 61, 78, 84, 91, 146]] = 0.0
    landmarks[2] = np.nan
    seen = visibility_of(landmarks)
    assert (seen["mouth"][:3] == [1, 0, 0]).all()
    assert (seen["brow"][:3] == [1, 1, 0]).all()


def test_a_head_that_fits_less_well_hides_nothing(session: Session) -> None:
    n = len(session.video)
    for level, share in ((1.0, 1.0), (0.55, 1.0), (0.2, 0.25)):
        seen = {"mouth": np.full(n, level, np.float32)}
        result = api.fuse(
            replace(session.video, visibility=seen), session.emg, offset_s=session.offset_s
        )
        good = session.video.confidence > 0
        assert np.median(result.visibility["mouth"][good]) == pytest.approx(share, abs=0.01)


def test_the_finer_frames_on_request(session: Session) -> None:
    result = fused(session, frames="emg")
    step = np.median(np.diff(session.emg.timestamps))
    assert np.median(np.diff(result.timestamps)) == pytest.approx(step)
    assert result.timestamps[0] >= session.video.timestamps[0]
    assert len(result.head_pose) == len(result)


def test_without_emg_or_film_a_frame_stays_a_gap(session: Session) -> None:
    short = replace(
        session.emg, confidence=np.where(session.emg.timestamps < 15, 1, 0).astype(np.float32)
    )
    video = replace(session.video, confidence=session.video.confidence.copy())
    video.confidence[-60:] = 0.0
    result = api.fuse(video, short, offset_s=session.offset_s)
    assert (result.confidence[-60:] == 0).all()
    late = np.flatnonzero((session.truth.timestamps > 13) & (video.confidence > 0))
    np.testing.assert_allclose(
        result.coefficients[late], session.video.coefficients[late], atol=0.2
    )


def test_head_pose_goes_over_gaps_and_everything_is_saved(session: Session, tmp_path: Path) -> None:
    pose = np.zeros((len(session.video), 6), np.float32)
    pose[:, 1] = np.linspace(0, 1, len(pose))
    gone = session.video.confidence <= 0
    pose[gone] = 0
    result = fused(replace(session, video=replace(session.video, head_pose=pose)))
    np.testing.assert_allclose(result.head_pose[:, 1], np.linspace(0, 1, len(pose)), atol=1e-4)
    again = ExpressionTrack.load(result.save(tmp_path / "fused.npz"))
    np.testing.assert_array_equal(again.visibility["mouth"], result.visibility["mouth"])
    assert again.provenance["fusion"] == result.provenance["fusion"]
    assert again.provenance["simulated"] is True
    assert "model" in again.provenance["emg"]


def test_a_still_face_has_no_delay_and_says_so(session: Session) -> None:
    still = replace(session.video, coefficients=np.zeros_like(session.video.coefficients))
    notes = api.fuse(still, session.emg, offset_s=session.offset_s).provenance["fusion"]
    assert notes["delay_ms"] == 0.0
    assert "nothing moves" in notes["delay"]


def test_bad_requests_get_one_sentence(session: Session) -> None:
    with pytest.raises(EiferError, match=r"film from 0.00 to"):
        fused(session, offset_s=900.0)
    with pytest.raises(EiferError, match="belongs to 'chin'"):
        fused(session, occlusion={"chin": 1.0})
    with pytest.raises(EiferError, match="How far 'mouth' is covered"):
        fused(session, occlusion={"mouth": np.ones(3)})
    with pytest.raises(EiferError, match="cannot be"):
        fused(session, confident=(0.9, 0.1))
    with pytest.raises(EiferError, match="no frames of 'both'"):
        fused(session, frames="both")
    empty = ExpressionTrack(get_space("arkit52"), np.zeros((0, 52), np.float32), np.zeros(0),
                            np.zeros(0, np.float32))  # fmt: skip
    with pytest.raises(EiferError, match="without frames"):
        api.fuse(empty, session.emg)
    with pytest.raises(EiferError, match="The visibility of 'mouth' has the shape"):
        replace(session.video, visibility={"mouth": np.ones(3)})
