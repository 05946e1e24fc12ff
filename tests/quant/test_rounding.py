import torch

from fireline.quant.rounding import Moments, descend, output_error, round_in_sequence

GENERATOR = torch.Generator().manual_seed(0)
MIXING = torch.randn(24, 24, generator=GENERATOR).double()
INPUTS = MIXING @ torch.randn(24, 500, generator=GENERATOR).double()
WEIGHTS = torch.randn(6, 24, generator=GENERATOR)
SCALE = torch.full((6, 1), 0.25).double()
PLAIN = torch.clamp(torch.round(WEIGHTS / SCALE), -15, 15) * SCALE


def same(moment: torch.Tensor) -> Moments:
    return Moments(moment, moment)


def squared(w: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    return (w @ inputs - WEIGHTS.double() @ INPUTS).square().sum(dim=1)


def test_the_output_is_closer_than_after_plain_rounding() -> None:
    rounded = round_in_sequence(WEIGHTS, same(INPUTS @ INPUTS.T), SCALE, -15, 15)
    assert squared(rounded, INPUTS).sum() < squared(PLAIN, INPUTS).sum() / 2
    assert torch.equal(rounded, torch.clamp(torch.round(rounded / SCALE), -15, 15) * SCALE)


def test_weights_make_up_for_inputs_that_are_not_those_of_the_float_network() -> None:
    quantized = INPUTS * 0.8 + torch.randn(24, 500, generator=GENERATOR).double() * 0.2
    inner = quantized @ quantized.T
    blind = round_in_sequence(WEIGHTS, same(inner), SCALE, -15, 15)
    seeing = round_in_sequence(WEIGHTS, Moments(inner, INPUTS @ quantized.T), SCALE, -15, 15)
    assert squared(seeing, quantized).sum() < squared(blind, quantized).sum() / 2


def test_descent_lowers_the_error_and_its_measure_is_that_error() -> None:
    moments = same(INPUTS @ INPUTS.T)
    better = descend(PLAIN, WEIGHTS, moments, SCALE, -15, 15)
    errors = [output_error(w, WEIGHTS, moments) for w in (PLAIN, better)]
    assert (errors[1] <= errors[0]).all() and errors[1].sum() < errors[0].sum()
    assert torch.equal(better, torch.clamp(torch.round(better / SCALE), -15, 15) * SCALE)
    change = squared(better, INPUTS) - squared(PLAIN, INPUTS)
    damping = 0.01 * (INPUTS @ INPUTS.T).diagonal().mean()
    more = (better - WEIGHTS).square().sum(dim=1) - (PLAIN - WEIGHTS).square().sum(dim=1)
    torch.testing.assert_close(errors[1] - errors[0], change + damping * more)


def test_unrelated_inputs_leave_plain_rounding() -> None:
    weights = torch.tensor([[0.3, -0.8, 9.0, 0.0]])
    rounded = round_in_sequence(weights, same(torch.eye(4)), torch.ones(1, 1), -7, 7)
    assert rounded.tolist() == [[0, -1, 7, 0]]
    assert torch.equal(descend(rounded, weights, same(torch.eye(4)), torch.ones(1, 1), -7, 7), rounded)


def test_zeros_stay() -> None:
    moments = same(torch.full((3, 3), 0.9) + torch.eye(3) * 0.1)
    weights, scale = torch.tensor([[0.5, 0.0, 0.4]]), torch.ones(1, 1)
    rounded = round_in_sequence(weights, moments, scale, -7, 7)
    assert rounded[0, 1] == 0
    assert descend(rounded, weights, moments, scale, -7, 7)[0, 1] == 0
    nothing = round_in_sequence(torch.zeros(2, 3), same(torch.zeros(3, 3)), torch.ones(2, 1), -7, 7)
    assert nothing.eq(0).all()
