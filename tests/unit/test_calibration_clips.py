"""In an MMM folder each functional movement is a clip; together they calibrate a subject."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from posed_session import Person, posed_session

from eifer import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.clips import holds_clips, session_of_clips
from eifer.eifer_addon.signals.movements import movement_names

HEAD = "source,index,pid,rec,mode,task,type,sync_grade,use,video,video_no-cut,emg,video_noelec"
MMM_NAMES = {
    "corrugator": "Corrugator Supercilii", "depressor_anguli_oris": "Depressor Ang. Oris",
    "depressor_supercilii": "Depressor Supercilii Procerus",
    "frontalis_lateralis": "Lateraler Frontalis", "levator_labii": "Levator Labii Superioris",
    "masseter": "Masseter", "frontalis_medialis": "Medialer Frontalis", "mentalis": "Mentalis",
    "orbicularis_oculi": "Orbicularis Oculi", "orbicularis_oris": "Orbicularis Oris",
    "zygomaticus": "Zygomaticus",
}  # fmt: skip


def mmm_session(root: Path, sessions: tuple[str, ...] = ("99_2S",)) -> Path:
    """Eleven clips a session, cut out of a simulated one, as 30 Hz envelopes in microvolts."""
    lines = [HEAD]
    for number, session in enumerate(sessions):
        recording, _ = posed_session(Person(number))
        made = api.to_activity(recording, preset="mam", rate_hz=30.0)
        envelopes = made.values * made.scale + made.baseline
        columns = [m.rpartition(".") for m in made.muscles]
        names = [f"{MMM_NAMES[muscle]}_{side[0]}" for muscle, _, side in columns]
        for index, event in enumerate(recording.events, 1):
            task = event.name.title().replace(" ", "-")
            clip = f"{session}_schaede_{index:02d}_{task}"
            start = round(30 * max(event.onset_s - 0.4, 0))
            stop = round(30 * (event.onset_s + event.duration_s + 0.4))
            rows = [f"{k}," + ",".join(f"{v:.4f}" for v in row)
                    for k, row in enumerate(envelopes[start:stop])]  # fmt: skip
            path = root / "emg" / session / f"{clip}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([",".join(["", *names]), *rows]) + "\n", "utf-8")
            pid, rec = session.split("_")
            lines.append(
                f"MMM,{index:02d},{pid},{rec},schaede,{task},sensor,0,yes,,,emg/{session}/{clip}.csv,"
            )
    (root / "MMM.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return root


def test_the_clips_of_a_session_are_one_calibration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mmm_session(tmp_path)
    out = tmp_path / "s.json"
    assert main(["calibrate", str(root), "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert tuple(document["movements"]) == movement_names()
    assert document["preset"] == "none"
    assert document["source"]["file"] == str(root)
    assert document["muscles"]["zygomaticus.left"]["origin"].startswith("smile")
    assert document["muscles"]["frontalis_medialis.right"]["origin"] == "forehead"
    rest = document["muscles"]["zygomaticus.left"]
    assert rest["scale"] > 10 * rest["baseline"]


def test_a_session_is_chosen_among_several(tmp_path: Path) -> None:
    root = mmm_session(tmp_path, ("99_2S", "99_3S"))
    assert holds_clips(root)
    assert not holds_clips(root / "MMM.csv")
    with pytest.raises(EiferError, match=r"several sessions\. Choose one of: 99_2S, 99_3S"):
        session_of_clips(root)
    with pytest.raises(EiferError, match="no session '98_1S'"):
        session_of_clips(root, "98_1S")
    joined = session_of_clips(root, "99_3S")
    assert len(joined.events) == 11
    assert joined.holds_envelope
    clip = api.read_recording(root, clip="99_3S_schaede_07_Smile-Open")
    start = round(joined.events[6].onset_s * 30)
    np.testing.assert_array_equal(joined.data(start, start + clip.n_samples), clip.data())


def test_a_table_that_advises_against_all_clips_is_no_session(tmp_path: Path) -> None:
    root = mmm_session(tmp_path)
    table = root / "MMM.csv"
    table.write_text(table.read_text("utf-8").replace(",0,yes,", ",0,no,"), "utf-8")
    with pytest.raises(EiferError, match="no functional movements with EMG"):
        session_of_clips(root)
