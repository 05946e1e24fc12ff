"""C++ identifiers for the names of a graph, which are lower-case words already (fireline.check.NAME)."""

from __future__ import annotations

import re

# Keywords of C++20 and lower-case macros of the C library: what a lower-case name must not be.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
        alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
        compl concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype
        default delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline
        int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
        reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template
        this thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t
        while xor xor_eq
        assert errno linux main major minor signal stderr stdin stdout unix
        fl layers parameters params process stage std weights input output
        """,
    )
)


def identifier(name: str) -> str:
    """`name`, or `name_` where C++ or the project has another use for the word."""
    return f"{name}_" if name in RESERVED else name


def int_type(bits: int, signed: bool) -> str:
    """The C++ type of an integer."""
    return f"fl::{'Int' if signed else 'UInt'}<{bits}>"


def literal(value: int) -> str:
    """An integer constant, the lowest 64-bit one included."""
    return "-9223372036854775807 - 1" if value == -(1 << 63) else str(value)


def holder(value: int) -> str:
    """The C++ type of a named constant."""
    return "int" if -(1 << 31) < value < 1 << 31 else "long long"
