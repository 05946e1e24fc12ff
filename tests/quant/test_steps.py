import torch
from torch import Tensor

from fireline.model.network import Network, float_network
from fireline.quant.steps import Free, Tail, Weights, choose_step
from tests.quant.shared import TINY, noise

IMAGES = torch.from_numpy(noise().read()).float()


def network() -> Network:
    made = float_network(TINY, seed=1).eval()
    with torch.no_grad():
        made.conv10.weight.mul_(50)
    return made


def said(of: Network, path: str, sizes: Tensor, high: int) -> Tensor:
    """Logarithms of the probabilities with an activation quantized, told without the module under test."""
    values = IMAGES
    for name in of.path:
        values = of.get_submodule(name)(values)
        if name == path:
            values = (values / sizes[:, None, None]).round().clamp(0, high) * sizes[:, None, None]
    return values.flatten(1).log_softmax(dim=1)


def divergence(of: Network, path: str, sizes: Tensor, high: int) -> float:
    right = said(of, path, torch.full_like(sizes, 2.0**-20), 1 << 40)
    return float((right.exp() * (right - said(of, path, sizes, high))).sum())


@torch.inference_mode()
def test_the_step_is_the_power_of_two_with_the_least_divergence() -> None:
    of = network()
    for path, channels in (("conv1_act", 8), ("conv10_act", 5)):
        for high in (3, 15, 63):
            step = choose_step(Tail(of, of.path, [IMAGES[:4], IMAGES[4:]]), path, 0, high, None)
            ones = torch.ones(channels)
            assert step.factors.eq(1).all()
            best = min(range(-12, 8), key=lambda whole: divergence(of, path, 2.0**whole * ones, high))
            assert step.exponent == best, (path, high)


@torch.inference_mode()
def test_factors_make_scales_powers_of_two_and_the_divergence_no_greater() -> None:
    of, ones = network(), torch.ones(8)
    of.conv1.weight[3] = 0
    of.conv1.bias[3] = 0  # an idle channel
    of.conv1.weight[4] *= 50
    tail, exponents = Tail(of, of.path, [IMAGES]), -6 + torch.arange(8).double() / 8
    readers = [Weights(of.get_parameter("fire2.squeeze.weight"), 127)]
    exponent, factors = choose_step(tail, "conv1_act", 0, 15, Free(exponents, readers))
    whole = exponents + torch.log2(factors)
    torch.testing.assert_close(whole, torch.round(whole))
    assert factors[4] < factors[[0, 1, 2, 5, 6, 7]].min() / 2  # a wide range is narrowed
    before = choose_step(tail, "conv1_act", 0, 15, None)
    assert divergence(of, "conv1_act", 2.0**exponent / factors.float(), 15) < divergence(
        of, "conv1_act", 2.0**before.exponent * ones, 15
    )


@torch.inference_mode()
def test_nothing_but_zeros_has_a_step() -> None:
    of = network()
    of.conv1.weight.zero_()
    of.conv1.bias.zero_()
    tail, zeros = Tail(of, of.path, [IMAGES]), torch.zeros(8).double()
    assert choose_step(tail, "conv1_act", 0, 255, None).exponent == -7
    exponent, factors = choose_step(
        tail, "conv1_act", 0, 255, Free(zeros, [Weights(torch.zeros(4, 8, 1, 1), 7)])
    )
    assert exponent == -8 and factors.eq(1).all()
