"""The clean film as a file: times, turn, sound, colours, what is kept and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from dotted_films import Dotted, dotted_pictures
from film_track import write_talking_film
from film_writer import write_film, write_sound
from tiny_translator import tiny_translator

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import Cancelled, EiferError
from eifer.eifer_addon.video import remove_job, remove_work
from eifer.eifer_addon.video.decode import open_video
from eifer.models.sessions import WEIGHTS

FRAMES = tuple(range(16, 40, 2))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_translator(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="module")
def film(test_data: Path) -> Dotted:
    return dotted_pictures(test_data, FRAMES)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_times_of_a_variable_rate_are_kept_exactly_and_pixels_nearly(
    film: Dotted, model: Path, tmp_path: Path
) -> None:
    times = np.cumsum([0, 33, 40, 21, 120, 33, 33, 34]) / 1000
    path, out = tmp_path / "worn.mp4", tmp_path / "clean.mp4"
    write_film(path, film.worn[:8], times.tolist())
    told: list[tuple[int, int]] = []
    done = api.remove_electrodes(path, out, model, lambda *k: told.append(k), workers=1)
    assert (done.frames, done.face_frames, done.covered_frames) == (8, 8, 8)
    assert told[-1] == (8, 8)
    assert [a for a, _ in told] == sorted(a for a, _ in told)
    before, after = open_video(path), open_video(out)
    assert (after.facts.width, after.facts.height) == (320, 180)
    pairs = list(zip(before.frames(), after.frames(), strict=True))
    assert [f.timestamp_s for f, _ in pairs] == [f.timestamp_s for _, f in pairs]
    far = ~film.covered[0]
    far[:, 100:220] = False
    differ = pairs[0][0].image[far].astype(float) - pairs[0][1].image[far]
    assert 10 * np.log10(255**2 / np.mean(differ**2)) > 40
    dots = film.covered[3]
    errors = [np.abs(image[dots].astype(float) - film.clean[3][dots]).mean()
              for image in (pairs[3][1].image, film.worn[3])]  # fmt: skip
    assert errors[0] < 0.35 * errors[1]
    assert len(frames_of(out)) == 8
    assert list(tmp_path.glob(".*")) == []
    assert list((tmp_path / "cache" / "clean films").iterdir()) == []


def test_a_turned_film_is_written_upright_and_its_colours_are_told(
    film: Dotted, model: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "turned.mp4", tmp_path / "clean.mp4"
    turned = [np.ascontiguousarray(np.rot90(picture, 1)) for picture in film.worn[:3]]
    frames = []
    for picture in turned:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.colorspace, frame.color_primaries, frame.color_trc = 6, 5, 6
        frames.append(frame)
    write_film(path, frames, rotation=-90)
    api.remove_electrodes(path, out, model, workers=1)
    facts = open_video(out).facts
    assert (facts.width, facts.height, facts.rotation_deg) == (320, 180, 0)
    shown = frames_of(out)[0]
    assert (shown.color_primaries, shown.color_trc, shown.colorspace) == (5, 6, 6)
    assert shown.color_range == 1


def sound_of(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        return [(p.pts, bytes(p)) for p in container.demux(audio=0) if p.size]


def face_film(path: Path, film: Dotted, tmp_path: Path, codec: str = "") -> Path:
    """Twelve worn frames at 10 frames/s with the sound of the talking film."""
    talk = write_talking_film(tmp_path / "talk.mp4", beep_s=0.8, n=30)
    silent = write_film(tmp_path / "silent.mkv", film.worn, (np.arange(12) / 10).tolist())
    with (
        av.open(str(talk)) as sound,
        av.open(str(silent)) as picture,
        av.open(str(path), "w") as out,
    ):
        streams = [out.add_stream_from_template(picture.streams.video[0])]
        if codec:
            streams.append(out.add_stream(codec, rate=48_000, layout="mono", format="s16"))
        else:
            streams.append(out.add_stream_from_template(sound.streams.audio[0]))
        for packet in picture.demux(video=0):
            if packet.size:
                packet.stream = streams[0]
                out.mux(packet)
        for packet in sound.demux(audio=0):
            if codec:
                for frame in packet.decode():
                    out.mux(streams[1].encode(frame))
            elif packet.size:
                packet.stream = streams[1]
                out.mux(packet)
        if codec:
            out.mux(streams[1].encode(None))
    return path


def test_sound_is_copied_bit_for_bit_and_stays_in_step(
    film: Dotted, model: Path, tmp_path: Path
) -> None:
    path, out = face_film(tmp_path / "film.mp4", film, tmp_path), tmp_path / "clean.mp4"
    done = api.remove_electrodes(path, out, model, workers=1)
    assert done.sound == "copied"
    assert sound_of(out) == sound_of(path)
    facts = [open_video(p).facts for p in (path, out)]
    assert facts[0].start_s == pytest.approx(facts[1].start_s, abs=1e-3)
    part = tmp_path / "part.mp4"
    api.remove_electrodes(path, part, model, workers=1, start=4, stop=8)
    assert open_video(part).facts.n_frames == 4
    with av.open(str(part)) as container:
        heard = container.streams.audio[0]
        packets = [p for p in container.demux(heard) if p.size]
        first, last = (float(packets[k].pts * heard.time_base) for k in (0, -1))
    assert -0.03 <= first <= 0.03
    assert 0.35 <= last <= 0.45


def test_sound_that_an_mp4_does_not_take_is_encoded_again_in_step(
    film: Dotted, model: Path, tmp_path: Path
) -> None:
    path = face_film(tmp_path / "film.mkv", film, tmp_path, "pcm_s16le")
    out = tmp_path / "clean.mp4"
    done = api.remove_electrodes(path, out, model, workers=1)
    assert done.sound == "encoded again"
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        wave = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    loud = np.flatnonzero(np.abs(wave) > 0.3) / 48_000
    # The beep of the talking film; the encoder's delay is told in the file or below 50 ms.
    assert loud[0] == pytest.approx(0.8, abs=0.05)


def test_a_film_without_electrodes_is_given_back_as_it_is(
    film: Dotted, model: Path, tmp_path: Path
) -> None:
    path, out = write_film(tmp_path / "plain.mp4", film.clean[:4]), tmp_path / "clean.mp4"
    done = api.remove_electrodes(path, out, model, workers=1)
    assert not done.has_electrodes
    assert "No electrodes were found" in done.describe()
    assert out.read_bytes() == path.read_bytes()


def test_an_odd_size_is_kept(film: Dotted, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    from PIL import Image

    for k, picture in enumerate(film.worn[:3]):
        Image.fromarray(picture[:179, :319]).save(folder / f"{k:03d}.png")
    out = tmp_path / "clean.mp4"
    done = api.remove_electrodes(folder, out, model, workers=1, rate_hz=12.5)
    facts = open_video(out).facts
    assert (facts.width, facts.height, facts.n_frames) == (319, 179, 3)
    assert facts.rate_hz == pytest.approx(12.5, rel=1e-3)
    assert done.sound == "none"


def test_work_that_is_stopped_writes_nothing_and_goes_on_to_the_same_bytes_in_several_processes(
    film: Dotted, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remove_work, "_PIECE", 4)
    monkeypatch.setattr(remove_job, "_NOT_WORTH_A_PROCESS", 1)
    path, out = write_film(tmp_path / "worn.mp4", film.worn), tmp_path / "clean.mp4"
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 6

    with pytest.raises(Cancelled):
        api.remove_electrodes(path, out, model, workers=1, should_stop=should_stop)
    assert not out.exists()
    assert list(tmp_path.glob(".*")) == []
    told: list[int] = []
    api.remove_electrodes(path, out, model, lambda done, _: told.append(done), workers=2)
    assert told[0] == 4, "the first piece was done before"
    together = tmp_path / "together.mp4"
    api.remove_electrodes(path, together, model, workers=1)
    assert together.read_bytes() == out.read_bytes()


def test_bad_input_is_one_sentence(
    film: Dotted, model: Path, tmp_path: Path, test_data: Path
) -> None:
    worn = write_film(tmp_path / "worn.mp4", film.worn[:2])
    empty = write_film(tmp_path / "empty.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 3)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(worn.read_bytes()[:400])
    (tmp_path / "there.mp4").write_bytes(b"kept")
    out = tmp_path / "out.mp4"
    cases: list[tuple[Any, Any, Any, str, dict[str, Any]]] = [
        (empty, out, model, "No face was found in empty.mp4", {}),
        (write_sound(tmp_path / "sound.mp4"), out, model, "only sound, no video", {}),
        (cut, out, model, "could not be read as video", {}),
        (tmp_path / "none.mp4", out, model, "does not exist", {}),
        (worn, worn, model, "is the film itself", {"overwrite": True}),
        (worn, tmp_path / "there.mp4", model, "exists already", {}),
        (worn, tmp_path / "out.avi", model, "is an mp4 file", {}),
        (worn, tmp_path / "no" / "out.mp4", model, "its folder does not exist", {}),
        (worn, out, WEIGHTS / "emg2exp_baseline.onnx", "of the kind 'emg2exp'", {}),
        (worn, out, tmp_path / "none.onnx", "none.onnx does not exist", {}),
        (worn, out, model, "has no option 'colour'", {"colour": "red"}),
        (worn, out, model, "is no choice of a face", {"who": "smallest"}),
        (worn, out, model, "none with number 9", {"start": 9}),
        (worn, out, model, "0 processes", {"workers": 0}),
    ]
    for video, target, network, sentence, options in cases:
        with pytest.raises(EiferError, match=sentence) as caught:
            api.remove_electrodes(video, target, network, **{"workers": 1, **options})
        assert caught.value.remedy
    assert not out.exists()
    assert (tmp_path / "there.mp4").read_bytes() == b"kept"


def test_a_network_whose_weights_lie_in_another_file_is_refused(
    film: Dotted, model: Path, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    proto = onnx.load(str(model))
    outside = tmp_path / "outside.onnx"
    onnx.save_model(
        proto, str(outside), save_as_external_data=True, location="w.bin", size_threshold=0
    )
    worn = write_film(tmp_path / "worn.mp4", film.worn[:2])
    with pytest.raises(EiferError, match=r"outside\.onnx"):
        api.remove_electrodes(worn, tmp_path / "out.mp4", outside, workers=1)


def test_the_example_makes_film_and_track_in_one_pass(
    film: Dotted, model: Path, tmp_path: Path
) -> None:
    path = write_film(tmp_path / "worn.mp4", film.worn[:4])
    example = Path(__file__).parents[2] / "examples" / "clean_video.py"
    command = [sys.executable, str(example), str(path), str(tmp_path / "clean.mp4"), str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "without electrodes by tiny" in done.stdout
    assert "mouth: changed by 0." in done.stdout
    assert open_video(tmp_path / "clean.mp4").facts.n_frames == 4
    assert (tmp_path / "clean.npz").is_file()
