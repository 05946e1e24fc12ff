from dataclasses import replace

import pytest
import torch

from fireline.model.network import float_network
from fireline.quant.fold import fold_batch_norm
from tests.quant.shared import TINY


@pytest.mark.parametrize("batch_norm", ["none", "squeeze", "all"])
def test_a_folded_network_is_equal(batch_norm: str) -> None:
    config = replace(TINY, batch_norm=batch_norm, bypass="complex")  # type: ignore[arg-type]
    network = float_network(config, seed=1)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (8, *config.input), generator=generator).float()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "_bn" in name:
                value.uniform_(0.5, 1.5, generator=generator)
        for _ in range(3):
            network(images)  # moves the running statistics
        network.eval()
        folded = fold_batch_norm(network)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
        assert torch.allclose(folded(images), network(images), rtol=1e-4, atol=1e-5)
