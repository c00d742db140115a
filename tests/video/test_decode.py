"""Videos as cameras, phones and renderers write them: the right picture at the right time."""

from __future__ import annotations

import gc
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_writer import (
    SIZE,
    corners,
    hdr_frame,
    number_in,
    numbered,
    quadrants,
    write_film,
)
from PIL import Image

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.decode import open_video


def numbers(path: Path, *args: int) -> list[tuple[int, int]]:
    """For each frame its index and the number in its picture."""
    return [(f.index, number_in(f.image)) for f in open_video(path).frames(*args)]


def test_frames_come_in_order_with_the_times_of_a_variable_rate(tmp_path: Path) -> None:
    times = np.cumsum([0.5, 0.03, 0.05, 0.2, 0.04, 0.01, 0.4, 0.03])
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(8)], times)
    video = open_video(path)
    frames = list(video.frames())
    assert [number_in(f.image) for f in frames] == list(range(8))
    assert [f.timestamp_s for f in frames] == pytest.approx(times - times[0], abs=1e-4)
    assert video.facts.has_variable_rate
    assert video.facts.rate_hz == pytest.approx(7 / (times[-1] - times[0]), rel=1e-3)
    assert (video.facts.width, video.facts.height) == SIZE
    assert not video.facts.has_sound


def test_an_even_rate_is_told_from_a_variable_one(tmp_path: Path) -> None:
    times = np.arange(30) * 1001 / 30_000
    path = write_film(tmp_path / "a.mkv", [numbered(k) for k in range(30)], times)
    facts = open_video(path).facts
    assert not facts.has_variable_rate
    assert facts.rate_hz == pytest.approx(30_000 / 1001, rel=1e-3)
    assert facts.duration_s == pytest.approx(1.001, abs=0.003)


@pytest.mark.parametrize("start", [0, 3, 77, 149])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_a_range_begins_and_steps_where_it_is_told(tmp_path: Path, suffix: str, start: int) -> None:
    path = write_film(
        tmp_path / f"a.{suffix}",
        [numbered(k) for k in range(150)],
        options={"qp": "8", "preset": "veryfast", "g": "24", "bf": "2"},
    )
    wanted = list(range(start, 150, 5))
    assert numbers(path, start, 150, 5) == [(k, k) for k in wanted]


def test_the_headers_frame_count_is_not_believed(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "a.avi", [numbered(k) for k in range(30)], codec="mjpeg", pixels="yuvj420p"
    )
    content = bytearray(path.read_bytes())
    for place in (content.index(b"avih") + 24, content.index(b"strh") + 40):
        assert int.from_bytes(content[place : place + 4], "little") == 30
        content[place : place + 4] = (448).to_bytes(4, "little")
    path.write_bytes(content)
    assert open_video(path).facts.n_frames == 30
    assert len(numbers(path)) == 30


@pytest.mark.parametrize(
    ("turn", "expected", "size"),
    [
        (0, "rgbw", (96, 64)),
        (90, "gwrb", (64, 96)),
        (180, "wbgr", (96, 64)),
        (270, "brwg", (64, 96)),
    ],
)
def test_a_phones_rotation_is_applied(
    tmp_path: Path, turn: int, expected: str, size: tuple[int, int]
) -> None:
    path = write_film(tmp_path / "a.mp4", [quadrants(96, 64)] * 3, rotation=turn)
    video = open_video(path)
    frame = next(video.frames())
    assert corners(frame.image) == expected
    assert (video.facts.width, video.facts.height) == size == frame.image.shape[1::-1]
    assert frame.image.flags.c_contiguous
    assert video.facts.rotation_deg == (360 - turn) % 360


@pytest.mark.parametrize(
    ("tag", "expected"), [(1, "rgbw"), (2, "grwb"), (3, "wbgr"), (5, "rbgw"), (6, "brwg")]
)
def test_a_photographs_orientation_tag_is_applied(tmp_path: Path, tag: int, expected: str) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(quadrants(96, 64)).save(path, exif=exif, quality=95)
    (frame,) = open_video(path).frames()
    assert corners(frame.image) == expected


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [quadrants(96, 64)] * 2, aspect=Fraction(4, 3))
    video = open_video(path)
    assert video.facts.width == 128
    assert next(video.frames()).image.shape == (64, 128, 3)


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        ("ffv1", "gray"),
        ("ffv1", "yuv420p9le"),
        ("libx264", "yuv422p10le"),
        ("libx265", "yuv420p12le"),
        ("ffv1", "rgb48le"),
        ("libx264", "yuvj420p"),
    ],
)
def test_depths_and_ranges_give_the_same_grey(tmp_path: Path, codec: str, pixels: str) -> None:
    ramp = np.repeat(np.linspace(16, 240, 8).astype(np.uint8), 16)
    picture = np.broadcast_to(ramp[None, :, None], (64, 128, 3)).copy()
    options = {"x265-params": "log-level=none:crf=8"} if codec == "libx265" else None
    path = write_film(
        tmp_path / "a.mkv", [picture] * 2, codec=codec, pixels=pixels, options=options
    )
    image = next(open_video(path).frames()).image.astype(int)
    assert np.abs(image[32, 8::16] - picture[32, 8::16]).max() <= 4


def test_odd_sizes_keep_their_last_row_and_column(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "a.mkv", [quadrants(97, 63)] * 2, codec="libx264", pixels="yuv444p"
    )
    image = next(open_video(path).frames()).image
    assert image.shape == (63, 97, 3)
    assert corners(image) == "rgbw"


