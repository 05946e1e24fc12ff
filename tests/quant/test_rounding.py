import torch

from fireline.quant.rounding import round_in_sequence


def test_the_output_is_closer_than_after_plain_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(24, 24, generator=generator).double()
    inputs = mixing @ torch.randn(24, 500, generator=generator).double()
    weights = torch.randn(6, 24, generator=generator)
    scale = torch.full((6, 1), 0.25).double()
    rounded = round_in_sequence(weights, inputs @ inputs.T, scale, -15, 15)
    plain = torch.clamp(torch.round(weights / scale), -15, 15) * scale

    def error(w: torch.Tensor) -> float:
        return float(((w - weights) @ inputs).square().sum())

    assert error(rounded) < error(plain) / 2
    assert torch.equal(rounded, torch.clamp(torch.round(rounded / scale), -15, 15) * scale)


def test_unrelated_inputs_leave_plain_rounding() -> None:
    weights = torch.tensor([[0.3, -0.8, 9.0, 0.0]])
    rounded = round_in_sequence(weights, torch.eye(4), torch.ones(1, 1), -7, 7)
    assert rounded.tolist() == [[0, -1, 7, 0]]


def test_zeros_stay() -> None:
    moment = torch.full((3, 3), 0.9) + torch.eye(3) * 0.1
    rounded = round_in_sequence(torch.tensor([[0.5, 0.0, 0.4]]), moment, torch.ones(1, 1), -7, 7)
    assert rounded[0, 1] == 0
    assert round_in_sequence(torch.zeros(2, 3), torch.zeros(3, 3), torch.ones(2, 1), -7, 7).eq(0).all()
