"""One recording with its film, cut into clips that are held out as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.spaces import ARKIT52
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.training.data_folders import find_sessions, usable
from eifer.models.training.data_folders_cut import cut_session
from eifer.models.training.data_folders_split import split
from eifer.models.training.data_folders_takes import save_session

RATE = 50.0


def a_session(
    seconds: float, events: tuple[tuple[float, str, float], ...] = (), start_s: float = 2.0
) -> tuple[Activity, ExpressionTrack]:
    n = round(seconds * RATE)
    times = start_s + np.arange(n) / RATE
    # A movement every 4 s; calm at multiples of 4 s.
    values = np.abs(np.sin(np.pi * times / 4))[:, None].astype(np.float32)
    activity = Activity(
        values, RATE, ("zygomaticus.left",), np.zeros(1), np.ones(1), ("a",), start_s=start_s,
        events=events,
    )  # fmt: skip
    frames = np.arange(round(seconds * 30)) / 30 + start_s
    coefficients = np.zeros((len(frames), len(ARKIT52)), np.float32)
    track = ExpressionTrack(ARKIT52, coefficients, frames, np.ones(len(frames), np.float32))
    return activity, track


def test_marked_movements_become_clips_that_share_no_moment() -> None:
    events = ((3.0, "smile", 2.0), (5.2, "smile", 2.0), (9.0, "frown", 3.0), (14.0, "kiss", 2.0),
              (17.0, "blink", 0.0))  # fmt: skip
    cut = cut_session(*a_session(20.0, events))
    assert list(cut.clips) == ["smile_01", "smile_02", "frown_01", "kiss_01"]
    assert cut.movements["smile_02"] == "smile"
    spans = [(a.timestamps[0], a.timestamps[-1]) for a, _ in cut.clips.values()]
    assert all(one[1] < other[0] for one, other in zip(spans, spans[1:], strict=False))
    activity, track = cut.clips["frown_01"]
    assert activity.start_s == pytest.approx(8.5)
    assert 8.5 <= track.timestamps[0] < track.timestamps[-1] < 12.5
    wanted = np.abs(np.sin(np.pi * activity.timestamps / 4))
    np.testing.assert_allclose(activity.values[:, 0], wanted, atol=1e-5)


def test_without_marks_it_is_cut_where_the_face_is_calm() -> None:
    activity, track = a_session(40.0)
    cut = cut_session(activity, track)
    assert len(cut.clips) == 5
    starts = [a.start_s for a, _ in cut.clips.values()][1:]
    np.testing.assert_allclose(np.asarray(starts) % 4.0, 0.0, atol=0.021)
    assert sum(len(a) for a, _ in cut.clips.values()) == len(activity) - 1


def test_a_cut_session_can_be_saved_found_and_split(tmp_path) -> None:  # type: ignore[no-untyped-def]
    cut = cut_session(*a_session(40.0))
    save_session(tmp_path, "Anna", "monday", cut.clips, cut.movements)
    (session,) = usable(find_sessions(tmp_path), ("emg", "track")).sessions
    assert (session.subject, len(session.clips)) == ("Anna", 5)
    parts = split([session], "movement", test_share=0.0)
    assert (len(parts.train[0].clips), len(parts.val[0].clips), parts.test) == (4, 1, [])


def test_too_little_in_common_is_said_in_seconds() -> None:
    activity, _ = a_session(10.0)
    _, track = a_session(10.0, start_s=9.5)
    with pytest.raises(EiferError, match=r"only 2\.5 s in common"):
        cut_session(activity, track)
