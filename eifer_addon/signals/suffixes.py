"""The endings of the files that each reader takes.

They are the part of the readers' registry that Blender needs when it starts, before the readers
and their libraries are loaded; ``Reader.suffixes`` gives them to everybody else.
"""

from __future__ import annotations

#: By a reader's name; readers of folders have none.
SUFFIXES: dict[str, tuple[str, ...]] = {
    "edf": (".edf",),
    "bdf": (".bdf",),
    "xdf": (".xdf",),
    "eiflog": (".eiflog",),
    "eifer": (".npz",),
    "brainvision": (".vhdr", ".vmrk", ".eeg"),
    "mat": (".mat",),
    "hdf5": (".h5", ".hdf5"),
    "poly5": (".poly5",),
    "otb": (".otb+", ".otb4", ".otb"),
    "fmov": (".txt",),
    "mmm": (".csv",),
    "delsys": (".csv", ".txt"),
    "vendor": (".csv", ".txt"),
    "table": (".csv", ".tsv", ".txt"),
    "mmm-folder": (),
    "bids": (),
}


def all_suffixes() -> tuple[str, ...]:
    """Every ending once, in the readers' order."""
    return tuple(dict.fromkeys(suffix for listed in SUFFIXES.values() for suffix in listed))
