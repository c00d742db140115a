"""RealSense recordings, written with rosbags as librealsense names and lays out its streams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from face_films import portraits
from film_writer import corners, number_in, numbered, quadrants
from reader_fuzz import check_sentences, mutated
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.decode import open_video

COLOUR = "/device_0/sensor_1/Color_0/image/data"
DEPTH = "/device_0/sensor_0/Depth_0/image/data"


def yuyv(picture: np.ndarray) -> np.ndarray:
    """BT.601 limited range, (H, W, 2): Y U Y V."""
    red, green, blue = np.moveaxis(picture.astype(float), -1, 0)
    luma = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    u = 128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255
    v = 128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255
    packed = np.stack([luma, luma], axis=-1)
    packed[:, 0::2, 1], packed[:, 1::2, 1] = u[:, 0::2], v[:, 1::2]
    return np.rint(packed).clip(0, 255).astype(np.uint8)


PIXELS = {
    "rgb8": lambda picture: picture,
    "bgr8": lambda picture: picture[..., ::-1],
    "rgba8": lambda picture: np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]),
    "YUYV": yuyv,
    "yuv422": lambda picture: yuyv(picture)[..., ::-1],
}


def write_bag(
    path: Path,
    pictures: Sequence[np.ndarray],
    times_s: Sequence[float],
    encoding: str = "rgb8",
    *,
    topic: str = COLOUR,
    with_depth: bool = True,
    padding: int = 0,
) -> Path:
    """A bag with a colour stream and, before each of its pictures, one of depth."""
    store = get_typestore(Stores.ROS1_NOETIC)
    image, header, stamp = (
        store.types[name]
        for name in ("sensor_msgs/msg/Image", "std_msgs/msg/Header", "builtin_interfaces/msg/Time")
    )

    def message(number: int, pixels: np.ndarray, kind: str) -> memoryview:
        height, width = pixels.shape[:2]
        rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
        rows = np.pad(rows, ((0, 0), (0, padding)))
        made = image(header(number, stamp(0, 0), "0"), height, width, kind, 0, rows.shape[1],
                     rows.ravel())  # fmt: skip
        return store.serialize_ros1(made, image.__msgtype__)

    with Writer(path) as bag:
        depth = bag.add_connection(DEPTH, image.__msgtype__, typestore=store)
        colour = bag.add_connection(topic, image.__msgtype__, typestore=store)
        for number, (picture, time_s) in enumerate(zip(pictures, times_s, strict=True)):
            at = round(time_s * 1e9)
            if with_depth:
                flat = np.zeros((*picture.shape[:2], 1), np.uint16)
                bag.write(depth, at, message(number, flat, "mono16"))
            bag.write(colour, at, message(number, PIXELS[encoding](picture), encoding))
    return path


def test_frames_come_with_the_times_of_the_messages(tmp_path: Path) -> None:
    times = [5.0, 5.033, 5.066, 5.2, 5.233]
    path = write_bag(tmp_path / "a.bag", [numbered(k) for k in range(5)], times)
    video = open_video(path)
    frames = list(video.frames())
    assert [number_in(frame.image) for frame in frames] == list(range(5))
    assert [f.timestamp_s for f in frames] == pytest.approx(np.array(times) - 5, abs=1e-9)
    assert (video.facts.n_frames, video.facts.has_variable_rate) == (5, True)
    assert [frame.index for frame in video.frames(1, 4, 2)] == [1, 3]
    assert [number_in(frame.image) for frame in video.frames(3)] == [3, 4]


@pytest.mark.parametrize("encoding", list(PIXELS))
def test_every_colour_encoding_shows_the_same_picture(tmp_path: Path, encoding: str) -> None:
    picture = quadrants(96, 64)
    path = write_bag(tmp_path / "a.bag", [picture] * 2, [0, 0.1], encoding, padding=6)
    frame = next(open_video(path).frames())
    assert corners(frame.image) == "rgbw"
    assert frame.image.flags.c_contiguous
    inside = np.abs(frame.image.astype(int) - picture)[4:28, 4:44]
    assert inside.max() < 12


def test_a_recording_becomes_a_track(tmp_path: Path, test_data: Path) -> None:
    portrait = portraits(test_data)(0, 320)
    path = write_bag(tmp_path / "a.bag", [portrait] * 3, [0, 0.04, 0.08], "YUYV")
    track = api.video_to_expression(path, fit=False)
    assert track.timestamps == pytest.approx([0, 0.04, 0.08])
    assert track.provenance["gaps"] == 0


def refusal(path: Path) -> str:
    with pytest.raises(EiferError) as caught:
        list(open_video(path).frames())
    check_sentences(caught.value)
    assert path.name in caught.value.cause
    return caught.value.cause


def test_bags_without_colour_and_other_files_are_refused(tmp_path: Path) -> None:
    only_depth = write_bag(tmp_path / "depth.bag", [], [])
    assert "holds no colour stream" in refusal(only_depth)
    text = tmp_path / "text.bag"
    text.write_text("no bag")
    assert "could not be read as a RealSense or ROS 1 bag" in refusal(text)
    (tmp_path / "empty.bag").touch()
    assert "seems to be empty" in refusal(tmp_path / "empty.bag")


def test_a_damaged_picture_is_named_or_left_out(tmp_path: Path) -> None:
    pictures = [numbered(k) for k in range(4)]
    pictures[2] = numbered(2, (200, 64))
    path = write_bag(tmp_path / "a.bag", pictures, [0, 0.1, 0.2, 0.3])
    assert "is damaged at frame 2 (0.200 s): it has another size" in refusal(path)
    video = open_video(path)
    assert [frame.index for frame in video.frames(keep_going=True)] == [0, 1, 3]
    assert len(video.damage) == 1


def test_a_changed_or_cut_bag_is_read_or_refused(tmp_path: Path) -> None:
    whole = write_bag(tmp_path / "a.bag", [numbered(k)[:16] for k in range(3)], [0, 0.1, 0.2])
    data, generator, read = whole.read_bytes(), np.random.default_rng(3), 0
    damaged = tmp_path / "damaged.bag"
    contents = [mutated(data, generator) for _ in range(300)]
    contents += [data[:end] for end in np.linspace(1, len(data) - 1, 40).astype(int)]
    for content in contents:
        damaged.write_bytes(content)
        try:
            frames = len(list(open_video(damaged).frames()))
        except EiferError as error:
            check_sentences(error)
            names_file = damaged.name in error.cause
        else:
            names_file, read = True, read + frames
        assert names_file
    assert read > 0
