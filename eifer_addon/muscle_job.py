"""The job of the flat muscle map: from an activity, a recording or a file to a picture or film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import EiferError
from .signals.activity import Activity
from .signals.recording import Recording

_BOTH = ("names", "scheme", "limit", "overwrite")
_PICTURE = ("at", "window", "event", "every_event", "titles", "columns")
_FILM = ("fps", "height", "on_progress")


def muscle_map(
    activity: Activity | Recording | str | Path, out: str | Path, **options: Any
) -> Path:
    """Draw a map; see :func:`eifer.api.muscle_map`."""
    is_film = Path(out).suffix.lower() == ".mp4"
    known = (*(_FILM if is_film else _PICTURE), *_BOTH)
    for name in options:
        if name not in known:
            what = "film" if is_film else "picture"
            raise EiferError(
                f"'{name}' is no option of a {what} of the muscle map.",
                f"Choose among {', '.join(known)}.",
            )
    goal = Path(out)
    if goal.exists() and not options.get("overwrite"):
        raise EiferError(f"{goal} exists already.", "Choose another name or allow overwriting.")
    if not is_film:
        from .muscle_figure import checked_format

        checked_format(goal)
    found = activity_of(activity)
    shared = {"overwrite": False, **{n: options[n] for n in _BOTH if n in options}}
    if not is_film:
        return _picture(found, goal, options, shared)
    from .muscle_film import save_film

    return save_film(goal, found, **shared, **{n: options[n] for n in _FILM if n in options})


def activity_of(item: Activity | Recording | str | Path) -> Activity:
    """The activity itself, that of a recording, or that in a file."""
    from . import api, exchange

    if isinstance(item, str | Path):
        if exchange.is_activity(item) or (Path(item).is_file() and exchange.is_track(item)):
            return api.read_activity(item)
        item = api.read_recording(item)
    return api.to_activity(item) if isinstance(item, Recording) else item


def _picture(
    activity: Activity, goal: Path, options: dict[str, Any], shared: dict[str, Any]
) -> Path:
    from .muscle_figure import save_map
    from .muscle_moments import event_names, moments_of

    events = _several(options.get("event"), str)
    if options.get("every_event"):
        events += event_names(activity)
        if not events:
            raise EiferError("The recording has no events at all.", "Use a time or a window.")
    moments = moments_of(
        activity,
        at=_several(options.get("at"), float),
        window=_windows(options.get("window")),
        event=events,
        titles=_several(options.get("titles"), str),
        scheme=shared.pop("scheme", None),
    )
    return save_map(goal, moments, columns=int(options.get("columns", 4)), **shared)


def _several(value: Any, kind: type) -> tuple[Any, ...]:
    """One or many as a tuple, none as an empty one."""
    if value is None:
        return ()
    try:
        many = (value,) if isinstance(value, str) or not hasattr(value, "__iter__") else value
        return tuple(kind(each) for each in many)
    except (TypeError, ValueError) as error:
        raise EiferError(f"'{value}' cannot be understood.", "Give one value or a list.") from error


def _windows(value: Any) -> tuple[Sequence[float], ...]:
    """One window or many as a tuple of pairs."""
    if value is None:
        return ()
    try:
        single = len(value) == 2 and all(isinstance(edge, int | float) for edge in value)
        return tuple((float(start), float(end)) for start, end in ([value] if single else value))
    except (TypeError, ValueError) as error:
        raise EiferError(
            f"'{value}' is no window.", "Give start and end in s, or a list of such pairs."
        ) from error
