// Weight memories without initial content: UltraRAM. The first words of a design's input, before any image, are its
// weights; every memory is filled once and keeps them.
#ifndef FIRELINE_LOADED_H_
#define FIRELINE_LOADED_H_

#include "pragmas.h"
#include "rom.h"
#include "stream.h"

namespace fl {

// 64 bits of a packed row, in halves.
using HalfWord = UInt<32>;
using WeightWord = Token<HalfWord, 2>;

inline WeightWord weight_word(const std::uint64_t bits) {
    FL_INLINE
    const HalfWord halves[2] = {HalfWord(bits & 0xffffffff), HalfWord(bits >> 32)};
    return pack(halves);
}

inline std::uint64_t weight_bits(const WeightWord word) {
    FL_INLINE
    HalfWord halves[2];
    unpack(word, halves);
    return static_cast<std::uint64_t>(halves[1]) << 32 | static_cast<std::uint64_t>(halves[0]);
}

// Fills a memory row by row.
template <class L>
void load(Stream<WeightWord>& words, PackedRom<L>& memory) {
    FL_INLINE
    static_assert(L::kRomBlocks == 1, "a row that is loaded is one word");
    std::uint64_t row[L::kRomWords];
    FL_PARTITION(row, 1)
    for (int i = 0; i < L::kRomRows; ++i) {
        for (int word = 0; word < L::kRomWords; ++word) {
            FL_PIPELINE(1)
            row[word] = weight_bits(words.read());
            if (word == L::kRomWords - 1) {
                for (int k = 0; k < L::kRomWords; ++k) memory[i][0][k] = row[k];
            }
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_LOADED_H_
