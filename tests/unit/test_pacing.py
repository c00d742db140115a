"""Jobs in portions: they rest where they report, go on when told, and end when stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from eifer.eifer_addon.errors import Cancelled, EiferError
from eifer.eifer_addon.pacing import Paced


def test_a_job_goes_on_only_when_it_is_told_to() -> None:
    done: list[str] = []

    def job(report: Callable[[float], None]) -> int:
        for k in range(3):
            done.append(f"part {k}")
            report((k + 1) / 3)
        return 42

    paced = Paced(job)
    assert done == []
    shares = []
    while not paced.step():
        shares.append(paced.share)
        done.append("outside")
    assert shares == [1 / 3, 2 / 3, 1.0]
    assert done == ["part 0", "outside", "part 1", "outside", "part 2", "outside"]
    assert paced.result == 42
    assert paced.step()


def test_what_the_job_raises_reaches_the_caller() -> None:
    def job(report: Callable[[float], None]) -> None:
        report(0.5)
        raise EiferError("The file is damaged.")

    paced = Paced(job)
    assert not paced.step()
    with pytest.raises(EiferError, match="damaged"):
        paced.step()


def test_a_stopped_job_is_over_when_stop_comes_back() -> None:
    ended: list[type[BaseException]] = []

    def job(report: Callable[[float], None]) -> None:
        try:
            while True:
                report(0.1)
        except Cancelled:
            ended.append(Cancelled)
            raise

    before = threading.active_count()
    paced = Paced(job)
    paced.step()
    assert threading.active_count() == before + 1
    paced.stop()
    assert ended == [Cancelled]
    assert threading.active_count() == before


def test_stopping_what_never_began_or_is_done_does_nothing() -> None:
    Paced(lambda _report: None).stop()
    paced = Paced(lambda _report: 1)
    assert paced.step()
    paced.stop()
    assert paced.result == 1
