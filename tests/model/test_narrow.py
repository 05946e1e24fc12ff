from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fireline.errors import FirelineError
from fireline.model.architecture import Bypass, Fire, SqueezeNet, Stem
from fireline.model.narrow import narrow, narrowed
from fireline.model.network import Network, float_network
from fireline.model.recipe import Recipe, one_phase, recipe_from
from fireline.model.run import train_run
from fireline.model.run_info import Run, write_run
from fireline.model.run_networks import save_network

WIDE = SqueezeNet(
    Stem(8, 3, 1, 1),
    (Fire(6, 5, 7), Fire(5, 5, 7), Fire(6, 8, 6)),
    pools=(1, 3),
    classes=4,
    input=(1, 8, 8),
    bypass="simple",
    batch_norm="all",
    dropout=0.0,
)
LESS = replace(WIDE, stem=Stem(6, 3, 1, 1), fires=(Fire(4, 3, 5), Fire(3, 3, 5), Fire(5, 7, 4)))
MORE = replace(WIDE, stem=Stem(9, 3, 1, 1), fires=(Fire(7, 6, 8), Fire(9, 6, 8), Fire(6, 8, 9)))


def trained(config: SqueezeNet, seed: int = 0) -> Network:
    """As if trained: batch norms with statistics, scales and shifts of their own."""
    network = float_network(config, seed).eval()
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, 0.1, 1)
    return network


def norm_of(network: Network, name: str) -> nn.BatchNorm2d:
    norm = network.get_submodule(f"{name}_bn")
    assert isinstance(norm, nn.BatchNorm2d)
    return norm


def silence(network: Network, name: str, channels: list[int]) -> None:
    """Make these outputs of a convolution zero behind its batch norm, whatever comes in."""
    norm = norm_of(network, name)
    with torch.no_grad():
        norm.weight[channels] = 0
        norm.bias[channels] = 0


def says(network: Network) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        said: torch.Tensor = network.eval()(torch.rand(5, *network.config.input, generator=generator) * 255)
    return said


