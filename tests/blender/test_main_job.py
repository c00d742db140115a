"""The main job from end to end, as a user runs it: recording in, animated and rendered face out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from eifer.eifer_addon.assets import asset_path
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.track import ExpressionTrack

_TIMEOUT_S = 500


@pytest.fixture(scope="module", autouse=True)
def _open_head() -> None:
    try:
        asset_path("open_head.npz")
    except EiferError as error:
        pytest.skip(str(error))


def run_eifer(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, because bpy holds one file at a time."""
    command = [sys.executable, "-m", "eifer.eifer_addon.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The JSON that ``--json`` printed, with nothing of Blender's own lines around it."""
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def frames_of(film: Path) -> np.ndarray:
    """All frames (n, height, width, 3)."""
    with av.open(str(film)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def inside_blend(blend: Path, code: str) -> str:
    """What `code` prints in a fresh process with the .blend open and the add-on absent."""
    script = f"import bpy\nbpy.ops.wm.open_mainfile(filepath={str(blend)!r})\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = run_eifer("demo", "--out", folder, "--seconds", 8, "--fps", 6, "--size", 256, "--json")
    result = result_of(done)
    assert set(result) == {"recording", "track", "film", "blend", "report"}
    assert "Rendering the film: 100%" in done.stderr
    return folder


def test_the_demo_leaves_its_five_files_and_nothing_else(demo: Path) -> None:
    names = {path.name for path in demo.iterdir()}
    assert names == {f"eifer_demo.{end}" for end in ("edf", "npz", "mp4", "blend", "png")}


def test_the_film_shows_a_face_that_moves_and_a_cursor_that_runs(demo: Path) -> None:
    frames = frames_of(demo / "eifer_demo.mp4").astype(np.int16)
    assert len(frames) == pytest.approx(8 * 6, abs=1)
    face, panel = frames[:, :, :192], frames[:, :, 192:]
    assert face.shape[1:3] == (256, 192)
    assert face.std() > 15
    assert np.abs(face - face[0]).max(axis=(1, 2, 3)).max() > 40
    assert (np.abs(np.diff(panel, axis=0)).max(axis=(1, 2, 3)) > 20).all()


def test_everything_of_the_demo_says_that_it_is_simulated(demo: Path) -> None:
    track = ExpressionTrack.load(demo / "eifer_demo.npz")
    assert track.provenance["simulated"]
    assert b"simulated" in (demo / "eifer_demo.edf").read_bytes()[:256].lower()
    actions = inside_blend(demo / "eifer_demo.blend", _PRINT_ACTIONS)
    assert "simulated" in actions.lower()


_PRINT_ACTIONS = """
for action in bpy.data.actions:
    print(action.name, {key: str(action[key]) for key in action.keys()})
"""
_PRINT_SMILE = """
import json
scene = bpy.context.scene
fps = scene.render.fps / scene.render.fps_base
head = next(o for o in scene.objects if o.type == 'MESH' and 'jawOpen' in o.keys())
values = []
for frame in range(scene.frame_start, scene.frame_end + 1):
    scene.frame_set(frame)
    shown = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    block = shown.data.shape_keys.key_blocks['mouthSmileLeft']
    values.append([(frame - scene.frame_start) / fps, block.value])
print('VALUES', json.dumps(values))
"""


def test_the_saved_scene_plays_the_track_without_the_add_on(demo: Path) -> None:
    printed = inside_blend(demo / "eifer_demo.blend", _PRINT_SMILE)
    rows = np.array(json.loads(printed.split("VALUES", 1)[1].splitlines()[0]))
    track = ExpressionTrack.load(demo / "eifer_demo.npz")
    smile = track.column("mouthSmileLeft")
    inside = (rows[:, 0] >= track.timestamps[0]) & (rows[:, 0] <= track.timestamps[-1])
    expected = np.interp(rows[inside, 0], track.timestamps, smile)
    assert expected.max() > 0.4
    np.testing.assert_allclose(rows[inside, 1], expected, atol=2e-3)


def test_a_real_recording_becomes_a_scene_and_a_film(test_data: Path, tmp_path: Path) -> None:
    recording = test_data / "emg" / "nilsonne_FMOV_CC0" / "10_FMOV_preprocessed.txt"
    blend, film = tmp_path / "fmov.blend", tmp_path / "fmov.mp4"
    done = run_eifer(
        "emg", recording, "--out", blend, "--render", film, "--seconds", 1, "--fps", 8,
        "--size", 256, "--envelopes", "--json",
    )  # fmt: skip
    result = result_of(done)
    assert result["space"] == "arkit52"
    assert blend.stat().st_size > 100_000
    assert frames_of(film).shape == (8, 256, 512, 3)


def test_a_bad_recording_leaves_nothing_behind(tmp_path: Path) -> None:
    recording = tmp_path / "empty.edf"
    recording.write_bytes(b"")
    done = run_eifer(
        "emg", recording, "--out", tmp_path / "a.blend", "--render", tmp_path / "a.mp4"
    )
    assert done.returncode == 1
    assert "empty.edf" in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["empty.edf"]


def test_a_rig_comes_from_the_command_line(tmp_path: Path) -> None:
    blend = tmp_path / "head.blend"
    done = run_eifer("rig", "--out", blend, "--identity", 5, "--expression", 7, "--json")
    assert result_of(done)["shape_keys"] == 5 + 7 + 52 + 36
    assert run_eifer("rig", "--out", blend).returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are a Unix thing")
@pytest.mark.parametrize(
    ("output", "limit_kb"), [("--out", 100), ("--render", 40), ("--track", 20), ("--report", 20)]
)
def test_a_disk_that_fills_up_is_one_sentence_and_leaves_nothing(
    demo: Path, tmp_path: Path, output: str, limit_kb: int
) -> None:
    ends = {"--out": "blend", "--render": "mp4", "--track": "npz", "--report": "png"}
    arguments = [
        "emg", demo / "eifer_demo.edf", output, tmp_path / f"a.{ends[output]}",
        "--fps", 10, "--seconds", 2, "--size", 512,
    ]  # fmt: skip
    command = " ".join([sys.executable, "-m", "eifer.eifer_addon.cli", *map(str, arguments)])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f {limit_kb}; {command}"],
        capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("eifer emg: ")
    assert list(tmp_path.iterdir()) == []
