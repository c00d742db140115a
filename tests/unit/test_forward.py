"""The forward pass against two other people's code, and against itself."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from flame_writer import synthetic_arrays, write_flame

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.flame_file import parse_flame
from eifer.eifer_addon.heads.model import HeadModel, rodrigues

N_SETS = 200
TOLERANCE_M = 1e-6


@pytest.fixture(scope="module")
def flame_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flame")
    arrays = write_flame(folder / "FLAME_NEUTRAL.pkl", "2023open", seed=3)
    write_flame(folder / "generic_model.pkl", "2020", arrays=arrays)
    return folder


@pytest.fixture(scope="module")
def head(flame_folder: Path) -> HeadModel:
    path = flame_folder / "FLAME_NEUTRAL.pkl"
    return parse_flame(path.read_bytes(), path)


@pytest.fixture(scope="module")
def parameters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Identity (200, 300), expression (200, 100) and pose (200, 5, 3) up to large angles."""
    random = np.random.default_rng(11)
    pose = random.normal(0, 0.4, (N_SETS, 5, 3))
    pose[::10] = 0
    return random.normal(0, 1, (N_SETS, 300)), random.normal(0, 1, (N_SETS, 100)), pose


def test_vertices_and_joints_are_those_of_smplx(
    head: HeadModel, flame_folder: Path, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    torch = pytest.importorskip("torch", reason="the oracle smplx needs torch")
    smplx = pytest.importorskip("smplx", reason="the oracle smplx is not installed")
    # smplx asks for a landmark embedding; any three points will do.
    embedding = {"lmk_face_idx": np.arange(3), "lmk_b_coords": np.full((3, 3), 1 / 3)}
    (flame_folder / "flame_static_embedding.pkl").write_bytes(pickle.dumps(embedding))
    oracle = smplx.FLAME(
        str(flame_folder), num_betas=300, num_expression_coeffs=100, dtype=torch.float64
    )
    identity, expression, pose = parameters
    vertices, joints = head.forward(*parameters)
    with torch.no_grad():
        result = oracle(
            betas=torch.tensor(identity), expression=torch.tensor(expression),
            global_orient=torch.tensor(pose[:, 0]), neck_pose=torch.tensor(pose[:, 1]),
            jaw_pose=torch.tensor(pose[:, 2]), leye_pose=torch.tensor(pose[:, 3]),
            reye_pose=torch.tensor(pose[:, 4]),
        )  # fmt: skip
    assert result.vertices.dtype == torch.float64
    assert np.abs(result.vertices.numpy() - vertices).max() <= TOLERANCE_M
    assert np.abs(result.joints.numpy()[:, :5] - joints).max() <= TOLERANCE_M


def test_vertices_and_joints_are_those_of_body_models(
    head: HeadModel, flame_folder: Path, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    reason = "the oracle body-models is not installed (it needs NumPy 2)"
    oracle_class = pytest.importorskip("body_models.flame.numpy", reason=reason).FLAME
    oracle = oracle_class(model_path=flame_folder / "generic_model.pkl")
    identity, expression, pose = parameters
    given = {
        "head_pose": pose[:, 1:], "head_rotation": pose[:, 0],
        "shape": identity, "expression": expression,
    }  # fmt: skip
    vertices, joints = head.forward(*parameters)
    theirs = np.concatenate(
        [
            oracle.forward_vertices(**{key: value[part] for key, value in given.items()})
            for part in np.array_split(np.arange(N_SETS), 10)
        ]
    )
    assert np.abs(theirs - vertices).max() <= TOLERANCE_M
    skeleton = oracle.forward_skeleton(**given)
    assert np.abs(skeleton[..., :3, 3] - joints).max() <= TOLERANCE_M


def test_float32_stays_float32_and_agrees_with_float64(
    head: HeadModel, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    some = [values[:40] for values in parameters]
    exact, exact_joints = head.forward(*some)
    quick, quick_joints = head.forward(*some, dtype=np.float32)
    assert exact.dtype == exact_joints.dtype == np.float64
    assert quick.dtype == quick_joints.dtype == np.float32
    assert np.abs(exact - quick).max() <= 1e-5
    assert np.abs(exact_joints - quick_joints).max() <= 1e-5


def test_a_batch_is_its_single_heads(
    head: HeadModel, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    vertices, joints = head.forward(*parameters)
    for index in (0, 31, 32, 63, 64, N_SETS - 1):
        single, single_joints = head.forward(*(values[index] for values in parameters))
        assert single.shape == (head.n_vertices, 3)
        assert np.abs(single - vertices[index]).max() < 1e-12
        assert np.abs(single_joints - joints[index]).max() < 1e-12


def test_leading_axes_are_kept_and_broadcast(
    head: HeadModel, parameters: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    identity, expression, pose = (values[:6] for values in parameters)
    grid, grid_joints = head.forward(
        identity[0], expression.reshape(2, 3, 100), pose.reshape(2, 3, 5, 3)
    )
    assert grid.shape == (2, 3, head.n_vertices, 3)
    assert grid_joints.shape == (2, 3, 5, 3)
    single, _ = head.forward(identity[0], expression[5], pose[5])
    assert np.abs(grid[1, 2] - single).max() < 1e-12
    many, _ = head.forward(identity[:3], pose=pose[0])
    assert many.shape == (3, head.n_vertices, 3)
    none, _ = head.forward(pose=np.zeros((0, 5, 3)))
    assert none.shape == (0, head.n_vertices, 3)


def test_shorter_coefficients_count_as_zero_beyond_their_end(head: HeadModel) -> None:
    short, _ = head.forward(np.ones(5), np.ones(3))
    padded, _ = head.forward(np.r_[np.ones(5), np.zeros(295)], np.r_[np.ones(3), np.zeros(97)])
    assert np.abs(short - padded).max() < 1e-12
    with pytest.raises(EiferError, match="300 identity coefficients, but 301"):
        head.forward(np.ones(301))
    with pytest.raises(EiferError, match=r"shape \(\.\.\., 5, 3\)"):
        head.forward(pose=np.zeros((4, 3)))
    with pytest.raises(EiferError, match="no ARKit units"):
        head.forward(units=np.zeros(52))


def test_a_resting_pose_changes_nothing(head: HeadModel) -> None:
    rest, _ = head.forward()
    posed, _ = head.forward(pose=np.zeros((5, 3)))
    assert (rest == head.template).all()
    assert np.abs(posed - rest).max() < 1e-7


def test_a_turned_root_turns_the_whole_head_about_its_joint(head: HeadModel) -> None:
    turn = np.zeros((5, 3))
    turn[0] = [0.3, -1.2, 0.5]
    rest, rest_joints = head.forward()
    turned, joints = head.forward(pose=turn)
    matrix, centre = rodrigues(turn[0]), rest_joints[0]
    # Weights are float32: their sum differs from one by 1e-7.
    assert np.abs(turned - ((rest - centre) @ matrix.T + centre)).max() < 1e-7
    assert np.abs(joints - ((rest_joints - centre) @ matrix.T + centre)).max() < 1e-12


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-7, 1e-3, 1.0, np.pi, 6.0])
def test_rotations_are_those_of_scipy(angle: float) -> None:
    from scipy.spatial.transform import Rotation

    vector = angle * np.array([0.6, -0.48, 0.64])
    assert np.abs(rodrigues(vector) - Rotation.from_rotvec(vector).as_matrix()).max() < 1e-14
    assert np.abs(rodrigues(vector.astype(np.float32)) - rodrigues(vector)).max() < 1e-6


def test_units_move_the_head_by_their_displacement(head: HeadModel) -> None:
    units = np.random.default_rng(0).normal(0, 1e-3, (52, head.n_vertices, 3)).astype(np.float32)
    values = np.linspace(0, 1, 52)
    moved, _ = head.replace(units=units).forward(units=values)
    expected = head.template + np.einsum("u,uvc->vc", values, units.astype(np.float64))
    assert np.abs(moved - expected).max() < 1e-12


def test_a_long_take_needs_little_memory_besides_its_result() -> None:
    path = Path("head.npz")
    from flame_writer import flame_pickle

    small = parse_flame(flame_pickle(synthetic_arrays(n_vertices=500), "2023open"), path)
    pose = np.random.default_rng(0).normal(0, 0.2, (2000, 5, 3)).astype(np.float32)
    tracemalloc.start()
    try:
        vertices, _ = small.forward(pose=pose, dtype=np.float32)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * vertices.nbytes


def test_a_saved_head_comes_back_as_it_was(head: HeadModel, tmp_path: Path) -> None:
    units = np.zeros((52, head.n_vertices, 3), np.float32)
    saved = head.replace(units=units).save(tmp_path / "head.npz")
    back = HeadModel.load(saved)
    assert (back.identity_basis == head.identity_basis).all()
    assert back.info == head.info
    broken = head.replace(weights=head.weights[:-1]).save(tmp_path / "broken.npz")
    with pytest.raises(EiferError, match=r"'weights' of .*broken\.npz has the shape \(5022, 5\)"):
        HeadModel.load(broken)