def close(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Equal but for the order of sums."""
    return float((first - second).abs().max()) <= 1e-4 * float(second.abs().max())


@given(st.sampled_from(["none", "simple", "complex"]), st.integers(0, 9))
def test_the_same_widths_are_the_same_network(bypass: Bypass, seed: int) -> None:
    wide = trained(replace(WIDE, bypass=bypass), seed)
    state = narrow(wide, wide.config, seed + 1).state_dict()
    for key, value in wide.state_dict().items():
        assert torch.equal(state[key], value) or key.endswith("num_batches_tracked"), key


@given(st.randoms(use_true_random=False), st.integers(0, 9))
def test_channels_that_are_always_zero_go_first(random: Random, seed: int) -> None:
    wide = trained(WIDE, seed)
    silence(wide, "conv1", random.sample(range(8), 2))
    # The first two Fires are added: what is silent has to be so in both.
    one, three = random.sample(range(5), 2), random.sample(range(7), 2)
    for fire in ("fire2", "fire3"):
        silence(wide, f"{fire}.expand1x1", one)
        silence(wide, f"{fire}.expand3x3", three)
    silence(wide, "fire4.expand1x1", random.sample(range(8), 1))
    silence(wide, "fire4.expand3x3", random.sample(range(6), 2))
    for stage, (squeeze, kept) in enumerate([(6, 4), (5, 3), (6, 5)], start=2):
        silence(wide, f"fire{stage}.squeeze", random.sample(range(squeeze), squeeze - kept))
    assert close(says(narrow(wide, LESS)), says(wide))


@given(st.integers(0, 9))
def test_channels_that_the_wide_network_has_not_are_not_heard(seed: int) -> None:
    wide = trained(WIDE, seed)
    more = narrow(wide, MORE, seed)
    assert close(says(more), says(wide))
    fresh = more.get_submodule("fire2.expand3x3").weight[7]
    assert torch.isfinite(fresh).all() and fresh.abs().max() > 0


def kept_of_conv1(means: list[float], readers: list[float], count: int) -> list[int]:
    """Which `count` channels of conv1 are kept, of such means and of a deviation of 1, each read by one weight."""
    wide = trained(WIDE)
    norm, reader = norm_of(wide, "conv1"), wide.get_submodule("fire2.squeeze")
    assert isinstance(reader, nn.Conv2d)
    with torch.no_grad():
        norm.weight.fill_(1)
        norm.bias.copy_(torch.tensor(means, dtype=torch.float32))
        reader.weight.copy_(torch.tensor(readers, dtype=torch.float32).reshape(1, -1, 1, 1))
    kept = narrow(wide, replace(WIDE, stem=Stem(count, 3, 1, 1))).get_submodule("conv1").weight
    all_ = wide.get_submodule("conv1").weight
    return [next(i for i in range(len(all_)) if torch.equal(all_[i], one)) for one in kept]


def test_of_two_channels_the_one_that_is_read_more_stays() -> None:
    assert kept_of_conv1([0, 0, 0, 0, 0, 1, 0, 0], [1, 1, 1.5, 1, 1, 1, 1, 1], 2) == [2, 5]


def test_a_negative_mean_makes_a_channel_quiet() -> None:
    assert kept_of_conv1([1, -3, 1, 1, -3, 1, 1, 1], [1] * 8, 6) == [0, 2, 3, 5, 6, 7]


def saved(network: Network, folder: Path) -> Path:
    folder.mkdir()
    save_network(folder / "float.pt", network)
    write_run(folder, Run("digits", network.config, weights="for a test"))
    return folder


@pytest.mark.parametrize(
    ("wide", "config", "message"),
    [
        (WIDE, replace(WIDE, classes=5), "differ in more than the widths"),
        (WIDE, replace(WIDE, stem=Stem(8, 5, 1, 2)), "differ in more than the widths"),
        (WIDE, replace(WIDE, fires=WIDE.fires[:2]), "differ in more than the widths"),
        (replace(WIDE, batch_norm="none"), replace(LESS, batch_norm="none"), "has no batch norm"),
        (replace(WIDE, stem=Stem(12, 3, 1, 1)), replace(WIDE, stem=Stem(9, 3, 1, 1)), "outputs of conv1"),
        (WIDE, replace(WIDE, fires=(*WIDE.fires[:2], Fire(6, 5, 7))), "around different Fires"),
        (
            WIDE,
            replace(WIDE, fires=(Fire(6, 5, 7), Fire(5, 4, 8), Fire(6, 8, 6))),
            "halves of fire2, fire3, .*differ in width",
        ),
    ],
)
def test_what_cannot_be_narrowed(tmp_path: Path, wide: SqueezeNet, config: SqueezeNet, message: str) -> None:
    folder = saved(float_network(wide), tmp_path / "wide")
    with pytest.raises(FirelineError, match=message) as caught:
        narrowed(folder, config)
    assert "cannot be narrowed" in str(caught.value)


def test_a_recipe_begins_with_the_channels_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(LESS, classes=10)
    wide = trained(replace(WIDE, classes=10))
    folder = saved(wide, tmp_path / "wide")
    begun: list[Network] = []
    monkeypatch.setattr("fireline.model.run.fit", lambda network, *_, **__: begun.append(network))
    monkeypatch.setattr("fireline.model.run.write_curves", lambda *_: None)
    monkeypatch.setattr("fireline.model.run.read_rows", lambda _: [])
    fields = {
        key: getattr(config, key) for key in ("stem", "fires", "pools", "bypass", "batch_norm", "dropout")
    }
    recipe = Recipe("small", "digits", "digits", one_phase(1), fields, narrow=folder)
    train_run(recipe, tmp_path / "small")
    expected = narrow(wide, begun[0].config).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in begun[0].state_dict().items())
    with pytest.raises(FirelineError, match="not a run folder"):
        train_run(replace(recipe, narrow=tmp_path / "none"), tmp_path / "other")


def test_a_network_has_one_beginning() -> None:
    content = {
        "name": "two",
        "network": "digits",
        "data": "digits",
        "train": {"phases": [{"epochs": 1}]},
        "start": {"weights": "some.npz"},
        "narrow": "runs/wide",
    }
    with pytest.raises(FirelineError, match=r"two: .*start or narrow"):
        recipe_from(content, "two")
