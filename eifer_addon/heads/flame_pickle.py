"""Pickles read as data: a machine that knows values and containers and never calls anything.

Python's own unpickler calls what a file names. FLAME files need only numbers, strings, lists,
dicts and a dozen names (NumPy arrays, SciPy's sparse matrices, chumpy wrappers), so this
machine builds plain values and inert :class:`Node` objects for those names, and refuses every
other name. Nothing is imported, called or constructed on a file's behalf, and no opcode can
allocate more than the bytes that are really in the file: a huge memo index is a key of a dict,
a huge length is a file that breaks off, a huge shape is text until somebody checks it.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EiferError

#: FLAME files hold fewer than 5,000 operations; more is not a head model.
MAX_OPERATIONS = 200_000
REMEDY = "Download the model again from the FLAME site, or choose another file."

_ARRAY_MODULES = ("numpy.core", "numpy._core")
_SPARSE_KINDS = ("csc_matrix", "csc_array", "csr_matrix", "csr_array")
#: Names that a FLAME file may hold, in every spelling since Python 2, and what they mean here.
ALLOWED: dict[str, str] = {
    **{f"{core}.multiarray._reconstruct": "array" for core in _ARRAY_MODULES},
    **{f"{core}.multiarray.scalar": "scalar" for core in _ARRAY_MODULES},
    **{f"{core}.numeric._frombuffer": "buffer" for core in _ARRAY_MODULES},
    **{
        f"scipy.sparse{module}.{kind}": kind[:3]
        for kind in _SPARSE_KINDS
        for module in ("", f".{kind[:3]}", f"._{kind[:3]}")
    },
    **{
        f"{builtin}.{name}": name
        for builtin in ("builtins", "__builtin__")
        for name in ("object", "set", "frozenset", "bytes", "bytearray")
    },
    "numpy.ndarray": "ndarray",
    "numpy.dtype": "dtype",
    "_codecs.encode": "encode",
    "copy_reg._reconstructor": "reconstructor",
    "copyreg._reconstructor": "reconstructor",
    "chumpy.Ch": "chumpy",
    "chumpy.ch.Ch": "chumpy",
    "chumpy.ch.MatVecMult": "chumpy product",
    "chumpy.reordering.Select": "chumpy select",
}


@dataclass(frozen=True, eq=False)
class Name:
    """A name that the file mentions; `kind` is a value of `ALLOWED`."""

    kind: str


@dataclass(eq=False)
class Node:
    """What the file wanted to be built: never built, only described."""

    kind: str
    args: tuple[Any, ...]
    state: Any = None


class _Mark:
    """The place on the stack where a container's items begin."""


_MARK = _Mark()


