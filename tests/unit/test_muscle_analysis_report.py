"""A track and a recording become curves, numbers, tables and a report page."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from muscle_films import FILM_HZ, simulated
from PIL import Image
from tiny_exp2emg import write_exp2emg

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.muscle_analysis import MuscleAnalysis
from eifer.eifer_addon.muscle_analysis_files import NAMES, save_analysis
from eifer.eifer_addon.muscle_analysis_inputs import evenly, predicted_from, smoothed_alike
from eifer.eifer_addon.muscle_page import write_page
from eifer.eifer_addon.muscle_page_html import to_html
from eifer.eifer_addon.spaces import get_space
from eifer.eifer_addon.track import ExpressionTrack

pytest.importorskip("matplotlib")
LATE_S = 0.08
EXAMPLE = Path(__file__).parents[2] / "examples" / "muscles_from_video.py"


def face(late_s: float = LATE_S, gap: slice = slice(0, 0)) -> ExpressionTrack:
    """What a film of the simulated person shows, at 30 Hz."""
    shown = api.emg_to_expression(simulated()[1], model="baseline")
    times = np.arange(0.0, 19.5, 1 / FILM_HZ)
    values = [np.interp(times - late_s, shown.timestamps, c) for c in shown.coefficients.T]
    sure = np.ones(len(times), np.float32)
    sure[gap] = 0.0
    return ExpressionTrack(
        shown.space, np.stack(values, 1).astype(np.float32), times, sure,
        provenance={"simulated": True, "model": "simulated face"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_exp2emg(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def found(model: Path) -> MuscleAnalysis:
    return api.analyse_muscles(face(gap=slice(60, 75)), simulated()[0], model, draws=200)


@pytest.fixture(scope="module")
def saved(found: MuscleAnalysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "out"
    save_analysis(found, folder, report=False)
    return folder


@pytest.fixture(scope="module")
def reported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the example writes, as users run it."""
    folder = tmp_path_factory.mktemp("example")
    command = [sys.executable, str(EXAMPLE), str(folder), "", "", str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "follows the muscles by" in done.stdout
    assert (folder / "smile.svg").is_file()
    return folder


def test_a_track_beside_its_recording(found: MuscleAnalysis) -> None:
    assert found.unit == "µV"
    assert found.comparison.delays is not None
    # The model looks at single frames, so face and prediction are late alike.
    assert found.comparison.delays.common_ms == pytest.approx(1e3 * LATE_S, abs=10)
    assert found.comparison.late_ms == pytest.approx(1e3 * LATE_S, abs=15)
    behind = found.comparison.behind
    assert behind is not None
    assert found.comparison.late_ms == behind.common_ms
    smile = found.comparison.score_of("zygomaticus.left")
    assert smile is not None
    assert smile.r > 0.9
    assert smile.n == len(found.comparison.paired.times) - 15
    told = found.describe()
    for words in (
        "zygomaticus, left",
        "SMAPE",
        "follows the muscles by",
        "confidence 0",
        "one clock",
    ):
        assert words in told


def test_the_table_is_tidy(found: MuscleAnalysis, saved: Path) -> None:
    with (saved / NAMES["csv"]).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    paired = found.comparison.paired
    assert len(rows) == paired.predicted.size
    own = [row for row in rows if (row["muscle"], row["side"]) == ("zygomaticus", "left")]
    k = paired.muscles.index("zygomaticus.left")
    np.testing.assert_allclose(
        [float(r["predicted"]) for r in own], paired.predicted[:, k], atol=1e-5
    )
    np.testing.assert_allclose([float(r["time_s"]) for r in own], paired.times, atol=1e-5)
    assert {row["movement"] for row in own} >= {"", "big smile", "anger"}
    assert sum(row["counts"] == "0" for row in own) == 15
    with (saved / NAMES["scores"]).open(encoding="utf-8") as stream:
        scores = list(csv.DictReader(stream))
    assert len(scores) == 22
    assert float(scores[0]["rho_low"]) <= float(scores[0]["rho"]) <= float(scores[0]["rho_high"])


def test_numbers_are_json_without_nan(saved: Path) -> None:
    numbers = json.loads((saved / NAMES["numbers"]).read_text("utf-8"))
    assert numbers["kind"] == "muscle_analysis"
    assert numbers["summary"]["n_muscles"] > 15
    assert numbers["clock"]["delay_is_known"]
    assert {row["label"] for row in numbers["movements"]} >= {"anger", "sadness"}
    assert any(row["frames"] == 15 for row in numbers["left_out"])
    again = api.read_activity(saved / NAMES["activity"])
    assert "zygomaticus.left" in again.muscles


def test_an_earlier_analysis_is_not_replaced_unasked(found: MuscleAnalysis, saved: Path) -> None:
    with pytest.raises(EiferError, match="exists already"):
        save_analysis(found, saved, report=False)


def test_the_page_is_an_a4_picture_in_print_resolution(reported: Path) -> None:
    with Image.open(reported / NAMES["page"]) as picture:
        assert picture.size[0] >= 200 * 8.26
        assert picture.size[1] / picture.size[0] == pytest.approx(297 / 210, rel=0.01)
        dots = np.asarray(picture.convert("L"))
    # Ink in every fifth of the page, and none at its rim.
    assert all((part < 128).any() for part in np.array_split(dots, 5))
    assert dots[:20].min() == dots[:, :20].min() == dots[:, -20:].min() == 255


class _Page(HTMLParser):
    """Which elements a page has, and whether they are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_holds_everything_itself(reported: Path) -> None:
    text = (reported / NAMES["report"]).read_text("utf-8")
    page = _Page()
    page.feed(text)
    assert page.open == []
    tags = [tag for tag, _ in page.seen]
    assert "script" not in tags
    assert "link" not in tags
    assert tags.count("img") == 4
    assert tags.count("table") == 3
    for tag, attributes in page.seen:
        if tag == "img":
            assert str(attributes["src"]).startswith("data:image/png;base64,")
            assert attributes["alt"]
    bare = re.sub(r'src="data:[^"]*"', "", text)
    assert "http" not in bare
    assert "url(" not in bare
    assert "@page" in bare
    for words in ("zygomaticus", "Spearman", "Simulated", "block bootstrap", "tiny_fridlund"):
        assert words in bare


def test_names_cannot_break_the_page(found: MuscleAnalysis) -> None:
    still = replace(found.comparison, movements=(), courses=(), asymmetries=())
    named = "<script>alert(1)</script>.mp4"
    text = to_html(replace(found, name=named, measured=None, comparison=still))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_film_alone_has_a_page_too(model: Path, tmp_path: Path) -> None:
    alone = api.analyse_muscles(face(), model=model, draws=100)
    assert alone.measured is None
    assert len(alone.comparison.movements) > 5
    assert "movement 1" in alone.describe()
    assert write_page(tmp_path / "page.png", alone).stat().st_size > 50_000


def test_tracks_of_other_spaces_are_carried_over_or_said_not_to_be(model: Path) -> None:
    n = 90
    basel = ExpressionTrack(
        get_space("bfm09:e64"), np.zeros((n, 64), np.float32), np.arange(n) / 30,
        np.ones(n, np.float32),
    )  # fmt: skip
    with pytest.raises(EiferError, match="Basel Face Model"):
        api.analyse_muscles(basel, model=model)


def test_unusable_tracks_and_models_are_one_sentence(model: Path) -> None:
    blind = replace(face(), confidence=np.zeros(len(face()), np.float32))
    with pytest.raises(EiferError, match="seen in no frame"):
        api.analyse_muscles(blind, simulated()[0], model)
    wrong = Path(api.__file__).parents[1] / "models" / "weights" / "emg2exp_baseline.onnx"
    with pytest.raises(EiferError, match="of the kind 'emg2exp'"):
        api.analyse_muscles(face(), model=wrong)
    recording = simulated()[0]
    unknown = replace(recording, channels=tuple(f"Strain {k}" for k in range(22)))
    with pytest.raises(EiferError, match=r"\S"):
        api.analyse_muscles(face(), unknown, model)
    with pytest.raises(EiferError, match="no electrode scheme 'circle'"):
        api.analyse_muscles(face(), scheme="circle")


def test_bad_channels_are_left_out_with_their_reason(model: Path) -> None:
    recording = simulated()[0]
    samples = recording.data().copy()
    samples[3] = 0.0
    flat = replace(recording, read_samples=lambda a, b: samples[:, a:b],
                   read_channel=lambda k, a, b: samples[k, a:b])  # fmt: skip
    found = api.analyse_muscles(face(), flat, model, draws=100)
    reasons = {row.what: row.why for row in found.comparison.left_out}
    name = found.measured.muscles[3] if found.measured else ""
    assert "never changes" in reasons[name]
    kept = api.analyse_muscles(face(), flat, model, draws=100, keep_bad=True)
    assert name in kept.comparison.paired.muscles


def test_uneven_frames_are_read_off_anew() -> None:
    track = face()
    keep = np.ones(len(track), bool)
    keep[100:103] = False
    uneven = replace(
        track, coefficients=track.coefficients[keep], timestamps=track.timestamps[keep],
        confidence=track.confidence[keep],
    )  # fmt: skip
    even = evenly(uneven)
    assert np.ptp(np.diff(even.timestamps)) < 1e-9
    assert evenly(track) is track
    # Where frames are missing nothing is known.
    assert (even.confidence[101:102] == 0).all()


def test_prediction_is_averaged_as_slow_envelopes_are(model: Path) -> None:
    ours = predicted_from(face(), model)
    slow = smoothed_alike(ours, 0.5)
    curve, calm = (one.activity.column("zygomaticus.left") for one in (ours, slow))
    at = 200
    window = curve[at - 7 : at + 8].astype(np.float64)
    assert calm[at] == pytest.approx(np.sqrt(np.mean(window**2)), rel=0.02, abs=0.01)
    assert "500 ms" in slow.notes[-1]
    assert smoothed_alike(ours, 0.0) is ours
