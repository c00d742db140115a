"""The script API: one function per job.

Operators, the ``eifer`` command line and users' scripts call these and nothing deeper::

    from eifer import api                                  # outside Blender
    from bl_ext.user_default.eifer import api              # inside Blender

    recording = api.read_recording("session.edf")
    track = api.emg_to_expression(api.to_activity(recording))
    obj = api.add_head(bpy.context, api.load_head())
    api.apply_track(bpy.context, obj, track, take="session")

Only :func:`add_head` and :func:`apply_track` need bpy; they import it when called.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clean_batch import clean_batch as clean_batch
from .errors import EiferError
from .expression_link import emg_to_expression as emg_to_expression
from .expression_link import expression_to_emg as expression_to_emg
from .fusion import fuse as fuse
from .live.jobs import find_sources as find_sources
from .live.jobs import live as live
from .live.jobs import play as play
from .live.jobs import take_of_journal as take_of_journal
from .muscle_analysis_job import analyse_muscles as analyse_muscles
from .signals.inspection import inspect as inspect
from .signals.jobs import adjust_profile as adjust_profile
from .signals.jobs import calibrate as calibrate
from .signals.jobs import estimate_delay as estimate_delay
from .signals.jobs import fit_gains as fit_gains
from .signals.jobs import shifted as shifted
from .signals.jobs import synchronise as synchronise
from .video.clean_up import clean_up as clean_up
from .video.job import video_to_expression as video_to_expression
from .video.remove_job import remove_electrodes as remove_electrodes
from .video_batch import video_batch as video_batch
from .video_compare import compare as compare

if TYPE_CHECKING:
    import bpy

    from .heads.model import HeadModel
    from .signals.activity import Activity
    from .signals.edits import Edits
    from .signals.montage import Montage
    from .signals.quality import Quality
    from .signals.recording import Recording
    from .track import ExpressionTrack


def load_head(path: str | Path | None = None) -> HeadModel:
    """Load a head model.

    Parameters
    ----------
    path : path-like, optional
        The user's FLAME pickle or npz or Basel Face Model (.mat, .h5), or a head that EIFER
        saved. None gives the open head (CC0) that comes with the add-on.

    Returns
    -------
    HeadModel
        In metres, +y up, +z forward.
    """
    if path is None:
        from .heads.open_head import load_open_head

        return load_open_head()
    from .heads.head_file import load_head_file

    return load_head_file(path)


def read_recording(path: str | Path, **choices: Any) -> Recording:
    """Read a recording of surface EMG.

    Parameters
    ----------
    path : path-like
        EDF, BDF, XDF, BrainVision, CSV/TSV, MAT, HDF5, Poly5, OTB, a BIDS-EMG or MMM folder,
        FMOV text … (docs/formats.md), or a recording that EIFER saved.
    **choices
        What the file does not say itself: ``rate_hz``, ``units``, ``format``, ``envelope``, and
        where it holds several: ``stream``, ``segment``, ``dataset``, ``axis``, ``clip`` ….

    Returns
    -------
    Recording
        Raw channels with rate, units and events, lazily sliced.
    """
    from .signals.readers import read_recording as read

    return read(path, **choices)


def map_channels(
    recording: Recording, montage: Any = None, scheme: str = "auto", sides: str = "both"
) -> Montage:
    """Which channel or bipolar pair stands over which muscle, with scores, to show and to edit.

    Parameters
    ----------
    recording : Recording
    montage : Montage, mapping or path, optional
        The user's own; None maps by names, by a BIDS folder's tables and by places.
    scheme : {"auto", "fridlund", "kuramoto"}
        Which electrode codes the names mean.
    sides : {"both", "left", "right", "swap"}
        The side that was recorded; "swap" where names mean the sides as seen in the image.
    """
    from .signals.montage_recording import map_recording

    return map_recording(recording, montage, scheme, sides)


def to_activity(
    recording: Recording,
    preset: str = "clinical",
    rate_hz: float | None = None,
    profile: Any = None,
    montage: Any = None,
    repair: Mapping[str, str] | None = None,
    unmix: bool = False,
    on_progress: Callable[[float], None] | None = None,
    **mapping: str,
) -> Activity:
    """Turn raw channels into normalised muscle activity.

    Parameters
    ----------
    recording : Recording
        Raw EMG or envelopes.
    preset : str
        Filter chain: ``"clinical"`` (zero-phase, 6 Hz envelope), ``"live"`` (causal), ``"rms100"``
        or ``"mam"`` (the MaM data set's).
    rate_hz : float, optional
        Frames per second of the result.
    profile : Profile, mapping or path, optional
        A subject's calibration; None normalises by the recording itself.
    montage : Montage, mapping or path, optional
        Channel to muscle; None maps as :func:`map_channels` does.
    repair : mapping, optional
        Channel to ``"drop"``, ``"mirror"`` or ``"interpolate"``; nothing is repaired unasked.
    unmix : bool
        Take out the cross-talk that the profile holds.
    on_progress : callable, optional
        Called with the share of the channels that is done, 0 to 1; it may raise `Cancelled`.
    **mapping
        ``scheme`` and ``sides`` of :func:`map_channels`.

    Returns
    -------
    Activity
        0 at rest, 1 at the 95th percentile, per muscle.
    """
    from .signals.convert import to_activity as convert

    return convert(
        recording, preset=preset, rate_hz=rate_hz, profile=profile, montage=montage,
        repair=repair, unmix=unmix, on_progress=on_progress, **mapping,
    )  # fmt: skip


def check_quality(recording: Recording, channels: list[str] | None = None) -> Quality:
    """Judge channels: a level (good, doubtful, bad) and sentences for each, also over time.

    Parameters
    ----------
    recording : Recording
    channels : list of str, optional
        Also pairs (``"A - B"``); None takes those that stand for a muscle.
    """
    from .signals.quality import check_quality as check

    return check(recording, channels)


def read_track(path: str | Path, **choices: Any) -> ExpressionTrack:
    """Read a track of EIFER or of another program.

    Parameters
    ----------
    path : path-like
        EIFER's npz or CSV, Live Link Face, OpenFace or py-feat CSV, SMIRK, DECA or EMOCA npz, or
        a parameter table of the MMM data set.
    **choices
        What the file leaves open: ``format``, ``rate_hz``, ``face``, ``angles``, ``basis``.

    Returns
    -------
    ExpressionTrack
        In the format's own space; :func:`retarget` carries it to another.
    """
    from .exchange import read_track as read

    return read(path, **choices)


def read_activity(path: str | Path) -> Activity:
    """Read muscle activity that EIFER saved or exported: npz, CSV, or a BIDS folder's table."""
    from .exchange import read_activity as read

    return read(path)


def muscle_map(
    activity: Activity | Recording | str | Path, out: str | Path, **options: Any
) -> Path:
    """Draw muscle activity (of a recording or file, too) as a flat map of the face.

    Parameters
    ----------
    activity : Activity, Recording or path-like
    out : path-like
        A picture (``.png``, ``.svg``) or a film of the whole recording (``.mp4``).
    **options
        For a picture: ``at`` (s), ``window`` (start and end in s) and ``event`` (name), each one
        or a list, a map for each and without any the strongest moment; ``every_event``,
        ``titles``, ``columns``. For a film: ``fps``, ``height``, ``on_progress``. For both:
        ``names``, ``scheme`` ("fridlund", "kuramoto"), ``limit``, ``overwrite`` (default False).
    """
    from .muscle_job import muscle_map as draw

    return draw(activity, out, **options)


def export(
    item: ExpressionTrack | Activity, path: str | Path, *, overwrite: bool = False, **choices: Any
) -> tuple[Path, ...]:
    """Write a track or muscle activity for other programs.

    Parameters
    ----------
    item : ExpressionTrack or Activity
    path : path-like
        The file, or the folder of a BIDS-style derivative.
    overwrite : bool
        Whether existing files may be replaced.
    **choices
        ``format``: "csv", "npz", "researchers", "livelink" or "bids" (default: by the suffix);
        ``rate_hz`` of a Live Link Face timecode; ``subject``, ``task``, ``session`` for BIDS.
    """
    from .exchange import write

    return write(item, path, overwrite=overwrite, **choices)


def apply_edits(
    signal: Activity | Recording, edits: Edits | Mapping[str, Any] | str, **conversion: Any
) -> Activity:
    """Change muscle activity by a few numbers, always in the same way.

    Parameters
    ----------
    signal : Activity or Recording
        A recording is converted first.
    edits : Edits, mapping or str
        ``preset``, ``swap_sides``, ``baseline`` and ``gain`` (by muscle), ``symmetry``,
        ``min_cutoff_hz`` and ``beta`` (One Euro smoothing), ``dead_zone``, ``delay_ms``; also as
        JSON text.
    **conversion
        Options of :func:`to_activity`, for a recording.

    Returns
    -------
    Activity
        What was done stands in its `filters` and in ``source["edits"]``.
    """
    from .signals.edits import Edits
    from .signals.edits import apply_edits as apply

    chosen = edits if isinstance(edits, Edits) else Edits.from_document(edits)
    return apply(signal, chosen, **conversion)


def retarget(track: ExpressionTrack, space_or_head: str | HeadModel) -> ExpressionTrack:
    """Carry a track into another expression space.

    Parameters
    ----------
    track : ExpressionTrack
        In any space.
    space_or_head : str or HeadModel
        The space's name, or the head that shall take the track.
    """
    from .heads.retarget import retarget as carry

    return carry(track, space_or_head)


def add_head(context: bpy.types.Context, head: HeadModel, **options: Any) -> bpy.types.Object:
    """Add a rigged head to the scene (needs bpy, main thread).

    Parameters
    ----------
    context : bpy.types.Context
    head : HeadModel
        The open head or a FLAME head; a FLAME head without ARKit units gets them here once. A
        head on which no face is recognised gets its rig without them, with a warning.
    **options
        ``identity``, ``n_identity``, ``n_expression``, ``name``.

    Returns
    -------
    bpy.types.Object
        The mesh object; its parent is the armature.
    """
    from .heads.display import with_eye_materials
    from .scene.rig import add_head as build

    head = with_eye_materials(head)
    if head.units is None:
        from .heads.retarget import with_arkit_units

        try:
            head = with_arkit_units(head)
        except EiferError as error:
            warnings.warn(f"The rig has no ARKit controls. {error}", stacklevel=2)
    return build(context, head, **options)


def apply_track(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    take: str = "take",
    **options: Any,
) -> Any:
    """Write a track as keys on a rigged head or another avatar (needs bpy, main thread).

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        What :func:`add_head` returned, a mesh with ARKit-named shape keys, or anything that a
        mapping fits.
    track : ExpressionTrack
        In `arkit52` or in the head's own space; in any space for other avatars.
    take : str
        Name of the action and its slot.
    **options
        ``frame_start``, ``frame_range`` ("extend", "fit" or "keep"); ``activity``, which the take
        keeps for the muscle map; for our heads ``head_bone`` and ``exists``; for other avatars
        ``mapping``: "arkit", "mpfb2", "vrm", "rigify" or a JSON file, None finds the one that
        fits.

    Returns
    -------
    bpy.types.Action
        The new action.
    """
    from .scene.any_rig import apply_to_rig
    from .scene.controls import is_head
    from .scene.keyframes import apply_track as apply_to_head
    from .scene.script_takes import complete_take

    activity = options.pop("activity", None)
    own = is_head(obj) and options.get("mapping") is None
    if own:
        options.pop("mapping", None)
    write = apply_to_head if own else apply_to_rig
    action = write(context, obj, track, take=take, **options)
    complete_take(context, obj, action, activity, track)
    return action
