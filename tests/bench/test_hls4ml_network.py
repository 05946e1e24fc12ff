from dataclasses import replace
from pathlib import Path

import numpy as np

import fireline
from bench.hls4ml_network import write_model
from bench.networks import random_images
from fireline.graph import Concat, Conv2d
from fireline.model.architecture import Fire, Pool, Stem
from fireline.model.presets import preset


def test_values_neither_vanish_nor_saturate(tmp_path: Path) -> None:
    config = replace(
        preset("digits"),
        stem=Stem(16, 3, 1, 1),
        fires=(Fire(8, 16, 16), Fire(8, 16, 16)),
        pool=Pool(2, 2, False),
        batch_norm="none",
    )
    graph = fireline.lower(write_model(config, tmp_path))
    assert sum(isinstance(node, Conv2d) for node in graph.nodes) == 8
    assert sum(isinstance(node, Concat) for node in graph.nodes) == 2
    values = graph.simulate(random_images(config.input, 4))
    assert len(np.unique(values)) > 20
