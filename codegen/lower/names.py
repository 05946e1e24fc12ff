"""Node names: from an exporter's scopes to identifiers that are safe in paths, C++ and Tcl."""

from __future__ import annotations

import re
from collections.abc import Collection

# Scopes that exporters add and no engineer wrote.
_NOISE = {"act_quant", "activation_impl", "export_handler", "expand_act", "quant", "features", "module"}
_LONGEST = 48


def identifier(text: str) -> str:
    """`text` as a lower-case identifier."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return (words if words[:1].isalpha() else f"n{words}")[:_LONGEST].rstrip("_")


def node_name(tensor: str, op: str, taken: Collection[str]) -> str:
    """A short unique name for the node behind an ONNX tensor: `fire2_squeeze` for `/fire2/squeeze/Conv_output_0`.

    Args:
        tensor: the tensor's name; PyTorch puts the module path and the operation into it.
        op: the kind of operation, used where the module path says nothing.
        taken: names in use.
    """
    *scopes, last = [part for part in re.sub(r"_output_\\d+$", "", tensor).split("/") if part] or [op]
    if tensor.startswith("/"):
        # Module path and operation; a module that holds several operations keeps the operation's name too.
        words = [scope for scope in scopes if scope not in _NOISE] or [last]
    else:
        words = [*scopes, last] if not last.isdigit() else [op]
    name = identifier("_".join(words)) or op
    unique, count = name, 2
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
