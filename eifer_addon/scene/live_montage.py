"""Changing the montage of a stream while it is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..errors import EiferError
from ..signals.montage import map_channels
from .live_settings import live_of, takes_folder

if TYPE_CHECKING:
    from pathlib import Path

    from .live_driver import LiveDriver


def change_montage(
    context: bpy.types.Context, driver: LiveDriver, channel: str, target: str | None
) -> Path:
    """Let a channel stand for another muscle, and go on with that.

    Parameters
    ----------
    context : bpy.types.Context
    driver : LiveDriver
        Connected.
    channel : str
    target : str or None
        Muscle with its side, ``.both`` or no side for both; None for no muscle.

    Returns
    -------
    pathlib.Path
        The montage file, which later connections use, too.

    Raises
    ------
    EiferError
        When nothing is connected, or no channel would stand for a muscle; nothing changes then.
    """
    session = driver.session
    channels = tuple(driver.snapshot.status.get("source", {}).get("channels", ()))
    if session is None or not channels:
        raise EiferError("Nothing is connected.", "Connect first.")
    if target is not None:
        target = target.removesuffix(".both")
    montage = map_channels(channels, session.settings.montage).with_target(channel, target)
    folder = takes_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = montage.save(folder / "montage.json")
    live_of(context.scene).montage = str(path)
    driver.reconnect(montage=str(path))
    return path
