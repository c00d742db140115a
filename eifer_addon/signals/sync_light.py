"""Synchronisation by a light: an LED that flashes in the video, and the trigger that drove it."""

from __future__ import annotations

from pathlib import Path

from ..errors import EiferError
from ..video.brightness import Rectangle, find_flashing, read_brightness
from .edges import Edges, light_edges
from .sync_events import LARGEST_DRIFT_PPM, TOLERANCE_S, sync_by_events, with_method
from .sync_result import LIGHT, Sync


def sync_by_light(
    trigger: Edges,
    video: str | Path,
    rectangle: Rectangle | None = None,
    *,
    exposure: float | None = None,
    longest_s: float = float("inf"),
    tolerance_s: float = TOLERANCE_S,
    largest_drift_ppm: float = LARGEST_DRIFT_PPM,
) -> Sync:
    """Lay a video onto a recording by the flashes of a light.

    Parameters
    ----------
    trigger : Edges
        What drove the light, on the recording's clock: `edges.trigger_edges` or
        `sync_events.event_times`.
    video : path-like
    rectangle : Rectangle, optional
        Where the light is. None looks for whatever switches between two brightnesses, and takes
        the place that agrees best with the trigger.
    exposure : float, optional
        Part of the frame interval during which the shutter is open. None estimates it from few
        edges, and then all of them may be off by some milliseconds together.
    longest_s, tolerance_s, largest_drift_ppm
        As for `sync_events.sync_by_events`.

    Returns
    -------
    Sync
        From the video's clock (0 at its first frame) to the recording's.

    Raises
    ------
    EiferError
        When nothing flashes, or nothing that flashes agrees with the trigger.
    """
    places = (rectangle,) if rectangle is not None else find_flashing(video)
    name = Path(video).name
    if not places:
        raise EiferError(
            f"Nothing in {name} goes on and off.",
            "Give the rectangle of the light, or synchronise in another way.",
        )
    seen = read_brightness(video, places)
    found: list[Sync] = []
    reasons: list[EiferError] = []
    for place, light in zip(places, seen.light.T, strict=True):
        try:
            edges = light_edges(seen.times_s, light, exposure)
            sync = _either_way(trigger, edges, longest_s, tolerance_s, largest_drift_ppm)
        except EiferError as reason:
            reasons.append(reason)
            continue
        note = f"The light is at {place.words} of {name} and changes {len(edges)} times."
        found.append(with_method(sync, LIGHT, note))
    if not found:
        raise EiferError(
            f"No light in {name} agrees with the trigger: {reasons[0].cause}",
            "Give the rectangle of the light, or synchronise in another way.",
        )
    return max(found, key=_worth)


def _worth(sync: Sync) -> float:
    return sync.confidence * sync.matched


def _either_way(trigger: Edges, light: Edges, *limits: float) -> Sync:
    """The better of a light that is on during a pulse and one that is dark then."""
    longest_s, tolerance_s, largest = limits
    found, reason = [], EiferError("The light never changes.")
    for edges, notes in ((light, ()), (light.inverted(), ("The light is dark at a pulse.",))):
        try:
            sync = sync_by_events(
                trigger, edges, longest_s=longest_s, tolerance_s=tolerance_s,
                largest_drift_ppm=largest,
            )  # fmt: skip
            found.append(with_method(sync, LIGHT, *notes))
        except EiferError as error:
            reason = error
    if not found:
        raise reason
    return max(found, key=_worth)
