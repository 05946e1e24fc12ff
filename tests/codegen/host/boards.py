"""A project's core behind a register-level AXI DMA: what the drivers of a project run on where there is no board."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.hls.names import identifier
from fireline.graph import Graph

# The top function between two byte arrays, one image; 0 if words are left over or TLAST is not on the last. What `load`
# takes comes in front of the next image.
CORE = r"""
#include <cstring>
#include "{project}/src/{top}.h"
static fl::AxiStream<{beat_bits}> input("input");
extern "C" void load(const unsigned char* beats, int count) {{
    for (int i = 0; i < count; ++i) {{
        fl::AxiWord<{beat_bits}> word{{}};
        std::memcpy(&word.data, beats + i * {beat_bits} / 8, {beat_bits} / 8);
        input.write(word);
    }}
}}
extern "C" int core(const unsigned char* beats, int count, unsigned char* words, int results) {{
    static fl::AxiStream<{word_bits}> output("output");
    load(beats, count);
    ::{top}(input, output);
    bool good = true;
    for (int i = 0; i < results; ++i) {{
        const fl::AxiWord<{word_bits}> word = output.read();
        std::memcpy(words + i * {word_bits} / 8, &word.data, {word_bits} / 8);
        good = good && word.last == (i == results - 1);
    }}
    return good && input.empty() && output.empty();
}}
"""


class Core:
    """The compiled C++ of a project: bytes of input words to bytes of output words."""

    def __init__(self, graph: Graph, project: Path, folder: Path) -> None:
        beat = input_beat(graph.input)
        text = CORE.format(
            project=project,
            top=identifier(graph.name),
            beat_bits=beat.bits,
            word_bits=output_bits(graph.output),
        )
        (folder / "core.cpp").write_text(text)
        sources = [folder / "core.cpp", *project.glob("src/*.cpp"), *project.glob("src/layers/*.cpp")]
        (folder / "all.cpp").write_text("".join(f'#include "{source}"\n' for source in sources))
        library = folder / "core.so"
        # Cores of several projects live in one process; a unique symbol would be shared among them.
        flags = ["-std=c++14", "-O0", "-fPIC", "-shared", "-fno-gnu-unique"]
        compile_library(["g++", *flags, folder / "all.cpp"], library)
        loaded = ctypes.CDLL(str(library))
        self.function, self.take_weights = loaded.core, loaded.load
        weights = project / "weights.bin"
        self.weight_bytes = weights.stat().st_size if weights.exists() else 0
        self.beat_bytes = beat.bits // 8
        self.image_bytes = int(np.prod(graph.input.output.shape)) // beat.channels * self.beat_bytes
        self.results = int(np.prod(graph.output.output.shape))
        self.result_bytes = self.results * output_bits(graph.output) // 8

    def load(self, weights: bytes) -> None:
        """The weights, once."""
        assert len(weights) == self.weight_bytes
        self.take_weights(weights, len(weights) // self.beat_bytes)
        self.weight_bytes = 0

    def __call__(self, beats: bytes) -> bytes:
        """One image."""
        assert not self.weight_bytes, "the core waits for weights"
        assert len(beats) == self.image_bytes
        words = ctypes.create_string_buffer(self.result_bytes)
        assert self.function(beats, len(beats) // self.beat_bytes, words, self.results)
        return words.raw


def compile_library(command: list[Any], library: Path) -> None:
    result = subprocess.run([*map(str, command), "-o", str(library)], capture_output=True, text=True)
    assert result.returncode == 0 and not result.stderr, result.stderr[:4000]


class Channel:
    """A PYNQ DMA channel: one transfer at a time, at aligned addresses only, waited for before the next."""

    def __init__(self) -> None:
        self.pending: memoryview | None = None

    def transfer(self, array: np.ndarray, start: int = 0, nbytes: int = 0) -> None:
        assert self.pending is None and start % 4 == 0
        whole = memoryview(array).cast("B")
        assert 0 < nbytes <= len(whole) - start
        self.pending = whole[start : start + nbytes]

    def wait(self) -> None:
        assert self.pending is None, "the hardware would never answer"


class Overlay:
    """A loaded bitstream: `dma` and `core`."""

    def __init__(self, core: Core) -> None:
        self.run, self.queue, self.control = core, b"", 0
        self.core = SimpleNamespace(write=self.write)
        self.dma = SimpleNamespace(sendchannel=Channel(), recvchannel=Channel())
        self.dma.sendchannel.wait = self.finish_send
        self.dma.recvchannel.wait = self.finish_receive

    def write(self, offset: int, value: int) -> None:
        assert offset == 0
        self.control = value

    def fetch(self) -> None:
        send = self.dma.sendchannel
        if send.pending is not None:
            self.queue, send.pending = self.queue + bytes(send.pending), None
        if self.control == 0x81 and self.queue and self.run.weight_bytes:
            self.run.load(self.queue[: self.run.weight_bytes])
            self.queue = b""

    def finish_send(self) -> None:
        self.fetch()
        assert not self.queue, "results are still to come"

    def finish_receive(self) -> None:
        self.fetch()
        receive, size = self.dma.recvchannel, self.run.image_bytes
        assert self.control == 0x81 and receive.pending is not None
        receive.pending[:] = self.run(self.queue[:size])
        self.queue, receive.pending = self.queue[size:], None


@contextmanager
def fake_pynq(core: Core) -> Iterator[None]:
    """`import pynq` gives a module whose overlay is `core`; buffers start with whatever was in memory."""
    module = ModuleType("pynq")
    vars(module)["Overlay"] = lambda bitfile: Overlay(core)
    vars(module)["allocate"] = lambda shape, dtype: np.full(shape, 85, dtype)
    sys.modules["pynq"] = module
    try:
        yield
    finally:
        del sys.modules["pynq"]


class Registers:
    """The registers of the AXI DMA (direct mode) and of the core, one image at a time, as callbacks for C."""

    def __init__(self, core: Core, dma_base: int, core_base: int) -> None:
        self.run, self.dma_base, self.core_base = core, dma_base, core_base
        self.values: dict[int, int] = {}
        self.errors, self.dead = 0, False
        self.flushed: list[tuple[int, int]] = []
        self.read = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_size_t)(self._read)
        self.write = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_uint32)(self._write)
        self.flush = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_size_t)(self._flush)

    def _read(self, address: int) -> int:
        assert address - self.dma_base in (0x04, 0x34)
        return self.errors or (0 if self.dead else 0x2)

    def _write(self, address: int, value: int) -> None:
        self.values[address] = value
        if address == self.dma_base + 0x28 and not (self.dead or self.errors):
            self._transfer()

    def _flush(self, address: int, count: int) -> None:
        assert address % 64 == 0 and count % 64 == 0
        self.flushed.append((address, count))

    def _channel(self, offset: int) -> tuple[int, int]:
        base = self.dma_base + offset
        assert self.values[base] == 1
        address = self.values[base + 0x18] | self.values[base + 0x1C] << 32
        return address, self.values[base + 0x28]

    def _transfer(self) -> None:
        assert self.values.pop(self.core_base) == 1
        source, length = self._channel(0x00)
        assert any(start <= source and source + length <= start + count for start, count in self.flushed)
        if self.run.weight_bytes:
            self.run.load(ctypes.string_at(source, length))
            return
        target, room = self._channel(0x30)
        words = self.run(ctypes.string_at(source, length))
        assert room == len(words)
        ctypes.memmove(target, words, room)
