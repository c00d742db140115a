"""The user's own Basel Face Model: read in its three layouts, and what its tracks become."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from bfm_writer import (
    SyntheticBfm,
    another_person,
    synthetic_bfm,
    write_2017,
    write_front,
    write_original,
)
from scipy.io import loadmat, savemat

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.bfm import import_bfm, load_bfm
from eifer.eifer_addon.heads.model import JOINT_NAMES, HeadModel
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import vertex_normals
from eifer.eifer_addon.heads.retarget import retarget
from eifer.eifer_addon.spaces import ARKIT_NAMES, get_space
from eifer.eifer_addon.track import ExpressionTrack


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EIFER_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def open_head(cache: Path) -> HeadModel:
    try:
        return load_open_head()
    except EiferError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def face(open_head: HeadModel) -> SyntheticBfm:
    return synthetic_bfm(open_head, 64)


@pytest.fixture(scope="module")
def front(face: SyntheticBfm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_front(tmp_path_factory.mktemp("front") / "BFM_model_front.mat", face)


@pytest.fixture(scope="module")
def original(face: SyntheticBfm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_original(tmp_path_factory.mktemp("original"), face)


def check_same(head: HeadModel, face: SyntheticBfm, origin: np.ndarray) -> None:
    """The arrays of a head are the face's, in metres, with the outside outside."""
    np.testing.assert_allclose(head.template, face.mean - origin, atol=2e-7)
    np.testing.assert_allclose(head.expression_basis, face.expression, atol=2e-7)
    np.testing.assert_allclose(head.identity_basis, face.identity, atol=2e-7)
    linear = np.where(
        face.colours <= 0.04045, face.colours / 12.92, ((face.colours + 0.055) / 1.055) ** 2.4
    )
    np.testing.assert_allclose(head.colours, linear, atol=1e-5)
    assert vertex_normals(head.template.astype(float), head.triangles)[:, 2].mean() > 0.3
    corners = np.sort(head.triangles, axis=1)
    np.testing.assert_array_equal(corners, np.sort(face.triangles, axis=1))


def test_deep3dfaces_own_file_is_read_in_decimetres(front: Path, face: SyntheticBfm) -> None:
    head = load_bfm(front)
    assert head.name == "bfm09"
    check_same(head, face, face.mean.mean(axis=0))
    assert head.info["sha256"]


def test_the_2009_original_is_cut_and_joined_with_its_expressions(
    original: Path, face: SyntheticBfm
) -> None:
    head = load_bfm(original)
    assert (head.name, head.n_identity, head.n_expression) == ("bfm09", 80, 64)
    check_same(head, face, face.mean.mean(axis=0))


def test_the_2017_model_is_read_in_millimetres(
    open_head: HeadModel, face: SyntheticBfm, tmp_path: Path
) -> None:
    head = api.load_head(write_2017(tmp_path / "model2017-1_bfm_nomouth.h5", face))
    assert head.name == "bfm17"
    check_same(head, face, np.array([0, 0, 0.1]))


def test_the_head_turns_as_one_piece_on_a_neck_behind_the_face(
    front: Path, open_head: HeadModel
) -> None:
    head = load_bfm(front)
    rest, joints = head.forward()
    own, own_joints = open_head.forward()
    shift = own_joints - own[np.argmax(own[:, 2])]
    np.testing.assert_allclose(joints - rest[np.argmax(rest[:, 2])], shift, atol=0.012)
    pose = np.zeros((5, 3))
    pose[JOINT_NAMES.index("root")] = [0, 0.5, 0]
    pose[JOINT_NAMES.index("jaw")] = [0.3, 0, 0]
    turned, _ = head.forward(pose=pose)
    lengths = [np.linalg.norm(v[:100] - v[100:200], axis=1) for v in (rest, turned)]
    np.testing.assert_allclose(*lengths, atol=1e-6)


def test_a_track_waits_for_the_model_and_is_carried_once_it_was_imported(
    open_head: HeadModel, tmp_path: Path
) -> None:
    person = another_person(open_head, 100)
    names = [name for name in ARKIT_NAMES if name != "tongueOut"]
    values = np.stack([person.mixing[:, ARKIT_NAMES.index(name)] for name in names])
    track = ExpressionTrack(
        get_space("bfm17:e100"), values.astype(np.float32), np.arange(len(names)) / 30,
        np.ones(len(names), np.float32),
    )  # fmt: skip
    said = r"Basel Face Model.*eifer models import bfm model2017-1_bfm_nomouth\.h5"
    with pytest.raises(EiferError, match=said):
        retarget(track, "arkit52")
    with pytest.raises(EiferError, match=said):  # a head of another basis is no help
        retarget(track, "arkit52", source_head=open_head)
    units = import_bfm(write_2017(tmp_path / "model2017-1_face12_nomouth.h5", person))
    assert np.median(units.error) < 0.25
    assert not units.jaw.any()
    assert not units.eyes.any()
    moved = retarget(track, "arkit52")
    columns = [ARKIT_NAMES.index(name) for name in names]
    own = moved.coefficients[np.arange(len(names)), columns]
    # Each unit of another person's face, given in the model's coefficients, comes back as itself.
    assert own.min() > 0.6
    smile = moved.coefficients[names.index("mouthSmileLeft")]
    assert smile[ARKIT_NAMES.index("mouthSmileLeft")] > 0.9
    assert np.delete(smile, ARKIT_NAMES.index("mouthSmileLeft")).max() < 0.15
    others = moved.coefficients.copy()
    others[np.arange(len(names)), columns] = 0
    assert others.mean() < 0.02
    back = retarget(moved, "bfm17:e100")
    shapes = (
        np.tensordot(person.expression, t.coefficients.T.astype(float), axes=1)
        for t in (back, track)
    )
    found, wanted = (np.moveaxis(shape, 2, 0).reshape(len(names), -1) for shape in shapes)
    sizes = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    assert np.median(np.sum(found * wanted, axis=1) / sizes) > 0.95


