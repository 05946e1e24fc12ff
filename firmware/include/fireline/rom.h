// Weight memories: rows of `kPe * kTerms * kWeightBits` bits, packed into 64-bit words, least significant lane first.
//
// Lane `p * kTerms + s` of a row is the weight of output channel p and term s of a window's token. Synthesis reads a row at a time;
// a g++ build unpacks all rows once, at first use, with the same function.
#ifndef FIRELINE_ROM_H_
#define FIRELINE_ROM_H_

#include "pragmas.h"
#include "types.h"

namespace fl {

// The BITS-bit integer number `index` of a packed row.
template <int BITS, bool SIGNED>
std::int64_t unpack(const std::uint64_t* const words, const int index) {
    FL_INLINE
    const int first = index * BITS / 64;
    const int offset = index * BITS % 64;
    std::uint64_t bits = words[first] >> offset;
    if (offset + BITS > 64) bits |= words[first + 1] << (64 - offset);
    bits <<= 64 - BITS;
    return SIGNED ? static_cast<std::int64_t>(bits) >> (64 - BITS) : static_cast<std::int64_t>(bits >> (64 - BITS));
}

// How a g++ build lays out an unpacked row, so that its loops vectorise (measured with g++ 12): the terms of each output
// side by side where they are many, else the outputs of each term, widened and in whole vectors.
template <class L>
constexpr bool terms_are_inner() {
    return L::kTerms >= 16;
}

// Outputs that a loop over the lanes of a row covers; those beyond kPe are nobody's.
template <class L>
constexpr int row_outputs() {
#ifdef __SYNTHESIS__
    return L::kPe;
#else
    return L::kPe <= 4 ? 4 : (L::kPe + 7) / 8 * 8;
#endif
}

template <class L>
using PackedRom = std::uint64_t[L::kRomRows][L::kRomWords];

template <class L>
typename L::Weight weight(const PackedRom<L>& rom, const int row, const int p, const int s) {
    FL_INLINE
    return unpack<L::kWeightBits, L::kWeightSigned>(rom[row], p * L::kTerms + s);
}

template <class L, bool TERMS_INNER = terms_are_inner<L>()>
struct UnpackedRom {
    typename L::Weight rows[L::kRomRows][L::kPe][L::kTerms];

    explicit UnpackedRom(const PackedRom<L>& packed) {
        for (int row = 0; row < L::kRomRows; ++row)
            for (int p = 0; p < L::kPe; ++p)
                for (int s = 0; s < L::kTerms; ++s) rows[row][p][s] = fl::weight<L>(packed, row, p, s);
    }
    typename L::Weight weight(const int row, const int p, const int s) const { return rows[row][p][s]; }
};

template <class L>
struct UnpackedRom<L, false> {
    using Wide = Operand<typename L::Accumulator, typename L::Weight>;
    Wide rows[L::kRomRows][L::kTerms][row_outputs<L>()];

    explicit UnpackedRom(const PackedRom<L>& packed) {
        for (int row = 0; row < L::kRomRows; ++row)
            for (int s = 0; s < L::kTerms; ++s)
                for (int p = 0; p < L::kPe; ++p) rows[row][s][p] = fl::weight<L>(packed, row, p, s);
    }
    Wide weight(const int row, const int p, const int s) const { return rows[row][s][p]; }
};

template <class L>
auto weight(const UnpackedRom<L>& rom, const int row, const int p, const int s) -> decltype(rom.weight(row, p, s)) {
    return rom.weight(row, p, s);
}

}  // namespace fl

#ifdef __SYNTHESIS__
#define FL_ROM(L, variable, packed)            \
    const fl::PackedRom<L>& variable = packed; \
    FL_RESHAPE(packed, 2)
#else
#define FL_ROM(L, variable, packed) static const fl::UnpackedRom<L> variable(packed)
#endif

#endif  // FIRELINE_ROM_H_
