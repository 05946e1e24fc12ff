"""No attribute is passed over, and no default is another than the standard's: a walk over all operations."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto

import fireline.codegen.lower as package
from fireline.codegen.lower.attributes import standard
from fireline.codegen.lower.network import lower, refuse_unread
from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.operations import OPERATIONS
from fireline.errors import FirelineError
from tests.qonnx_models import QonnxBuilder

VERSIONS = range(1, onnx.defs.onnx_opset_version() + 1)
OTHERS = {
    AttributeProto.INT: 7,
    AttributeProto.FLOAT: 7.5,
    AttributeProto.STRING: b"other",
    AttributeProto.INTS: [7],
}


def schemas(op: str) -> Iterator[tuple[int, Any]]:
    """The versions of an operation of ONNX."""
    seen = set()
    for version in VERSIONS:
        try:
            schema = onnx.defs.get_schema(op, version)
        except onnx.defs.SchemaError:
            continue
        if schema.since_version not in seen:
            seen.add(schema.since_version)
            yield version, schema


def attributes() -> Iterator[tuple[str, int, str, Any]]:
    for op in OPERATIONS:
        for version, schema in schemas(op):
            for name, attribute in schema.attributes.items():
                yield op, version, name, attribute


UNREAD = [
    (op, version, name, a) for op, version, name, a in attributes() if name not in OPERATIONS[op].attributes
]


def test_what_is_read_is_in_the_standard() -> None:
    known: dict[str, set[str]] = {}
    for op, _, name, _ in attributes():
        known.setdefault(op, set()).add(name)
    for op, names in known.items():
        assert set(OPERATIONS[op].attributes) <= names, op


def test_an_attribute_that_is_not_read_has_its_default() -> None:
    for op, version, name, attribute in UNREAD:
        usual = standard(op, "", version)
        refuse_unread(OnnxNode(op, "n", ("x",), ("y",), dict(usual)), version)
        node = OnnxNode(op, "n", ("x",), ("y",), {**usual, name: OTHERS[attribute.type.value]})
        with pytest.raises(FirelineError, match=rf"attribute {name} is .*default"):
            refuse_unread(node, version)


def test_defaults_in_the_code_are_the_standards() -> None:
    """The code has some of its own, for the versions that have none."""
    usual: dict[str, set[str]] = {}
    for op, version, name, _ in attributes():
        if name in standard(op, "", version) and op not in (
            "Gather",
            "Split",
        ):  # which ONNX's reference reads
            usual.setdefault(name, set()).add(repr(standard(op, "", version)[name]))
    found = 0
    for path in Path(package.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            match call:
                case ast.Call(
                    ast.Attribute(attr="integer" | "number"), [ast.Constant(name), ast.Constant(default)]
                ):
                    found += 1
                    assert usual.get(name, {repr(default)}) == {repr(default)}, (path.name, name)
    assert found > 5


@pytest.mark.parametrize("missing", ["signed", "narrow"])
def test_a_quant_says_its_sign_and_range(tmp_path: Path, missing: str) -> None:
    """QONNX requires both, and its executor stops where one is missing."""
    b = QonnxBuilder((3, 8, 8))
    path = b.save(b.quant(b.conv(b.pixels(), 3, 4), 0.5), tmp_path)
    model = onnx.load(str(path))
    kept = [a for a in model.graph.node[-1].attribute if a.name != missing]
    del model.graph.node[-1].attribute[:]
    model.graph.node[-1].attribute.extend(kept)
    onnx.save(model, str(path))
    with pytest.raises(FirelineError, match=f"attribute {missing} is missing"):
        lower(path)


def test_a_file_with_one_is_refused_by_name(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    scale = b.constant(1.0)
    x = b.node("DequantizeLinear", [b.node("QuantizeLinear", ["input", scale], block_size=4), scale])
    with pytest.raises(FirelineError, match=r"QuantizeLinear_t0: attribute block_size is 4"):
        lower(b.save(b.quant(b.conv(x, 3, 4), 0.5), tmp_path))


def test_the_default_depends_on_the_files_opset() -> None:
    assert standard("BatchNormalization", "", 6)["is_test"] == 0
    assert "is_test" not in standard("BatchNormalization", "", 15)
    assert standard("LeakyRelu", "", 16)["alpha"] == np.float32(0.01)
