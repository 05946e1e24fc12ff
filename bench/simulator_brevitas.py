"""The bit-accurate simulator against Brevitas in eval mode, one thread each.

python -m bench.simulator_brevitas
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.measure import Result, alternate, finish, one_thread, ratio, timed
from bench.networks import for_both, quantized, random_images
from fireline.model.presets import preset
from fireline.sim.engines import decode
from fireline.sim.integer import Simulator


def compare(name: str, images: int, repeats: int, folder: Path) -> Result:
    network = quantized(preset(name), folder)
    graph, pixels = network.graph, random_images(network.graph.input.output.shape, images)
    simulator = Simulator(graph)
    floats = torch.from_numpy(pixels).float()

    def brevitas() -> torch.Tensor:
        with torch.inference_mode():
            return network.twin(floats)  # type: ignore[no-any-return]

    equal = np.array_equal(decode(graph.output, brevitas().numpy()), simulator.outputs(pixels))
    ours, theirs = alternate(
        [timed(lambda: simulator.outputs(pixels), images), timed(brevitas, images)], repeats
    )
    note = "outputs equal" if equal else "OUTPUTS DIFFER"
    return ratio("simulator", name, "Brevitas eval", ours, theirs, note=note)


def main() -> None:
    one_thread()
    finish(for_both(compare))


if __name__ == "__main__":
    main()
