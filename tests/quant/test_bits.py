import pytest

from fireline.errors import FirelineError
from fireline.quant.bits import Bits, Precision, parse_bits, parse_precision


def test_bits_are_read() -> None:
    assert parse_bits("w8a8") == Bits(8, 8)
    assert parse_bits(" W4A8 ") == Bits(4, 8)
    assert str(parse_precision("w4a4,conv1=w8a8")) == "w4a4,conv1=w8a8"


@pytest.mark.parametrize(
    "text", ["", "8", "a8w8", "w8", "w8a", "w-1a8", "w8a8x", "w8.5a8", "w1a8", "w8a17", "w0a0"]
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(FirelineError):
        parse_bits(text)


@pytest.mark.parametrize(
    "text", ["w8a8,", "w8a8,conv1", "w8a8,=w4a4", "w8a8,conv1=4", "w8a8,conv1=w4a4,conv1=w6a6"]
)
def test_nonsense_layers_are_refused(text: str) -> None:
    with pytest.raises(FirelineError):
        parse_precision(text)


def test_the_longest_name_decides() -> None:
    precision = parse_precision("w4a4,fire2=w6a6,fire2.squeeze=w8a8,conv1=w2a5")
    assert precision.of("fire3.squeeze") == Bits(4, 4)
    assert precision.of("fire2.expand1x1") == precision.of("fire2.expand_act") == Bits(6, 6)
    assert precision.of("fire2.squeeze") == precision.of("fire2.squeeze_act") == Bits(8, 8)
    assert precision.of("conv1_act") == Bits(2, 5)
    assert precision.of("conv10") == precision.of("conv10_act") == Bits(4, 4)


def test_layers_that_are_not_there() -> None:
    precision = Precision(Bits(8, 8), (("fire22.squeeze", Bits(4, 4)),))
    with pytest.raises(FirelineError, match="did you mean fire2"):
        precision.check(["conv1", "fire2.squeeze"])
    parse_precision("w8a8,fire2=w4a4").check(["fire2.squeeze"])
