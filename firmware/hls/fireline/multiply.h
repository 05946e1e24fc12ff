// Products in DSP slices or in look-up tables, alone or several in one DSP slice, as the plan says: always the same
// integers.
#ifndef FIRELINE_MULTIPLY_H_
#define FIRELINE_MULTIPLY_H_

#include "pragmas.h"
#include "types.h"

namespace fl {

struct Dsp {
    template <class Wide, class W, class X>
    static Wide multiply(const W w, const X x) {
        FL_INLINE
        const auto product = operand<Wide>(w) * operand<Wide>(x);
        FL_BIND_OP(product, mul, dsp)
        return product;
    }
};

struct Lut {
    template <class Wide, class W, class X>
    static Wide multiply(const W w, const X x) {
        FL_INLINE
        const auto product = operand<Wide>(w) * operand<Wide>(x);
        FL_BIND_OP(product, mul, fabric)
        return product;
    }
};

// COUNT products with the same x from one multiplication: the weights stand SPACING bits apart in one operand, so that
// the products stand SPACING bits apart in the result. A negative product borrows one from the next, which is given back.
template <int COUNT, int SPACING, int WEIGHT_BITS, class W, class X>
void multiply_shared(const W (&weights)[COUNT], const X x, std::int64_t (&products)[COUNT]) {
    FL_INLINE
    using Packed = Int<(COUNT - 1) * SPACING + WEIGHT_BITS + 1>;
    using Product = Int<COUNT * SPACING + 2>;
    Packed packed = 0;
    for (int i = 0; i < COUNT; ++i) packed += operand<Packed>(Packed(weights[i])) * (std::int64_t(1) << (i * SPACING));
    const auto product = operand<Product>(packed) * operand<Product>(x);
    FL_BIND_OP(product, mul, dsp)
    std::int64_t rest = static_cast<std::int64_t>(Product(product));
    for (int i = 0; i < COUNT; ++i) {
        products[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(rest) << (64 - SPACING)) >> (64 - SPACING);
        rest = (rest >> SPACING) + (rest >> (SPACING - 1) & 1);
    }
}

}  // namespace fl

#endif  // FIRELINE_MULTIPLY_H_