def test_interlaced_film_shows_one_moment_per_frame(tmp_path: Path) -> None:
    """A bar that moves between the fields: its edges must not be combs."""

    def bar(moment: int) -> np.ndarray:
        picture = np.full((96, 192, 3), 40, np.uint8)
        picture[:, 10 + 6 * moment : 40 + 6 * moment] = 220
        return picture

    woven = []
    for k in range(10):
        picture = bar(2 * k)
        picture[1::2] = bar(2 * k + 1)[1::2]
        woven.append(picture)
    options = {"flags": "+ilme+ildct", "x264-params": "tff=1", "qp": "8"}
    video = open_video(write_film(tmp_path / "a.mp4", woven, options=options))
    assert video.facts.is_interlaced
    frames = list(video.frames())
    assert [f.index for f in frames] == list(range(10))
    assert [f.timestamp_s for f in frames] == pytest.approx(np.arange(10) / 30, abs=1e-4)

    def combs(picture: np.ndarray) -> float:
        return float(np.abs(np.diff(picture[8:-8, :, 1].astype(int), axis=0)).mean())

    for frame, before in zip(frames[1:-1], woven[1:-1], strict=True):
        assert combs(frame.image) < 0.2 * combs(before)


def _pq(nits: np.ndarray) -> np.ndarray:
    power = (np.asarray(nits) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def test_hdr_film_looks_as_bright_as_standard_film(tmp_path: Path) -> None:
    nits = np.array([0.0, 5, 20, 60, 203, 600, 1000])
    code = np.repeat(_pq(nits), 16)[None, :, None] * np.ones((32, 1, 3))
    video = open_video(
        write_film(
            tmp_path / "a.mkv", [hdr_frame(code, 16)] * 2, codec="ffv1", pixels="yuv444p10le"
        )
    )
    assert video.facts.hdr == "PQ"
    shown = next(video.frames()).image[16, 8::16].astype(int)
    assert np.ptp(shown, axis=1).max() <= 2
    # Below the knee a BT.1886 display gives back the very light that was coded.
    light = 203 * (shown[:4, 0] / 255) ** 2.4
    assert light == pytest.approx(nits[:4], rel=0.05, abs=0.1)
    assert 200 < shown[4, 0] < shown[5, 0] < shown[6, 0] <= 255


def test_hlg_film_has_its_white_where_pq_has_it(tmp_path: Path) -> None:
    code = np.full((32, 32, 3), 0.75)
    video = open_video(
        write_film(
            tmp_path / "a.mkv", [hdr_frame(code, 18)] * 2, codec="ffv1", pixels="yuv444p10le"
        )
    )
    assert video.facts.hdr == "HLG"
    assert next(video.frames()).image.mean() == pytest.approx(222, abs=3)


def test_a_sequence_is_read_in_order_and_a_missing_number_takes_its_time(tmp_path: Path) -> None:
    for number in (8, 9, 10, 12):
        Image.fromarray(numbered(number)).save(tmp_path / f"shot_{number}.png")
    for path in (tmp_path, tmp_path / "shot_%d.png", tmp_path / "shot_##.png"):
        video = open_video(path, rate_hz=10.0)
        frames = list(video.frames())
        assert [number_in(f.image) for f in frames] == [8, 9, 10, 12]
        assert [f.timestamp_s for f in frames] == pytest.approx([0.0, 0.1, 0.2, 0.4])
    assert [f.index for f in video.frames(1, 4, 2)] == [1, 3]


def test_a_single_picture_is_a_video_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "100%03d.png"
    Image.fromarray(numbered(5)).save(path)
    video = open_video(path)
    assert (video.facts.n_frames, video.facts.rate_hz) == (1, 0.0)
    assert [(f.index, f.timestamp_s, number_in(f.image)) for f in video.frames()] == [(0, 0.0, 5)]


def test_the_real_clips_hold_what_they_show(test_data: Path) -> None:
    clip = open_video(test_data / "video" / "jefapato_test_2sec.mp4")
    assert (clip.facts.n_frames, clip.facts.has_sound) == (30, True)
    assert clip.facts.start_s == pytest.approx(1.033, abs=1e-3)
    times = [f.timestamp_s for f in clip.frames()]
    assert times == pytest.approx(np.arange(30) / 30, abs=1e-4)


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = write_film(tmp_path / f"{count}.mp4", [numbered(k) for k in range(count)])
        video = open_video(path)
        tracemalloc.start()
        for frame in video.frames():
            assert frame.image.size
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    picture = SIZE[0] * SIZE[1] * 3
    assert peak(400) < peak(40) + 3 * picture


def test_decoded_frames_are_let_go_at_once(tmp_path: Path) -> None:
    """Frames in a circle of references would pile up until Python looks for such circles."""
    video = open_video(write_film(tmp_path / "a.mp4", [numbered(k) for k in range(60)]))
    gc.collect()
    gc.disable()
    try:
        for _ in video.frames():
            pass
        alive = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
        assert alive < 10
    finally:
        gc.enable()


def test_a_range_outside_of_the_video_is_refused(tmp_path: Path) -> None:
    video = open_video(write_film(tmp_path / "a.mp4", [numbered(k) for k in range(4)]))
    with pytest.raises(EiferError, match=r"a\.mp4 has 4 frames, none with number 9"):
        video.frames(9)
    with pytest.raises(EiferError, match="no range"):
        video.frames(3, 2)
