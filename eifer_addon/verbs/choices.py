"""Arguments that are more than text: whole numbers from a least one on, and whose face."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole_from(least: int) -> Callable[[str], int]:
    """An argument that is a whole number of at least `least`."""

    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} on")
        return value

    return whole


def face(text: str) -> str | int | tuple[int, float, float]:
    """Whose face: ``largest``, ``central``, a number, or ``FRAME,X,Y``."""
    if text in {"largest", "central"}:
        return text
    try:
        if "," in text:
            frame, x, y = text.split(",")
            return int(frame), float(x), float(y)
        return whole_from(0)(text)
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise argparse.ArgumentTypeError(
            f"{text} is not largest, central, a person's number or FRAME,X,Y"
        ) from error
