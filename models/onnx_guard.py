"""Look into an ONNX file's bytes without running anything in it.

ONNX files are protobuf messages. This reader knows only the fields that decide whether a file
may be run at all (field numbers from ``onnx.proto3``, IR version 10) and skips the rest by
their declared length, so it needs neither the ``onnx`` package nor memory for the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..eifer_addon.errors import EiferError

#: Operators outside these domains would need code that we do not ship.
KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
#: An endless loop is a valid ONNX graph; none of our models needs one.
REFUSED_OPERATORS = frozenset({"Loop"})
MAX_DEPTH = 12
#: A field costs Python about a microsecond, so a hostile file is refused within seconds.
MAX_FIELDS = 2_000_000
MAX_METADATA_BYTES = 4 << 20

_REMEDY = "Export the model again, or ask whoever made it for a whole file."
# Message type -> {field number: message type of that field}; what is not here is skipped.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 8: "Opset", 14: "Entry", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {}, "Opset": {}, "Entry": {}, "Training": {}, "Function": {},
}  # fmt: skip
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


@dataclass
class OnnxFacts:
    """What :func:`inspect_onnx` found.

    Attributes
    ----------
    metadata : dict of str to str
        The model's metadata properties.
    opset : int
        Version of the standard operator set, 0 when the file names none.
    operators : set of str
        Operator types, with their domain where it is not the standard one.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    opset: int = 0
    operators: set[str] = field(default_factory=set)


def inspect_onnx(data: bytes, where: str) -> OnnxFacts:
    """Read metadata and operators of an ONNX file and refuse what must not be run.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : str
        Name of the file for the sentence of an error.

    Returns
    -------
    OnnxFacts

    Raises
    ------
    EiferError
        For bytes that are no ONNX model, that point to other files (external data), that use
        unknown operator domains, functions of their own, training parts or loops, or that are
        built to exhaust the reader.
    """
    walker = _Walker(memoryview(data), where)
    walker.message("Model", 0, len(data), 0)
    if not walker.has_graph:
        raise EiferError(f"{where} is not an ONNX model: it holds no graph.", _REMEDY)
    return walker.facts


class _Walker:
    """One pass over the message tree, with bounds on depth and on the number of fields."""

    def __init__(self, data: memoryview, where: str) -> None:
        self.data, self.where = data, where
        self.facts = OnnxFacts()
        self.has_graph = False
        self.fields_left = MAX_FIELDS

    def damaged(self, position: int) -> EiferError:
        return EiferError(
            f"{self.where} is not an ONNX model or is damaged at byte {position}.", _REMEDY
        )

    def refused(self, what: str, remedy: str) -> EiferError:
        return EiferError(f"{self.where} {what}.", remedy)

    def varint(self, position: int, end: int) -> tuple[int, int]:
        value = shift = 0
        for place in range(position, min(end, position + _MAX_VARINT_BYTES)):
            byte = self.data[place]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, place + 1
        raise self.damaged(position)

    def fields(self, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Field number, wire type, and value (varints) or start, then the end of the content."""
        while position < end:
            self.fields_left -= 1
            if self.fields_left < 0:
                raise self.refused("has too many parts to be a model of ours", _REMEDY)
            tag, position = self.varint(position, end)
            number, wire = tag >> 3, tag & 7
            if number == 0:
                raise self.damaged(position)
            if wire == _VARINT:
                value, position = self.varint(position, end)
                yield number, wire, value, position
                continue
            if wire == _BYTES:
                length, position = self.varint(position, end)
            elif wire in (_FIXED64, _FIXED32):
                length = 8 if wire == _FIXED64 else 4
            else:
                raise self.damaged(position)
            if length > end - position:
                raise self.damaged(position)
            yield number, wire, position, position + length
            position += length

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self.refused("nests graphs too deeply", _REMEDY)
        self.check_forbidden(kind)
        texts: dict[int, str] = {}
        for number, wire, value, stop in self.fields(start, end):
            child = _CHILDREN[kind].get(number)
            if child is not None:
                if wire != _BYTES:
                    raise self.damaged(stop)
                self.message(child, value, stop, depth + 1)
            elif kind == "Tensor" and number in (13, 14):
                self.check_location(number, wire, value)
            elif kind == "Opset" and number == 2 and wire == _VARINT:
                texts[number] = str(value)
            elif wire == _BYTES and (kind, number) in _TEXTS:
                texts[number] = self.text(value, stop)
        self.close(kind, texts)

    def text(self, start: int, stop: int) -> str:
        if stop - start > MAX_METADATA_BYTES:
            raise self.refused("has metadata of more than 4 MB", _REMEDY)
        try:
            return bytes(self.data[start:stop]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.damaged(start) from error

    def check_forbidden(self, kind: str) -> None:
        if kind == "Graph":
            self.has_graph = True
        elif kind == "Function":
            raise self.refused(
                "defines operators of its own (ONNX functions), which are not accepted",
                "Inline the functions before exporting (onnx.inliner).",
            )
        elif kind == "Training":
            raise self.refused(
                "holds a training part, which is not accepted", "Export it for inference only."
            )

    def check_location(self, number: int, wire: int, value: int) -> None:
        # 13 = external_data entries; 14 = data_location, where 0 means inside this file.
        if number == 13 or wire != _VARINT or value != 0:
            raise self.refused(
                "keeps weights in another file (ONNX external data), which is not accepted",
                "Save the model with all its weights in one file.",
            )

    def close(self, kind: str, texts: dict[int, str]) -> None:
        if kind == "Entry":
            self.add_metadata(texts.get(1, ""), texts.get(2, ""))
        elif kind == "Opset":
            if texts.get(1, "") in ("", "ai.onnx"):
                self.facts.opset = int(texts.get(2, "0"))
        elif kind == "Node":
            self.add_operator(texts.get(4, ""), texts.get(7, ""))

    def add_metadata(self, key: str, value: str) -> None:
        if key in self.facts.metadata:
            raise self.refused(f"holds the metadata entry '{key[:40]}' twice", _REMEDY)
        self.facts.metadata[key] = value

    def add_operator(self, operator: str, domain: str) -> None:
        if domain not in KNOWN_DOMAINS:
            raise self.refused(
                f"needs the operator '{operator[:40]}' of the unknown domain '{domain[:40]}'",
                "Export it with standard ONNX operators only.",
            )
        if operator in REFUSED_OPERATORS:
            raise self.refused(
                f"uses the operator '{operator}', which may never end",
                "Export the model without loops.",
            )
        self.facts.operators.add(f"{domain}:{operator}" if domain else operator)


#: Text fields that are read: metadata keys and values, operator types and domains.
_TEXTS = frozenset({("Entry", 1), ("Entry", 2), ("Opset", 1), ("Node", 4), ("Node", 7)})
