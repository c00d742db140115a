"""Shared fixtures: the test data folder and the open head."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def find_test_data() -> Path | None:
    """The shared data folder: ``EIFER_TEST_DATA``, else ``../shared/data`` beside the checkout."""
    named = os.environ.get("EIFER_TEST_DATA")
    for folder in (Path(named) if named else None, REPOSITORY.parent / "shared" / "data"):
        if folder is not None and folder.is_dir():
            return folder
    return None


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The shared data folder, or a skip that says where it was looked for."""
    folder = find_test_data()
    if folder is None:
        pytest.skip("no test data at EIFER_TEST_DATA or in ../shared/data beside the checkout")
    return folder
