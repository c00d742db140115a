"""`eifer evaluate`: tables with targets, from real files, and sentences for what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eifer.eifer_addon.cli import main
from eifer.eifer_addon.evaluation.muscles import difference_interval
from eifer.eifer_addon.evaluation.sections import Row, Section


def test_quick_portraits_are_judged_and_written(test_data: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    source = test_data / "images" / "faker_CC0"
    for path in sorted(source.rglob("*.jpg"))[:3]:
        copy = data / "images" / "faker_CC0" / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    arguments = ["--data", str(data), "--out", str(out), "--quick", "--seed", "3"]
    assert main(["evaluate", "portraits", *arguments]) == 0
    found = json.loads((out / "portraits.json").read_text(encoding="utf-8"))
    rows = {row["measure"]: row for row in found["rows"]}
    worn, restored = (
        rows[f"60 electrodes: blendshape error, {state}"]
        for state in ("with electrodes", "restored")
    )
    assert rows["60 electrodes: faces lost, restored"]["value"] == 0
    assert worn["value"] is None or restored["value"] < worn["value"]
    assert restored["target"] == 0.02
    assert restored["met"] == (restored["value"] <= 0.02)
    assert (restored["n"], restored["seed"]) == ("1 pictures", 3)
    assert any("may have been trained on" in note for note in found["notes"])
    assert "blendshape error" in (out / "portraits.md").read_text(encoding="utf-8")
    assert np.asarray(Image.open(out / "portraits.png")).std() > 10


def test_real_people_are_compared_with_the_baseline(test_data: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(test_data), "--out", str(tmp_path), "--quick"]
    assert main(["evaluate", "real", *arguments]) == 0
    found = json.loads((tmp_path / "real.json").read_text(encoding="utf-8"))
    rows = {row["measure"]: row for row in found["rows"]}
    assert rows["baseline: smile, d"]["target"] is None
    trained = rows["emg2exp_fridlund: smile, d"]
    assert trained["target"] == rows["baseline: smile, d"]["value"]
    assert trained["met"] == (trained["value"] >= trained["target"])
    assert "difference" in trained["note"]


def test_the_interval_of_a_difference_holds_what_is_known_of_it() -> None:
    rng = np.random.default_rng(3)
    people = rng.normal(0.5, 1.0, 200)
    assert difference_interval(people, people) == (0.0, 0.0)
    # The same people with half the noise have twice the effect, here 0.5 more.
    low, high = difference_interval(0.5 + 0.5 * (people - 0.5), people)
    assert 0.2 < low < 0.5 < high < 0.9
    # Two people: resamples of one alone tell nothing, and are left out.
    assert np.isfinite(difference_interval(np.array([1.0, 2.0]), np.array([1.0, 3.0]))).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["portraits"], "needs the folder of the shared data"),
        (["portraits", "--data", "nowhere"], "is no folder"),
        (["portraits", "--data", "."], "holds no portraits"),
        (["real", "--data", "."], "fewer than two FMOV recordings"),
        (["emg", "--seed", "1"], "were trained on simulated people of seed 1"),
        (["rendered", "--model-translator", "none.onnx"], "none.onnx does not exist"),
    ],
)
def test_what_is_missing_is_said(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *arguments, "--out", "out"]) == 1
    assert sentence in capsys.readouterr().err


def test_a_row_says_whether_its_target_is_met() -> None:
    assert Row("a", 0.9, "1", target=1.0, least=True).met is False
    assert Row("a", 0.9, "1", target=1.0).met is True
    missing = Row("a", float("nan"), "0", target=1.0)
    assert missing.met is None
    text = Section("T", [missing, Row("b", 2.0, "5", 7, 1.0)]).markdown()
    assert "| a | — | ≤ 1: not measured | 0 |" in text
    assert "| b | 2 | ≤ 1: missed | 5 | 7 |" in text
