"""The report and the panel beside the face: readable pictures that say what they show."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.figures import muscle_rows, thin
from eifer.eifer_addon.report import envelope_panel, write_report
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.emg2exp import emg_to_expression
from eifer.models.synthetic.physiology import simulate_recording

matplotlib_text = pytest.importorskip("matplotlib.text", reason="figures need matplotlib")

Take = tuple[Recording, Activity, ExpressionTrack]


@pytest.fixture(scope="module")
def take() -> Take:
    recording, truth = simulate_recording(20.0, 512.0, seed=1)
    return recording, truth, emg_to_expression(truth)


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is drawn, recorded as matplotlib draws it."""
    drawn: list[str] = []
    draw = matplotlib_text.Text.draw

    def record(self: object, *args: object, **kwargs: object) -> object:
        drawn.append(self.get_text())
        return draw(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib_text.Text, "draw", record)
    return drawn


def read_png(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(path))


def test_the_report_is_a_page_that_names_everything(
    take: Take, tmp_path: Path, texts: list[str]
) -> None:
    still = np.full((64, 64, 3), 128, np.uint8)
    path = write_report(tmp_path / "r.png", *take, still=still, hints=["Zyg li is noisy."])
    image = read_png(path)
    assert image.shape[0] > 1.35 * image.shape[1] > 1500
    page = "\n".join(texts)
    assert "Simulated recording, not measured on a person" in page
    assert "Zyg li is noisy." in page
    assert "zygomaticus" in page
    assert "Zyg re" in page
    assert "mouthSmileLeft" in page
    assert "big smile" in page
    assert str(take[2].provenance["model_sha256"])[:16] in page
    assert not [t for t in texts if len(t) > 5 and t.isupper()]


def test_a_measured_recording_is_not_called_simulated(
    take: Take, tmp_path: Path, texts: list[str]
) -> None:
    recording = replace(take[0], source={"file": "/data/p01.edf"})
    activity = replace(take[1], source={"file": "/data/p01.edf"})
    write_report(tmp_path / "r.png", recording, activity, emg_to_expression(activity))
    assert "p01.edf" in texts
    assert "simulated" not in "\n".join(texts).lower()


def test_repairs_stand_with_the_hints_and_not_among_the_filters(
    take: Take, tmp_path: Path, texts: list[str]
) -> None:
    recording, activity, track = take
    said = "'Corr li' is mirrored: 'Corr re' drives corrugator on both sides."
    repaired = replace(activity, filters=("mean removed", "rectified", said))
    write_report(tmp_path / "a.png", recording, repaired, track)
    flat = [" ".join(text.split()) for text in texts]
    assert "1. mean removed 2. rectified" in flat
    assert any(said in text for text in flat if "1. mean" not in text)


def test_no_text_leaves_the_page_or_covers_another(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eifer.eifer_addon import report

    kept = []
    monkeypatch.setattr(
        report, "new_figure", lambda *a, make=report.new_figure, **k: kept.append(make(*a, **k))
        or kept[-1],
    )  # fmt: skip
    write_report(tmp_path / "r.png", *take, still=np.zeros((9, 9, 3), np.uint8))
    figure = kept[0]
    renderer = figure.canvas.get_renderer()
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(matplotlib_text.Text)
        if text.get_text() and text.get_visible() and not text.get_text().startswith("0.0")
    ]
    page = figure.bbox
    for name, box in boxes:
        assert box.x0 >= page.x0 and box.x1 <= page.x1, name  # noqa: PT018
        assert box.y0 >= page.y0 and box.y1 <= page.y1, name  # noqa: PT018
    for k, (name, box) in enumerate(boxes):
        for other, second in boxes[:k]:
            # Lines of small type may touch; a shared area of more than a hair may not be.
            width = min(box.x1, second.x1) - max(box.x0, second.x0)
            height = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert width < 2 or height < 3, (name, other)


