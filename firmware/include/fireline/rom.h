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

// Whether the weights of one output channel lie side by side in an unpacked row, or those of one term: what a compiler
// vectorises better (measured with g++ 12).
template <class L>
constexpr bool terms_are_inner() {
    return L::kTerms >= 8 && (L::kPe % 16 != 0 || L::kTerms % 16 == 0);
}

template <class L>
using PackedRom = std::uint64_t[L::kRomRows][L::kRomWords];

template <class L>
class UnpackedRom {
  public:
    explicit UnpackedRom(const PackedRom<L>& packed) {
        for (int row = 0; row < L::kRomRows; ++row)
            for (int p = 0; p < L::kPe; ++p)
                for (int s = 0; s < L::kTerms; ++s)
                    rows_[row][place(p, s)] = unpack<L::kWeightBits, L::kWeightSigned>(packed[row], p * L::kTerms + s);
    }

    static constexpr int place(const int p, const int s) {
        return terms_are_inner<L>() ? p * L::kTerms + s : s * L::kPe + p;
    }

    typename L::Weight rows_[L::kRomRows][L::kPe * L::kTerms];
};

template <class L>
typename L::Weight weight(const UnpackedRom<L>& rom, const int row, const int p, const int s) {
    return rom.rows_[row][UnpackedRom<L>::place(p, s)];
}

template <class L>
typename L::Weight weight(const PackedRom<L>& rom, const int row, const int p, const int s) {
    FL_INLINE
    return unpack<L::kWeightBits, L::kWeightSigned>(rom[row], p * L::kTerms + s);
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
