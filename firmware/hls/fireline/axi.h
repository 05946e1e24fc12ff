// AXI-Stream at the edge of the design: pixels in, values out, TLAST on the last word of an image.
//
// An input word holds `kBeatChannels` neighbouring channels of a pixel, each in a slot of `kSlotBits`, the first in the
// least significant one. An output word holds one value. TLAST of the input is not looked at: images have a fixed size.
//
// Where weights are loaded (loaded.h), they come first on the same input, in words of 64 bits, low bits first.
#ifndef FIRELINE_AXI_H_
#define FIRELINE_AXI_H_

#include "loaded.h"
#include "pragmas.h"
#include "rom.h"
#include "stream.h"

#if defined(FL_VITIS)
#include <ap_axi_sdata.h>
#endif

namespace fl {

#if defined(FL_VITIS)

template <int BITS>
using AxiWord = ap_axiu<BITS, 0, 0, 0>;

#else

template <int BITS>
struct AxiWord {
    std::uint64_t data, keep, strb;
    bool last;
};

#endif

template <int BITS>
using AxiStream = Stream<AxiWord<BITS>>;

// WORDS of weights, for one memory.
template <int BITS, int WORDS>
void axi_weights(AxiStream<BITS>& input, Stream<WeightWord>& words) {
    constexpr int kBeats = 64 / BITS;
    std::uint64_t word = 0;
    for (int i = 0; i < WORDS; ++i) {
        for (int beat = 0; beat < kBeats; ++beat) {
            FL_PIPELINE(1)
            const std::uint64_t data = static_cast<std::uint64_t>(input.read().data);
            word = beat == 0 ? data : word | data << (beat * BITS);
            if (beat == kBeats - 1) words.write(weight_word(word));
        }
    }
}

template <class L>
void axi_input(AxiStream<L::kBeatBits>& input, Stream<Token<typename L::Value, L::kBeatChannels>>& output) {
    for (int i = 0; i < L::kChannels / L::kBeatChannels * L::kHeight * L::kWidth; ++i) {
        FL_PIPELINE(1)
        const std::uint64_t data = static_cast<std::uint64_t>(input.read().data);
        typename L::Value values[L::kBeatChannels];
        FL_PARTITION(values, 1)
        for (int lane = 0; lane < L::kBeatChannels; ++lane) {
            const std::uint64_t slot = data >> (lane * L::kSlotBits);
            values[lane] = packed_integer<L::kBits, L::kSigned>(&slot, 0);
        }
        output.write(pack(values));
    }
}

template <int BITS, int VALUES, class T, int LANES>
void axi_output(Stream<Token<T, LANES>>& input, AxiStream<BITS>& output) {
    T values[LANES];
    FL_PARTITION(values, 1)
    for (int i = 0; i < VALUES / LANES; ++i) {
        for (int lane = 0; lane < LANES; ++lane) {
            FL_PIPELINE(1)
            if (lane == 0) unpack(input.read(), values);
            AxiWord<BITS> word;
            word.data = static_cast<std::int64_t>(values[lane]);
            word.keep = -1;
            word.strb = -1;
            word.last = i == VALUES / LANES - 1 && lane == LANES - 1;
            output.write(word);
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_AXI_H_