def test_one_muscle_without_side_events_or_file_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    recording = Recording.from_array(rng.random((1, 300)), 100.0, ("corrugator",))
    activity = Activity(
        rng.random((300, 1)).astype(np.float32), 100.0, ("corrugator.left",), np.zeros(1),
        np.ones(1), ("corrugator",),
    )  # fmt: skip
    path = write_report(tmp_path / "r.png", recording, activity, emg_to_expression(activity))
    assert read_png(path).std() > 0.02


def test_a_face_at_rest_is_drawn(take: Take, tmp_path: Path) -> None:
    activity = replace(take[1], values=np.zeros_like(take[1].values))
    write_report(tmp_path / "r.png", take[0], activity, emg_to_expression(activity))


def test_an_existing_report_is_kept_unless_allowed(take: Take, tmp_path: Path) -> None:
    (tmp_path / "r.png").write_bytes(b"mine")
    with pytest.raises(EiferError, match="exists already"):
        write_report(tmp_path / "r.png", *take, overwrite=False)
    assert (tmp_path / "r.png").read_bytes() == b"mine"
    with pytest.raises(EiferError, match="folder does not exist"):
        write_report(tmp_path / "no" / "r.png", *take)


def test_a_missing_matplotlib_is_said_with_its_remedy(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EiferError, match="pip install matplotlib"):
        write_report(tmp_path / "r.png", *take)
    assert list(tmp_path.iterdir()) == []


def test_the_panel_has_the_size_asked_for_and_a_moving_cursor(take: Take, texts: list[str]) -> None:
    activity = take[1]
    frames = [envelope_panel(activity, t, (480, 360)) for t in (0.0, 5.85, 19.9)]
    assert all(f.shape == (360, 480, 3) and f.dtype == np.uint8 for f in frames)
    cursors = [int(np.argmax((f[100:300] == 255).all(axis=(0, 2)))) for f in frames]
    assert cursors == sorted(cursors)
    assert cursors[0] < 160
    assert cursors[2] > 440
    np.testing.assert_array_equal(frames[0], envelope_panel(activity, -3.0, (480, 360)))
    assert "Simulated muscle activity" in texts
    assert "big smile" not in texts
    envelope_panel(activity, 4.5, (480, 360))
    assert "big smile" in texts


def test_a_long_recording_turns_pages(take: Take) -> None:
    values = np.tile(take[1].values, (6, 1))
    activity = replace(take[1], values=values, events=())
    early, late = (envelope_panel(activity, t, (400, 400)) for t in (19.9, 119.9))
    assert early.shape == late.shape
    assert (early != late).any()


def test_a_moment_is_named_for_a_while(take: Take, texts: list[str]) -> None:
    activity = replace(take[1], events=((6.0, "happy", 0.0), (7.0, "angry", 0.0)))
    for at, shown in ((5.9, []), (6.5, ["happy"]), (9.9, ["happy", "angry"])):
        envelope_panel(activity, at, (300, 300))
        assert [t for t in ("happy", "angry") if t in texts] == shown


def test_a_hundred_panels_a_second(take: Take) -> None:
    envelope_panel(take[1], 0.0, (512, 512))
    started = time.process_time()
    for k in range(100):
        envelope_panel(take[1], k / 10, (512, 512))
    assert time.process_time() - started < 3.0


def test_a_panel_that_is_too_small_is_refused(take: Take) -> None:
    with pytest.raises(EiferError, match="too small"):
        envelope_panel(take[1], 0.0, (100, 100))


def test_thinning_keeps_every_peak() -> None:
    values = np.zeros(100_000)
    values[[777, 54_321]] = 3, -2
    times, few = thin(np.arange(100_000.0), values, 1000)
    assert len(few) == len(times) <= 1000
    assert few.max() == 3
    assert few.min() == -2


def test_muscles_are_grouped_by_name(take: Take) -> None:
    rows = muscle_rows(take[1])
    assert len(rows) == 11
    assert all(set(columns) == {"left", "right"} for _, columns in rows)
    one = replace(take[1], channels=("all",) * 22)
    assert all(list(columns) == [""] for _, columns in muscle_rows(one))
