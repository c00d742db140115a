"""Files that are no video, or no longer a whole one: one sentence that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from film_writer import number_in, numbered, write_film, write_sound
from PIL import Image

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.video.decode import open_video

FASTSTART = {"movflags": "faststart"}


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    with pytest.raises(EiferError, match=r"^a\.mp4 could not be read as video: it is empty\."):
        open_video(path)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "txt"])
def test_text_is_no_video(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text("frame,time\n1,0.1\n" * 100)
    with pytest.raises(EiferError, match=rf"^a\.{suffix} "):
        open_video(path)


def test_an_mp4_without_its_index_is_named(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(30)])
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(EiferError, match=r"^a\.mp4 could not be read as video"):
        open_video(path)


def test_a_cut_off_mp4_gives_its_whole_frames_and_then_names_the_place(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(60)], container=FASTSTART)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    video = open_video(path)
    whole = video.facts.n_frames
    assert 10 < whole < 60
    seen = []
    with pytest.raises(EiferError, match=rf"damaged at frame {whole} \(\d\.\d\d\d s\)") as told:
        seen.extend(number_in(frame.image) for frame in video.frames())
    assert f"(--stop {whole}; in Blender" in told.value.remedy
    assert "--keep-going" in told.value.remedy
    assert seen == list(range(whole))
    assert len(list(video.frames(0, whole))) == whole
    assert len(list(video.frames(keep_going=True))) == whole
    assert any("damaged" in sentence for sentence in video.damage)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"^a\.mp4 holds only sound, no video"):
        open_video(write_sound(tmp_path / "a.mp4"))


def test_an_unknown_codec_is_told_from_damage(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(5)])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(EiferError, match=r"^a\.mp4 is coded in a way that cannot be read"):
        open_video(path)


def test_titles_in_another_encoding_do_not_matter(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [numbered(k) for k in range(5)])
    content = path.read_bytes()
    assert b"Lavf" in content
    path.write_bytes(content.replace(b"Lavf", b"\xe4\xf6\xfc\xdf"))
    assert open_video(path).facts.n_frames == 5


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    write_film(tmp_path / "a.ts", [numbered(k) for k in range(5)])
    for name, text in {
        "list.m3u8": "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "list.mp4": "ffconcat version 1.0\nfile /etc/hostname\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(EiferError, match=rf"^{name} "):
            open_video(tmp_path / name)


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"no\.mp4 does not exist"):
        open_video(tmp_path / "no.mp4")
    with pytest.raises(EiferError, match="names no picture"):
        open_video(tmp_path)
    with pytest.raises(EiferError, match="names no picture"):
        open_video(tmp_path / "nowhere" / "a_%04d.png")


def test_a_sequence_names_the_picture_that_is_wrong(tmp_path: Path) -> None:
    for number in range(4):
        Image.fromarray(numbered(number)).save(tmp_path / f"{number}.png")
    Image.fromarray(numbered(2, (200, 80))).save(tmp_path / "2.png")
    with pytest.raises(EiferError, match=r"Frame 2 \(2\.png\) is 200 x 80"):
        list(open_video(tmp_path).frames())
    (tmp_path / "2.png").write_bytes(b"no picture")
    with pytest.raises(EiferError, match=r"Frame 2: 2\.png could not be read"):
        list(open_video(tmp_path).frames())
    video = open_video(tmp_path)
    assert [f.index for f in video.frames(keep_going=True)] == [0, 1, 3]
    assert len(video.damage) == 1


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_sequence_needs_a_rate(tmp_path: Path, rate: float) -> None:
    Image.fromarray(numbered(0)).save(tmp_path / "0.png")
    with pytest.raises(EiferError, match="not above 0"):
        open_video(tmp_path, rate_hz=rate)
