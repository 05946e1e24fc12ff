// Weight memories: rows of `kPe * kTerms * kWeightBits` bits, packed into 64-bit words, least significant lane first.
//
// Lane `p * kTerms + s` of a row is the weight of output channel p and term s of a window's token. A row that were too wide
// for one word of a memory lies in `kRomBlocks` memories, an equal share of the output channels in each. Synthesis reads a
// row at a time; a g++ build unpacks all rows once, at first use, with the same function.
#ifndef FIRELINE_ROM_H_
#define FIRELINE_ROM_H_

#include "pragmas.h"
#include "turn.h"
#include "types.h"

namespace fl {

// The BITS-bit integer number `index` of a packed row.
template <int BITS, bool SIGNED>
std::int64_t packed_integer(const std::uint64_t* const words, const int index) {
    FL_INLINE
    const int first = index * BITS / 64;
    const int offset = index * BITS % 64;
    std::uint64_t bits = words[first] >> offset;
    if (offset + BITS > 64) bits |= words[first + 1] << (64 - offset);
    bits <<= 64 - BITS;
    return SIGNED ? static_cast<std::int64_t>(bits) >> (64 - BITS) : static_cast<std::int64_t>(bits >> (64 - BITS));
}

// Whether the terms of each output lie side by side in an unpacked ROM, or the outputs of each term: whichever is the
// longer loop for a compiler to vectorise (measured with g++ 12).
template <class L>
constexpr bool terms_are_inner() {
    return Turn<L>::kTerms >= 32;
}

// Outputs that a loop over the outputs of a turn covers: whole vectors, of which the last lanes may be nobody's.
template <class L>
constexpr int row_outputs() {
#ifdef __SYNTHESIS__
    return Turn<L>::kOutputs;
#else
    return Turn<L>::kOutputs <= 4 ? 4 : (Turn<L>::kOutputs + 7) / 8 * 8;
#endif
}

template <class L>
using PackedRom = std::uint64_t[L::kRomRows][L::kRomBlocks][L::kRomWords];

template <class L>
typename L::Weight weight(const PackedRom<L>& rom, const int row, const int p, const int s) {
    FL_INLINE
    constexpr int kOutputs = L::kPe / L::kRomBlocks;
    return packed_integer<L::kWeightBits, L::kWeightSigned>(rom[row][p / kOutputs], p % kOutputs * L::kTerms + s);
}

// Calls back for every weight: its turn, and its output and term within the turn.
template <class L, class Callback>
void for_each_weight(const PackedRom<L>& rom, const Callback callback) {
    using T = Turn<L>;
    for (int row = 0; row < L::kRomRows; ++row) {
        const int fold = row % T::kRomRows / T::kTokens, token = row % T::kTokens;
        for (int p = 0; p < L::kPe; ++p)
            for (int s = 0; s < L::kTerms; ++s)
                callback(row / T::kRomRows, fold * L::kPe + p, token * L::kTerms + s, fl::weight<L>(rom, row, p, s));
    }
}

// What every turn needs, one turn after the other.
template <class L, bool TERMS_INNER = terms_are_inner<L>()>
struct UnpackedRom {
    using T = Turn<L>;
    using Weight = typename L::Weight;
    Weight turns[T::kTurns][T::kOutputs][T::kTerms];

    explicit UnpackedRom(const PackedRom<L>& packed) {
        for_each_weight<L>(packed, [this](const int turn, const int output, const int term, const Weight w) {
            turns[turn][output][term] = w;
        });
    }
    Weight weight(const int turn, const int output, const int term) const { return turns[turn][output][term]; }
};

template <class L>
struct UnpackedRom<L, false> {
    using T = Turn<L>;
    using Weight = typename L::Weight;
    using Wide = Operand<typename L::Accumulator, typename L::Weight>;
    Wide turns[T::kTurns][T::kTerms][row_outputs<L>()];

    explicit UnpackedRom(const PackedRom<L>& packed) {
        for_each_weight<L>(packed, [this](const int turn, const int output, const int term, const Weight w) {
            turns[turn][term][output] = w;
        });
    }
    Wide weight(const int turn, const int output, const int term) const { return turns[turn][term][output]; }
};

template <class L>
auto weight(const UnpackedRom<L>& rom, const int turn, const int output, const int term)
    -> decltype(rom.weight(turn, output, term)) {
    return rom.weight(turn, output, term);
}

}  // namespace fl

#ifdef __SYNTHESIS__
#define FL_ROM(L, variable, packed) const fl::PackedRom<L>& variable = packed
#else
#define FL_ROM(L, variable, packed) static const fl::UnpackedRom<L> variable(packed)
#endif

#endif  // FIRELINE_ROM_H_
