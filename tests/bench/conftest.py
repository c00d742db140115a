"""``--run-bench``: the files ``bench_*.py`` are collected only when they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-bench", action="store_true", help="run the benchmarks too")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    wanted = parent.config.getoption("--run-bench", default=False)
    named_itself = parent.session.isinitpath(file_path)
    if wanted and not named_itself and file_path.match("bench_*.py"):
        return pytest.Module.from_parent(parent, path=file_path)
    return None
