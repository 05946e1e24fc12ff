// Weight memories without initial content: UltraRAM of an UltraScale+ part. The first words of a design's input, before any
// image, are its weights; every memory is filled once and keeps them.
#ifndef FIRELINE_LOADED_H_
#define FIRELINE_LOADED_H_

#include "pragmas.h"
#include "rom.h"
#include "stream.h"

namespace fl {

// 64 bits of a packed row.
using WeightWord = Token<std::uint64_t, 1>;

// Fills a memory row by row.
template <class L>
void load(Stream<WeightWord>& words, PackedRom<L>& memory) {
    FL_INLINE
    std::uint64_t row[L::kRomWords];
    FL_PARTITION(row, 1)
    for (int i = 0; i < L::kRomRows; ++i) {
        for (int word = 0; word < L::kRomWords; ++word) {
            FL_PIPELINE(1)
            row[word] = words.read().lane[0];
            if (word == L::kRomWords - 1) {
                for (int k = 0; k < L::kRomWords; ++k) memory[i][k] = row[k];
            }
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_LOADED_H_
