"""Mapping tables: how names are understood, what targets get, and what a bad file is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy", reason="bpy is not installed here")

from avatar_names import (
    CAPITALS,
    MPFB_BODY,
    MPFB_META,
    MPFB_MICROSOFT,
    UNDERSCORED,
    VRM0,
    VRM1,
    VROID,
    VROID_BEFORE,
)

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene import mappings
from eifer.eifer_addon.scene.mappings import (
    Target,
    get_mapping,
    mapping_presets,
    plain_name,
    table_of,
)
from eifer.eifer_addon.spaces import ARKIT_NAMES


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        (("jawOpen", "JawOpen", "jaw_open", "JAW_OPEN", "jaw open", "Jaw-Open"), "jawopen"),
        (("eyeBlinkLeft", "eyeBlink_L", "EyeBlinkL", "eye_blink_left", "EYE_BLINK_LEFT",
          "L_eyeBlink", "eyeBlink.L", "left eye blink"), "eyeblinkleft"),
        (("browInnerUp_R", "BrowInnerUpRight"), "browinnerupright"),
        (("mouthRollUpper",), "mouthrollupper"),
        (("mouthLeft", "mouth_L"), "mouthleft"),
        (("L",), "l"),
        (("あ",), "あ"),
    ],
)  # fmt: skip
def test_names_are_understood_however_they_are_spelled(names: tuple[str, ...], plain: str) -> None:
    assert {plain_name(name) for name in names} == {plain}


def test_all_arkit_names_stay_apart() -> None:
    assert len({plain_name(name) for name in ARKIT_NAMES}) == 52


def test_every_preset_names_its_author_and_licence() -> None:
    folder = Path(mappings.__file__).with_name("data") / "mappings"
    assert [table.name for table in mapping_presets()] == ["arkit", "mpfb2", "rigify", "vrm"]
    for table in mapping_presets():
        document = json.loads((folder / f"{table.name}.json").read_text("utf-8"))
        assert document["author"]
        assert document["licence"] == "CC0-1.0"
        assert document["sources"]
        assert {source for t in table.targets for source in t.sources} == set(ARKIT_NAMES)
        known = {target.name for target in table.targets}
        assert all(set(target.unless) <= known - {target.name} for target in table.targets)


def test_exact_names_go_before_other_spellings_and_prefixes_are_dropped() -> None:
    table = get_mapping("arkit")
    found = table.match(["jaw_open", "jawOpen", "blendShape1.mouthClose", "Smile", "tongueOut.001"])
    assert {name: target.name for name, target in found.items()} == {
        "jawOpen": "jawOpen", "blendShape1.mouthClose": "mouthClose",
    }  # fmt: skip


def test_halves_take_the_whole_and_wholes_the_mean_of_the_halves() -> None:
    found = get_mapping("arkit").match(["browInnerUp_L", "browInnerUp_R", "mouthSmile"])
    assert {name: dict(target.sources) for name, target in found.items()} == {
        "browInnerUp_L": {"browInnerUp": 1.0}, "browInnerUp_R": {"browInnerUp": 1.0},
        "mouthSmile": {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5},
    }  # fmt: skip
    assert "mouthSmile" not in get_mapping("arkit").match(["mouthSmile", "mouthSmileLeft"])


def test_vrm_expressions_stand_back_where_perfect_sync_keys_are() -> None:
    table = get_mapping("vrm")
    plain = table.match(["aa", "ih", "ou", "ee", "oh", "blink", "happy", "relaxed"])
    assert set(plain) == {"aa", "ih", "ou", "ee", "oh", "blink", "happy"}
    vroid = table.match(["Fcl_MTH_A", "Fcl_EYE_Close", "Fcl_EYE_Close_L", "Fcl_EYE_Close_R"])
    assert set(vroid) == {"Fcl_MTH_A", "Fcl_EYE_Close_L", "Fcl_EYE_Close_R"}
    perfect = table.match([*(name[0].upper() + name[1:] for name in ARKIT_NAMES), "aa", "happy"])
    assert len(perfect) == 52
    assert "aa" not in perfect


def test_gain_offset_and_clamp() -> None:
    target = Target("x", {"jawOpen": 1.0, "mouthClose": -1.0}, 2.0, 0.1, (0.0, 1.5))
    values = np.zeros((4, 52))
    values[:, ARKIT_NAMES.index("jawOpen")] = [0, 0.25, 1, 0.2]
    values[:, ARKIT_NAMES.index("mouthClose")] = [0, 0, 0, 1]
    np.testing.assert_allclose(target.values(values), [0.1, 0.6, 1.5, 0.0], rtol=1e-6)


GOOD = {"format_version": 1, "kind": "shape_keys", "targets": {"x": {"from": {"jawOpen": 1.0}}}}


def test_a_users_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(GOOD))
    (target,) = get_mapping(path).targets
    assert target == Target("x", {"jawOpen": 1.0})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format_version": 9}, "newer EIFER"),
        ({"kind": "bones"}, "kind 'bones'"),
        ({"targets": 5}, "is not a mapping"),
        ({"targets": {"x": {"from": {"jawopen": 1.0}}}}, "'x' takes 'jawopen'"),
        ({"targets": {"x": {"from": {"jawOpen": "a"}}}}, "'x' cannot be read"),
        ({"targets": {"x": {}}}, "'x' cannot be read"),
        ({"targets": {"x": {"from": {"jawOpen": 1.0}, "clamp": [1, 0]}}}, "number that cannot be"),
        ({"targets": {"x": {"from": {"jawOpen": 1.0}, "gain": 1e999}}}, "number that cannot be"),
    ],
)
def test_a_bad_table_is_one_sentence(
    change: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(EiferError, match=sentence) as caught:
        get_mapping(path)
    assert "mine.json" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[1", b"\xff\xfe", b"[]"])
def test_a_file_that_is_no_table_is_one_sentence(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(data)
    with pytest.raises(EiferError, match="is not a mapping"):
        get_mapping(path)


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match="Choose one of arkit, mpfb2, rigify, vrm"):
        get_mapping("arkitt")
    with pytest.raises(EiferError, match="could not be read"):
        get_mapping(tmp_path / "none.json")


@pytest.mark.parametrize("names", [ARKIT_NAMES, CAPITALS, UNDERSCORED])
def test_all_52_names_are_found_as_published(names: tuple[str, ...]) -> None:
    found = get_mapping("arkit").match(names)
    assert [target.name for target in found.values()] == list(ARKIT_NAMES)
    assert list(found) == list(names)


def test_mpfb2_takes_face_units_before_visemes() -> None:
    table = get_mapping("mpfb2")
    assert set(table.match([*MPFB_BODY, *ARKIT_NAMES, *MPFB_META])) == set(ARKIT_NAMES)
    meta = table.match([*MPFB_BODY, *MPFB_META, *MPFB_MICROSOFT])
    assert set(meta) == {f"viseme_{end}" for end in ("aa", "O", "U", "I", "E", "PP", "FF")}
    microsoft = table.match([*MPFB_BODY, *MPFB_MICROSOFT])
    assert {name: target.name for name, target in microsoft.items()} == {
        "aa_02": "viseme_aa", "ow_08": "viseme_O", "w_uw_07": "viseme_U",
        "y_iy_ih_ix_06": "viseme_I", "ey_eh_uh_04": "viseme_E", "p_b_m_21": "viseme_PP",
        "f_v_18": "viseme_FF",
    }  # fmt: skip


def test_vrm_names_of_both_versions_are_found() -> None:
    table = get_mapping("vrm")
    assert set(VRM1) - set(table.match(VRM1)) == {"relaxed", "neutral", "blink"}
    old = table.match(VRM0)
    assert set(VRM0) - set(old) == {"Neutral", "Fun", "Blink"}
    assert old["Blink_L"].sources == {"eyeBlinkLeft": 1.0}
    assert old["Joy"].name == "happy"


@pytest.mark.parametrize("before", VROID_BEFORE)
def test_vroids_parts_of_the_face_go_before_its_whole_expressions(before: str) -> None:
    found = get_mapping("vrm").match([before + name for name in VROID])
    assert {name.removeprefix(before) for name in found} == {
        "Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_U", "Fcl_MTH_E", "Fcl_MTH_O", "Fcl_EYE_Close_L",
        "Fcl_EYE_Close_R", "Fcl_MTH_Fun", "Fcl_MTH_Sorrow", "Fcl_BRW_Angry", "Fcl_BRW_Surprised",
        "Fcl_EYE_Spread",
    }  # fmt: skip
    whole = get_mapping("vrm").match(["Fcl_ALL_Joy", "Fcl_ALL_Angry"])
    assert set(whole) == {"Fcl_ALL_Joy", "Fcl_ALL_Angry"}


def test_a_table_survives_as_a_document() -> None:
    for table in mapping_presets():
        assert table_of(json.dumps(table.as_document()), f"{table.name}.json") == table
