"""Names as other people's avatars have them, to build meshes and rigs with.

Looked up on 2026-11-22: MPFB2's ``services/faceservice.py``, three-vrm's names of VRM 1.0 and
0.0, VRoid Studio's exported shape keys as scripts on GitHub list them, Unity's and Unreal's
enumerations of ARKit's blend shapes, and a human that Rigify generated in Blender 4.5.15.
"""

from __future__ import annotations

from eifer.eifer_addon.spaces import ARKIT_NAMES

MPFB_META = (
    "viseme_aa", "viseme_CH", "viseme_DD", "viseme_E", "viseme_FF", "viseme_I", "viseme_kk",
    "viseme_nn", "viseme_O", "viseme_PP", "viseme_RR", "viseme_sil", "viseme_SS", "viseme_TH",
    "viseme_U",
)  # fmt: skip
MPFB_MICROSOFT = (
    "aa_02", "aa_ah_ax_01", "ao_03", "aw_09", "ay_11", "d_t_n_19", "er_05", "ey_eh_uh_04",
    "f_v_18", "h_12", "k_g_ng_20", "l_14", "ow_08", "oy_10", "p_b_m_21", "r_13",
    "sh_ch_jh_zh_16", "sil_00", "s_z_15", "th_dh_17", "w_uw_07", "y_iy_ih_ix_06",
)  # fmt: skip
#: MPFB2's targets of the body, which are no expressions and must stay as they are.
MPFB_BODY = ("$md-$ca-$fe-$yn", "$md-universal-$fe-$yn-$av$mu-$av$wg", "nose-scale-vert-decr")
VRM1 = (
    "happy", "angry", "sad", "relaxed", "surprised", "aa", "ih", "ou", "ee", "oh", "blink",
    "blinkLeft", "blinkRight", "lookUp", "lookDown", "lookLeft", "lookRight", "neutral",
)  # fmt: skip
VRM0 = (
    "Neutral", "A", "I", "U", "E", "O", "Blink", "Joy", "Angry", "Sorrow", "Fun", "LookUp",
    "LookDown", "LookLeft", "LookRight", "Blink_L", "Blink_R",
)  # fmt: skip
VROID = (
    "Fcl_ALL_Neutral", "Fcl_ALL_Angry", "Fcl_ALL_Fun", "Fcl_ALL_Joy", "Fcl_ALL_Sorrow",
    "Fcl_ALL_Surprised", "Fcl_BRW_Angry", "Fcl_BRW_Fun", "Fcl_BRW_Joy", "Fcl_BRW_Sorrow",
    "Fcl_BRW_Surprised", "Fcl_EYE_Natural", "Fcl_EYE_Angry", "Fcl_EYE_Close", "Fcl_EYE_Close_R",
    "Fcl_EYE_Close_L", "Fcl_EYE_Fun", "Fcl_EYE_Joy", "Fcl_EYE_Joy_R", "Fcl_EYE_Joy_L",
    "Fcl_EYE_Sorrow", "Fcl_EYE_Surprised", "Fcl_EYE_Spread", "Fcl_EYE_Iris_Hide",
    "Fcl_EYE_Highlight_Hide", "Fcl_MTH_Close", "Fcl_MTH_Up", "Fcl_MTH_Down", "Fcl_MTH_Angry",
    "Fcl_MTH_Small", "Fcl_MTH_Large", "Fcl_MTH_Neutral", "Fcl_MTH_Fun", "Fcl_MTH_Joy",
    "Fcl_MTH_Sorrow", "Fcl_MTH_Surprised", "Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_U", "Fcl_MTH_E",
    "Fcl_MTH_O", "Fcl_HA_Hide",
)  # fmt: skip
#: VRoid's names as they arrive with an older export and with a newer one.
VROID_BEFORE = ("Face.M_F00_000_00_", "Face_Blendshape.", "")
#: Unreal's and Unity's enumerations begin with a capital.
CAPITALS = tuple(name[0].upper() + name[1:] for name in ARKIT_NAMES)
#: Side as a suffix, as rigs of FACS packs and of Character Creator's users have it.
UNDERSCORED = tuple(
    name.replace("Left", "_L").replace("Right", "_R")
    if name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
    else name
    for name in ARKIT_NAMES
)
#: Bone and property with its value, as Rigify makes them for a human face.
RIGIFY = (("jaw_master", "mouth_lock", 0.0), ("eyes", "eyes_follow", 1.0))
