"""What a batch is going to do: films and their names, and what is done already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.files import sha256_of
from eifer.eifer_addon.video.batch_plan import (
    Clip,
    clips_of,
    find_films,
    is_same_film,
    read_job,
    source_of,
    what_is_left,
    write_job,
)

KEY = {"backend": "mediapipe", "head": None, "options": {}, "render": None}


def touched(path: Path, content: bytes = b"film") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def done_clip(folder: Path, **changes: object) -> Clip:
    """A clip whose results lie in their folder."""
    film = touched(folder / "films" / "a.mp4")
    clip = Clip(film, "a", folder / "out" / "a")
    touched(clip.folder / "track.npz")
    job = {
        "state": "done", "track_state": "done", "source": source_of(film), "request": KEY,
        "files": {"track": "track.npz"}, **changes,
    }  # fmt: skip
    write_job(clip.folder, job)
    return clip


def test_files_folders_and_patterns_become_films_once_each(tmp_path: Path) -> None:
    films = [touched(tmp_path / "films" / name) for name in ("b.mp4", "a.MOV", "c.mkv")]
    touched(tmp_path / "films" / "notes.txt")
    touched(tmp_path / "films" / ".hidden.mp4")
    found = find_films([films[0], tmp_path / "films", str(tmp_path / "films" / "*.mkv")])
    assert [path.name for path in found] == ["b.mp4", "a.MOV", "c.mkv"]


def test_a_folder_of_pictures_is_one_film(tmp_path: Path) -> None:
    for number in range(3):
        touched(tmp_path / "seq" / f"{number}.png")
    assert find_films([tmp_path / "seq"]) == [tmp_path / "seq"]
    assert find_films([str(tmp_path / "seq" / "%d.png")]) == [tmp_path / "seq" / "%d.png"]


def test_what_names_no_film_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"No file matches '.*\*\.mp4'"):
        find_films([str(tmp_path / "*.mp4")])
    with pytest.raises(EiferError, match="There is no film in"):
        find_films([tmp_path])
    assert find_films([tmp_path / "gone.mp4"]) == [tmp_path / "gone.mp4"]


def test_names_of_folders_are_distinct_and_do_not_depend_on_the_order() -> None:
    root = Path("/study").absolute()
    films = [
        root / "one" / "smile.mp4", root / "one" / "smile.mov", root / "two" / "smile.mp4",
        root / "one" / "rest.mp4", root / "one" / "REST.avi", root / "%04d.png",
    ]  # fmt: skip
    names = {clip.path: clip.name for clip in clips_of(films, Path("out"))}
    again = {clip.path: clip.name for clip in clips_of(films[::-1], Path("out"))}
    assert names == again
    assert names[films[1]] == "smile.mov"
    assert names[films[0]] == "one_smile.mp4"
    assert names[films[2]] == "two_smile.mp4"
    assert (names[films[3]], names[films[4]]) == ("rest.mp4", "REST.avi")
    assert names[films[5]] == "_04d"
    assert len({name.lower() for name in names.values()}) == len(films)


def test_what_is_done_is_done_and_new_choices_are_refused(tmp_path: Path) -> None:
    clip = done_clip(tmp_path)
    source = source_of(clip.path)
    assert what_is_left(clip, source, KEY, overwrite=False)[0] == "done"
    assert what_is_left(clip, source, KEY, overwrite=True)[0] == "all"
    with pytest.raises(EiferError, match="another choice of options"):
        what_is_left(clip, source, KEY | {"options": {"step": 2}}, overwrite=False)
    assert what_is_left(clip, source, KEY | {"render": {"size": 64}}, overwrite=False)[0] == (
        "render"
    )


def test_what_failed_or_was_interrupted_is_done_again(tmp_path: Path) -> None:
    failed = done_clip(tmp_path / "failed", state="failed", track_state=None, files={})
    assert what_is_left(failed, source_of(failed.path), KEY, overwrite=False)[0] == "all"
    lost = done_clip(tmp_path / "lost")
    (lost.folder / "track.npz").unlink()
    assert what_is_left(lost, source_of(lost.path), KEY, overwrite=False)[0] == "all"


def test_results_of_another_film_are_kept(tmp_path: Path) -> None:
    clip = done_clip(tmp_path)
    other = Clip(touched(tmp_path / "other.mp4", b"another film"), "a", clip.folder)
    with pytest.raises(EiferError, match="the result of another film"):
        what_is_left(other, source_of(other.path), KEY, overwrite=False)
    (clip.folder / "job.json").unlink()
    with pytest.raises(EiferError, match="a track that no batch has made"):
        what_is_left(clip, source_of(clip.path), KEY, overwrite=False)


def test_a_film_that_was_moved_is_known_by_its_content(tmp_path: Path) -> None:
    then = source_of(touched(tmp_path / "a.mp4", b"some film"))
    moved = touched(tmp_path / "b.mp4", b"some film")
    assert is_same_film(moved, source_of(moved), then | {"sha256": sha256_of(moved)})
    changed = touched(tmp_path / "c.mp4", b"same size")
    assert not is_same_film(changed, source_of(changed), then | {"sha256": sha256_of(moved)})


def test_a_damaged_job_file_counts_as_none(tmp_path: Path) -> None:
    touched(tmp_path / "job.json", b"{ not json")
    assert read_job(tmp_path) is None
    (tmp_path / "job.json").write_text(json.dumps(["a list"]))
    assert read_job(tmp_path) is None
