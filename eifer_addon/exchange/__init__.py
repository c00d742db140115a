"""Tracks and activities in other programs' files, one small module per format and one registry.

Files of Live Link Face, OpenFace, py-feat, SMIRK, DECA, EMOCA, VHAP, flame-head-tracker and the
MMM data set flow in and become an `ExpressionTrack` (:func:`read_track`); tracks and `Activity`
objects flow out as CSV, npz, Live Link Face CSV or a BIDS-style derivative (:func:`write`). `base`
has the choices and the checks that all share, `table` reads delimited text, `archive` reads npz,
`frame_files` one file per frame, `rotations` converts angles, `data/` holds the tables that map
action units. May import the nouns (`track`, `spaces`, `signals.activity`), `heads.model` and
`heads.retarget`, `files` and `errors`; never bpy, `api` or the verbs.
"""

from __future__ import annotations

from .registry import (
    READ_FORMATS,
    WRITE_FORMATS,
    is_activity,
    is_track,
    read_activity,
    read_track,
    write,
)

__all__ = [
    "READ_FORMATS",
    "WRITE_FORMATS",
    "is_activity",
    "is_track",
    "read_activity",
    "read_track",
    "write",
]
