"""The portraits that networks are trained and tested with, and which of them are kept for tests.

The 150 portraits of faker-js/assets-person-portrait (CC0) show people who do not exist. Every
third, of women and of men, is never trained on.
"""

from __future__ import annotations

from pathlib import Path

from ...eifer_addon.errors import EiferError

#: Of so many portraits one is kept for tests.
_EVERY = 3


def portrait_paths(folder: str | Path) -> list[Path]:
    """All portraits in a folder and its subfolders, in an order that is the same everywhere.

    Raises
    ------
    EiferError
        When there are fewer than three.
    """
    root = Path(folder)
    found = [path for path in root.rglob("*.jpg") if path.is_file()]
    if len(found) < _EVERY:
        raise EiferError(
            f"{root} holds {len(found)} portraits (.jpg); at least {_EVERY} are needed.",
            "Name the folder of the CC0 portraits of faker-js/assets-person-portrait.",
        )
    return sorted(found, key=lambda path: (path.relative_to(root).parts[:-1], _number(path)))


def portrait_split(folder: str | Path) -> tuple[list[Path], list[Path]]:
    """Portraits to train on, and those to test on: every third of each subfolder.

    Parameters
    ----------
    folder : path-like
        As for `portrait_paths`; of the 150, 100 are trained on and 50 are not.

    Returns
    -------
    train, test : list of pathlib.Path
    """
    train: list[Path] = []
    test: list[Path] = []
    counts: dict[Path, int] = {}
    for path in portrait_paths(folder):
        place = counts.get(path.parent, 0)
        counts[path.parent] = place + 1
        (test if place % _EVERY == _EVERY - 1 else train).append(path)
    return train, test


def _number(path: Path) -> tuple[int, str]:
    """Names that are numbers in their order, all others behind them."""
    return (int(path.stem), "") if path.stem.isdigit() else (1 << 30, path.stem)
