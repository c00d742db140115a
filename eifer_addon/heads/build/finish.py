"""Landmarks and electrodes of the built head."""

from __future__ import annotations

from ..model import HeadModel


def with_points(head: HeadModel) -> HeadModel:
    """The head as it is."""
    return head