def read_pickle(data: bytes, where: Path) -> dict[str, Any]:
    """Read a pickled dict as plain values and nodes.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : pathlib.Path
        Its name, for the sentence of an error.

    Returns
    -------
    dict
        Text keys; values are numbers, text, bytes, lists, tuples, dicts, `Name` and `Node`.

    Raises
    ------
    EiferError
        When the file is damaged, names something that no FLAME file needs, or is no dict.
    """
    machine = _Machine(where)
    position = 0
    try:
        for count, (opcode, argument, at) in enumerate(pickletools.genops(data)):
            position = at or 0
            if count > MAX_OPERATIONS:
                raise EiferError(f"{where} is too intricate to be a FLAME model.", REMEDY)
            machine.step(opcode.name, argument)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise EiferError(
            f"{where} is not a FLAME model: as a pickle it breaks off or is damaged "
            f"at byte {position}.",
            REMEDY,
        ) from error
    if not isinstance(machine.result, dict):
        raise EiferError(f"{where} is not a FLAME model: it holds no table of arrays.", REMEDY)
    return {
        key.decode("latin-1") if isinstance(key, bytes) else str(key): value
        for key, value in machine.result.items()
    }


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.result: Any = None

    def step(self, opcode: str, argument: Any) -> None:
        """Carry one operation out, or refuse it."""
        if opcode in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif opcode in _PUSH_NEW:
            self.stack.append(_PUSH_NEW[opcode]())
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        elif opcode not in _NOTHING:
            raise EiferError(
                f"{self.where} uses the pickle operation {opcode}, which no FLAME model needs; "
                "it was not loaded and nothing in it was run.",
                REMEDY,
            )

    def pop(self) -> Any:
        """Take the newest value; a mark is none."""
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value should be")
        return value

    def pop_to_mark(self) -> list[Any]:
        """Take the values above the newest mark, and the mark."""
        items: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def top(self, kind: type) -> Any:
        """The newest value, which must be of a kind."""
        if not isinstance(self.stack[-1], kind):
            raise TypeError(f"no {kind.__name__} to fill")
        return self.stack[-1]

    def name(self, dotted: str) -> None:
        """Push an allowed name."""
        kind = ALLOWED.get(dotted)
        if kind is None:
            shown = dotted if len(dotted) <= 80 and dotted.isprintable() else ascii(dotted[:60])
            raise EiferError(
                f"{self.where} asks for '{shown}', which no FLAME model needs; "
                "it was not loaded and nothing in it was run.",
                REMEDY,
            )
        self.stack.append(Name(kind))

    def stack_name(self, _: Any) -> None:
        """Push the allowed name whose module and name are on the stack."""
        name, module = self.pop(), self.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError("a name that is not text")
        self.name(f"{module}.{name}")

    def build(self, _: Any) -> None:
        """Give a node its state."""
        state = self.pop()
        self.top(Node).state = state

    def reduce(self, _: Any) -> None:
        """Describe a call instead of making it."""
        args, target = self.pop(), self.pop()
        self.node(target, args)

    def node(self, target: Any, args: Any) -> None:
        """Push the description of what `target` would make of `args`."""
        if not (isinstance(target, Name) and isinstance(args, tuple)):
            raise TypeError("a call of something that is not a name")
        if target.kind == "reconstructor":
            if not (args and isinstance(args[0], Name)):
                raise TypeError("a reconstruction of something that is not a name")
            target, args = args[0], ()
        self.stack.append(Node(target.kind, args))

    def put(self, items: list[Any]) -> None:
        """Fill the dict on top with keys and values in turn."""
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Only plain keys: the hash of nested tuples can take for ever.
            if not isinstance(key, str | bytes | int):
                raise TypeError("a key that is neither text nor number")
            target[key] = value

    def new_dict(self, _: Any) -> None:
        """Make a dict of the items above the mark."""
        items = self.pop_to_mark()
        self.stack.append({})
        self.put(items)

    def set_item(self, _: Any) -> None:
        """Put one item into the dict below it."""
        value, key = self.pop(), self.pop()
        self.put([key, value])

    def append(self, _: Any) -> None:
        """Append one value to the list below it."""
        value = self.pop()
        self.top(list).append(value)

    def extend(self, _: Any) -> None:
        """Append the values above the mark to the list below it."""
        items = self.pop_to_mark()
        self.top(list).extend(items)

    def instance(self, argument: Any) -> None:
        """Describe an instance whose class and arguments lie above the mark."""
        items = self.pop_to_mark()
        if argument is None:
            self.node(items[0], tuple(items[1:]))
        else:
            self.name(argument.replace(" ", "."))
            self.node(self.pop(), tuple(items))

    def remember(self, argument: Any) -> None:
        """Keep the newest value under a number."""
        value = self.pop()
        self.stack.append(value)
        self.memo[len(self.memo) if argument is None else argument] = value

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the newest values."""
        items = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def stop(self, _: Any) -> None:
        """The value that is left is the file's content."""
        self.result = self.pop()
        if self.stack:
            raise ValueError("values left over")


_NOTHING = frozenset({"PROTO", "FRAME"})
_PUSH_ARGUMENT = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
})  # fmt: skip
_PUSH_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "GLOBAL": lambda machine, argument: machine.name(argument.replace(" ", ".")),
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.reduce,
    "OBJ": _Machine.instance,
    "INST": _Machine.instance,
    "BUILD": _Machine.build,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "LIST": lambda machine, _: machine.stack.append(machine.pop_to_mark()),
    "DICT": _Machine.new_dict,
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine, _: machine.put(machine.pop_to_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "GET": lambda machine, argument: machine.stack.append(machine.memo[argument]),
    "BINGET": lambda machine, argument: machine.stack.append(machine.memo[argument]),
    "LONG_BINGET": lambda machine, argument: machine.stack.append(machine.memo[argument]),
    "PUT": _Machine.remember,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": _Machine.remember,
    "STOP": _Machine.stop,
}
