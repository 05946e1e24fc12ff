"""AMD's pragmas: which there are, with which options and values, as ParseXlxPragma.cpp and UG1399 have them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# A storage type: the implementations that it has. Only UltraScale+ and Versal have UltraRAM (`URAM_FAMILIES`), and
# content at start is not part of it, so that no ROM has it.
_RAM = ("auto", "bram", "bram_ecc", "lutram", "uram", "uram_ecc")
_ROM = ("auto", "bram", "lutram")
STORAGE = {
    "fifo": ("auto", "bram", "lutram", "memory", "srl", "uram"),
    "ram_1p": _RAM,
    "ram_1wnr": _RAM,
    "ram_2p": _RAM,
    "ram_s2p": _RAM,
    "ram_t2p": ("auto", "bram", "uram"),
    "rom_1p": _ROM,
    "rom_2p": _ROM,
    "rom_np": _ROM,
}
URAM_FAMILIES = ("ultrascale+", "versal")

# An operation: the implementations that it has.
_FULL, _ONLY = ("fabric", "fulldsp", "maxdsp", "meddsp", "primitivedsp"), ("fabric",)
OPERATIONS = {
    **dict.fromkeys(("mul", "add", "sub"), ("auto", "dsp", "fabric")),
    **dict.fromkeys(("fadd", "fsub"), ("fabric", "fulldsp", "meddsp", "primitivedsp")),
    **dict.fromkeys(("dadd", "dsub"), ("fabric", "fulldsp")),
    **dict.fromkeys(("hadd", "hsub"), ("fabric", "fulldsp", "meddsp")),
    "fmul": _FULL,
    "dmul": ("fabric", "fulldsp", "maxdsp", "meddsp"),
    "hmul": ("fabric", "fulldsp", "maxdsp"),
    **dict.fromkeys(("fdiv", "ddiv", "hdiv", "fsqrt", "dsqrt", "hsqrt"), _ONLY),
    **dict.fromkeys(("fexp", "dexp", "flog", "dlog"), ("fabric", "meddsp")),
    **dict.fromkeys(("frsqrt", "drsqrt", "frecip", "drecip"), ("fabric", "fulldsp")),
}

FLAG, NUMBER, VARIABLE, NAME = "flag", "number", "variable", "name"
FUNCTION, LOOP, ANYWHERE = "a function", "a loop", "a function or a loop"

_PROTOCOLS = ("ap_none", "ap_ack", "ap_hs", "ap_vld", "ap_ovld", "ap_fifo", "ap_stable", "ap_memory", "bram")
_CONTROL = ("ap_ctrl_none", "ap_ctrl_hs", "ap_ctrl_chain")
MODES = (*_PROTOCOLS, "axis", "s_axilite", "m_axi", *_CONTROL)
_CUTS = {"variable": VARIABLE, "dim": NUMBER, "factor": NUMBER, "off": FLAG}
_WAYS = ("block", "complete", "cyclic")
_ACCESSES = ("raw", "war", "waw")


@dataclass(frozen=True)
class Form:
    """One pragma: its options with their kinds (a tuple: the values to choose from), and those that must be there."""

    options: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    scope: str = ANYWHERE


def _flags(*names: str) -> dict[str, str | tuple[str, ...]]:
    return dict.fromkeys(names, FLAG)


FORMS = {
    "aggregate": Form({"variable": VARIABLE, "compact": ("auto", "bit", "byte", "none")}, ("variable",)),
    "array_partition": Form({**_CUTS, **_flags(*_WAYS), "type": _WAYS}, ("variable",)),
    "array_reshape": Form({**_CUTS, **_flags(*_WAYS, "object"), "type": _WAYS}, ("variable",)),
    "bind_op": Form({"variable": VARIABLE, "op": NAME, "impl": NAME, "latency": NUMBER}, ("variable", "op")),
    "bind_storage": Form(
        {"variable": VARIABLE, "type": NAME, "impl": NAME, "latency": NUMBER}, ("variable", "type")
    ),
    "dataflow": Form(_flags("disable_start_propagation")),
    "dependence": Form(
        {
            "variable": VARIABLE,
            **_flags("array", "pointer", "inter", "intra", "false", "true", *_ACCESSES),
            "class": ("array", "pointer"),
            "type": ("inter", "intra"),
            "direction": _ACCESSES,
            "distance": NUMBER,
            "dependent": ("false", "true"),
        }
    ),
    "disaggregate": Form({"variable": VARIABLE}, ("variable",)),
    "expression_balance": Form(_flags("off")),
    "function_instantiate": Form({"variable": VARIABLE}, ("variable",), FUNCTION),
    "inline": Form(_flags("off", "recursive"), scope=FUNCTION),
    "interface": Form(
        {
            "port": VARIABLE,
            "mode": MODES,
            **_flags(*MODES, "register"),
            "register_mode": ("both", "forward", "off", "reverse"),
            "bundle": NAME,
            "depth": NUMBER,
            "latency": NUMBER,
            "offset": NAME,
            "name": NAME,
            "storage_type": NAME,
            "storage_impl": NAME,
        },
        ("port",),
        FUNCTION,
    ),
    "latency": Form({"min": NUMBER, "max": NUMBER}),
    "loop_flatten": Form(_flags("off"), scope=LOOP),
    "loop_merge": Form(_flags("force")),
    "loop_tripcount": Form({"min": NUMBER, "max": NUMBER, "avg": NUMBER}, ("max",), LOOP),
    "occurrence": Form({"cycle": NUMBER, "off": FLAG}),
    "performance": Form(
        {
            "target_ti": NUMBER,
            "target_tl": NUMBER,
            "assume_ti": NUMBER,
            "assume_tl": NUMBER,
            "unit": ("cycle", "sec"),
        }
    ),
    "pipeline": Form({"ii": NUMBER, "style": ("flp", "frp", "stp"), **_flags("off", "rewind")}),
    "protocol": Form({"mode": ("fixed", "floating"), **_flags("fixed", "floating")}),
    "reset": Form({"variable": VARIABLE, "off": FLAG}, ("variable",)),
    "stable": Form({"variable": VARIABLE}, ("variable",), FUNCTION),
    "stream": Form(
        {"variable": VARIABLE, "depth": NUMBER, "type": ("fifo", "pipo", "shared", "unsync"), "off": FLAG},
        ("variable",),
    ),
    "top": Form({"name": NAME}, scope=FUNCTION),
    "unroll": Form({"factor": NUMBER, "skip_exit_check": FLAG, "off": FLAG}, scope=LOOP),
}


class PragmaError(Exception):
    """A pragma that the grammar does not know."""


@dataclass(frozen=True)
class Pragma:
    """A pragma in words: its options with the text of their values, "" for a flag."""

    name: str
    options: dict[str, str]

    @property
    def form(self) -> Form:
        """What the grammar says about it."""
        return FORMS[self.name]

    def expressions(self) -> list[tuple[str, str]]:
        """The options whose value is a C++ expression, with it."""
        return [
            (option, value)
            for option, value in self.options.items()
            if self.form.options[option] in (NUMBER, VARIABLE) and value != "return"
        ]

    def chosen(self, option: str, default: str = "") -> str:
        """The value of an option that may also stand as a flag: `type = complete`, or `complete` alone."""
        if option in self.options:
            return self.options[option].lower()
        values = self.form.options[option]
        return next((value for value in values if value in self.options), default)


_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|\d[\w.']*|\"[^\"]*\"|::|->|<<|>>|<=|>=|==|!=|&&|\|\||\S)")


def parse(text: str) -> Pragma:
    """The pragma of the words behind `#pragma HLS`.

    Raises:
        PragmaError: Vitis would drop or refuse it; the message says what is wrong.
    """
    tokens = _TOKEN.findall(text.rstrip())
    name = tokens[0].lower() if tokens else ""
    if name not in FORMS:
        raise PragmaError(f"there is no pragma HLS {tokens[0] if tokens else ''}".rstrip())
    form, options, place = FORMS[name], dict[str, str](), 1
    while place < len(tokens):
        option = tokens[place].lower()
        kind = form.options.get(option)
        if kind is None:
            known = ", ".join(form.options) or "none"
            raise PragmaError(f"{name} has no option {tokens[place]!r}; its options: {known}")
        if option in options:
            raise PragmaError(f"{name}: {option!r} stands twice")
        place += 1
        if place < len(tokens) and tokens[place] == "=":
            end = _value_end(tokens, place + 1)
            options[option] = _joined(tokens[place + 1 : end])
            place = end
        elif kind == FLAG:
            options[option] = ""
        else:
            raise PragmaError(f"{name}: {option!r} wants a value: {option} = ...")
        _check_value(name, option, kind, options[option])
    pragma = Pragma(name, options)
    for option in form.required:
        if option not in options:
            raise PragmaError(f"{name} needs {option} = ...")
    _check_choice(pragma)
    return pragma


def _value_end(tokens: list[str], start: int) -> int:
    """Where the expression that begins at `start` ends: before a word that follows an operand outside of brackets."""
    depth, place = 0, start
    while place < len(tokens):
        token = tokens[place]
        if depth == 0 and place > start and _is_word(token) and _ends_operand(tokens[place - 1]):
            break
        depth += (token in "([{") - (token in ")]}")
        place += 1
    return place


def _is_word(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"


def _ends_operand(token: str) -> bool:
    return token[0].isalnum() or token[0] in '_)]"' or token == ">"


def _joined(tokens: list[str]) -> str:
    return " ".join(tokens).replace(" :: ", "::")


def _check_value(name: str, option: str, kind: str | tuple[str, ...], value: str) -> None:
    if kind == FLAG:
        if value.lower() not in ("", "true", "false", "0", "1"):
            raise PragmaError(f"{name}: {option} is a flag, not {option} = {value}")
    elif not value:
        raise PragmaError(f"{name}: {option} = nothing")
    elif isinstance(kind, tuple) and value.lower() not in kind:
        raise PragmaError(f"{name}: {option} = {value} is none of {', '.join(kind)}")
    elif kind == NAME and not re.fullmatch(r"\w+", value):
        raise PragmaError(f"{name}: {option} = {value} is no name")


def _check_choice(pragma: Pragma) -> None:
    """What depends on more than one option."""
    options = pragma.options
    match pragma.name:
        case "interface":
            modes = [option for option in ("mode", *MODES) if option in options]
            if len(modes) != 1:
                raise PragmaError(f"interface needs one mode, {len(modes)} stand here")
        case "array_partition" | "array_reshape":
            ways = [way for way in _WAYS if way in options] + (["type"] if "type" in options else [])
            if len(ways) > 1:
                raise PragmaError(f"{pragma.name}: {' and '.join(ways)} exclude each other")
            if pragma.chosen("type", "complete") != "complete" and "factor" not in options:
                raise PragmaError(f"{pragma.name} {pragma.chosen('type')} needs factor = ...")
        case "bind_storage":
            _check_pair(pragma, "type", STORAGE)
        case "bind_op":
            _check_pair(pragma, "op", OPERATIONS)
        case "pipeline" | "unroll":
            if "off" in options and len(options) > 1:
                raise PragmaError(f"{pragma.name}: off stands alone")


def _check_pair(pragma: Pragma, option: str, table: dict[str, tuple[str, ...]]) -> None:
    kind, implementation = pragma.options[option].lower(), pragma.options.get("impl", "").lower()
    if kind not in table:
        raise PragmaError(f"{pragma.name}: {option} = {kind} is none of {', '.join(table)}")
    if implementation and implementation not in table[kind]:
        raise PragmaError(
            f"{pragma.name}: {kind} has no implementation {implementation}; it has {', '.join(table[kind])}"
        )
