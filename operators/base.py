"""The one error boundary: what an operator does when its job fails."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from ..eifer_addon.errors import Cancelled, EiferError

if TYPE_CHECKING:
    import bpy

#: What Blender takes from an operator's methods.
OperatorResult = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]
FINISHED: OperatorResult = {"FINISHED"}
CANCELLED: OperatorResult = {"CANCELLED"}
RUNNING: OperatorResult = {"RUNNING_MODAL"}
PASSING: OperatorResult = {"PASS_THROUGH"}
_log = logging.getLogger(__name__)


def guarded(operator: bpy.types.Operator, job: Callable[[], object]) -> OperatorResult:
    """Run `job` for `operator`; a failure becomes a report and CANCELLED.

    Jobs leave the scene as it was when they fail; what they warn of is reported as a warning.
    With ``EIFER_RAISE=1`` in the environment the exception goes on, so that tests and developers
    see it whole.
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            job()
    except Cancelled as stop:
        operator.report({"INFO"}, str(stop))
        return CANCELLED
    except EiferError as error:
        operator.report({"ERROR"}, str(error))
        _raise_when_wanted()
        return CANCELLED
    except Exception as error:  # noqa: BLE001  # the boundary: Blender must go on
        _log.exception("%s failed", operator.bl_idname)
        operator.report({"ERROR"}, _unexpected(operator, error))
        _raise_when_wanted()
        return CANCELLED
    for warning in caught:
        if warning.category is UserWarning:
            operator.report({"WARNING"}, str(warning.message))
    return FINISHED


def watched(
    operator: Any, context: bpy.types.Context, start: Callable[[], object], every_s: float
) -> OperatorResult:
    """Start work that goes on beside Blender, and let a timer call the operator's `modal`.

    Parameters
    ----------
    operator : bpy.types.Operator
        Gets the attribute ``timer``, which it takes away when the work has ended.
    context : bpy.types.Context
    start : callable
        Starts the work; when it fails, nothing is watched.
    every_s : float
        Seconds between two looks.
    """
    if guarded(operator, start) == CANCELLED:
        return CANCELLED
    manager = context.window_manager
    operator.timer = manager.event_timer_add(every_s, window=context.window)
    manager.modal_handler_add(operator)
    return RUNNING


def _unexpected(operator: bpy.types.Operator, error: Exception) -> str:
    what = f"{type(error).__name__}: {error}"
    return (
        f"'{operator.bl_label}' met an error that is not foreseen ({what}). Nothing was changed; "
        "please report it with the text in the system console."
    )


def _raise_when_wanted() -> None:
    if os.environ.get("EIFER_RAISE") == "1":
        raise  # noqa: PLE0704  # only called while an exception is handled


def in_object_mode(
    operator: type[bpy.types.Operator], context: bpy.types.Context, what: str
) -> bool:
    """For `poll`: whether Blender is in object mode, with the reason for the user if not."""
    if context.mode == "OBJECT":
        return True
    operator.poll_message_set(f"Leave the present mode first: {what} in object mode")
    return False
