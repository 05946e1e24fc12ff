"""hls4ml's own C-simulation of the same QONNX file, as an independent witness.

It runs in a child process, because hls4ml ends the process where it meets what it cannot do (overlapping max pools,
average pools, `Trunc`, scales that are no powers of two). It is no dependency of Fireline: install hls4ml 1.3 beside
it, or name a Python that has it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fireline.errors import EngineError
from fireline.graph import Graph
from fireline.sim.engines import Engine, Images, Integers, decode

SECONDS = 1800  # hls4ml's C++ compiles for minutes

# What the child runs. Arguments: model, images (.npy), outputs (.npy), a folder to work in.
_CHILD = """
import sys
import numpy as np
from hls4ml.converters import convert_from_onnx_model
from hls4ml.utils import config_from_onnx_model
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.util.cleanup import cleanup_model

model, images, outputs, folder = sys.argv[1:]
wrapper = cleanup_model(ModelWrapper(model))
wrapper = wrapper.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
wrapper = cleanup_model(wrapper.transform(GemmToMatMul()))
config = config_from_onnx_model(
    wrapper, granularity="name", backend="Vitis", default_precision="fixed<16,6>"
)
for name, layer in config["LayerName"].items():
    layer["Strategy"] = "Resource"
entry = wrapper.graph.input[0].name
if entry in config["LayerName"]:
    # The default type truncates the pixels.
    config["LayerName"][entry]["Precision"] = {"result": "fixed<40,24>"}
project = convert_from_onnx_model(
    wrapper, output_dir=folder, io_type="io_stream", backend="Vitis", hls_config=config
)
project.compile()
pixels = np.load(images).astype(np.float32).transpose(0, 2, 3, 1)
np.save(outputs, np.asarray(project.predict(np.ascontiguousarray(pixels))).reshape(len(pixels), -1))
"""


def available(python: str = sys.executable) -> bool:
    """Whether that Python has hls4ml."""
    if python == sys.executable:
        return importlib.util.find_spec("hls4ml") is not None
    return subprocess.run([python, "-c", "import hls4ml"], capture_output=True).returncode == 0


def hls4ml(graph: Graph, model: Path, python: str = sys.executable) -> Engine:
    """The engine; it sees the network's output only.

    Raises:
        EngineError: `python` has no hls4ml. Running raises it where hls4ml cannot do the network.
    """
    if not available(python):
        raise EngineError("hls4ml is not installed", hint="pip install hls4ml==1.3.0")

    def run(images: Images) -> Mapping[str, Integers]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            np.save(folder / "images.npy", images)
            arguments = [str(model.resolve()), str(folder / "images.npy"), str(folder / "outputs.npy")]
            command = [python, "-W", "ignore", "-c", _CHILD, *arguments, str(folder / "project")]
            try:
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, errors="replace"
                )
            except subprocess.TimeoutExpired:
                raise EngineError(f"hls4ml took more than {SECONDS} s", node=str(model)) from None
            if done.returncode or not (folder / "outputs.npy").exists():
                lines = (done.stderr or done.stdout).strip().splitlines() or [
                    f"exit status {done.returncode}"
                ]
                raise EngineError(
                    f"hls4ml cannot do this network: {lines[-1]:.300}",
                    node=str(model),
                    hint="verify without it",
                )
            return {graph.output.name: decode(graph.output, np.load(folder / "outputs.npy"))}

    return Engine("hls4ml", run)