@pytest.mark.parametrize("name", ["Exp_Pca.bin", "std_exp.txt", "facemodel_info.mat"])
def test_a_file_that_is_missing_beside_the_original_is_named(
    name: str, original: Path, tmp_path: Path
) -> None:
    for file in original.parent.iterdir():
        if file.name != name:
            shutil.copy(file, tmp_path)
    with pytest.raises(EiferError, match=f"{name} is missing beside it"):
        load_bfm(tmp_path / original.name)


def test_expressions_for_another_number_of_vertices_are_refused(
    original: Path, tmp_path: Path
) -> None:
    for file in original.parent.iterdir():
        shutil.copy(file, tmp_path)
    content = (original.parent / "Exp_Pca.bin").read_bytes()
    (tmp_path / "Exp_Pca.bin").write_bytes(content[:-40])
    with pytest.raises(EiferError, match=r"Exp_Pca\.bin has \d+ bytes, where"):
        load_bfm(tmp_path / original.name)


def test_files_that_are_no_basel_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "words.mat").write_text("These are words.\n" * 40, "utf-8")
    savemat(tmp_path / "other.mat", {"emg": np.zeros((100, 8))})
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    for name, said in (
        ("words.mat", "damaged Basel Face Model"), ("other.mat", "no Basel Face Model"),
        ("image.png", "no Basel Face Model"), ("absent.h5", "does not exist"),
    ):  # fmt: skip
        with pytest.raises(EiferError, match=said):
            load_bfm(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("meanshape", lambda v: v * 100, "which is no face"),
        ("meanshape", lambda v: v[:, :-3], r"'tri' .* names vertices"),
        ("idBase", lambda v: v[:-3], "has the shape"),
        ("exBase", lambda v: np.where(np.arange(v.shape[1]) == 3, np.nan, v), "not numbers"),
        ("exBase", lambda v: v * 1e4, "tears the face apart"),
        ("tri", lambda v: v + 1e6, "names vertices"),
    ],
)
def test_arrays_that_do_not_fit_are_named(front: Path, tmp_path: Path, name, change, said) -> None:
    content = {k: v for k, v in loadmat(front).items() if not k.startswith("__")}
    content[name] = change(content[name])
    savemat(tmp_path / "BFM_model_front.mat", content)
    with pytest.raises(EiferError, match=said):
        load_bfm(tmp_path / "BFM_model_front.mat")


def test_a_truncated_or_changed_file_ends_as_a_sentence(face: SyntheticBfm, tmp_path: Path) -> None:
    path = write_2017(tmp_path / "model2017-1_bfm_nomouth.h5", face)
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(EiferError, match="damaged Basel Face Model"):
        load_bfm(path)
    random = np.random.default_rng(0)
    for place in random.integers(0, 4096, 3):
        changed = bytearray(content)
        changed[int(place) : int(place) + 16] = random.bytes(16)
        path.write_bytes(changed)
        with contextlib.suppress(EiferError):  # anything else, and a crash, fails
            assert load_bfm(path).n_vertices == len(face.mean)
    path.write_bytes(content)
    with h5py.File(path, "a") as file:
        file["expression/model/pcaVariance"][3] = -1
    with pytest.raises(EiferError, match="variances"):
        load_bfm(path)


def test_the_command_line_imports_a_model(
    open_head: HeadModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_front(tmp_path / "BFM_model_front.mat", synthetic_bfm(open_head, 64))
    assert main(["models", "import", "bfm", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["basis"], said["n_expression"]) == ("bfm09", 64)
    assert said["error"] < 0.15
    smile = np.zeros((1, 64), np.float32)
    track = ExpressionTrack(get_space("bfm09:e64"), smile, np.zeros(1), np.ones(1, np.float32))
    assert not retarget(track, "arkit52").coefficients.any()
    assert main(["models", "import", "bfm", str(tmp_path / "absent.mat")]) == 1
    assert "absent.mat does not exist" in capsys.readouterr().err
