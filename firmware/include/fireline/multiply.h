// Products in DSP slices or in look-up tables, as the plan says; the same integers either way.
#ifndef FIRELINE_MULTIPLY_H_
#define FIRELINE_MULTIPLY_H_

#include "pragmas.h"
#include "types.h"

namespace fl {

struct Dsp {};
struct Lut {};

template <class Wide, class W, class X>
Wide multiply(Dsp, const W w, const X x) {
    FL_INLINE
    const auto product = operand<Wide>(w) * operand<Wide>(x);
    FL_BIND_OP(product, mul, dsp)
    return product;
}

template <class Wide, class W, class X>
Wide multiply(Lut, const W w, const X x) {
    FL_INLINE
    const auto product = operand<Wide>(w) * operand<Wide>(x);
    FL_BIND_OP(product, mul, fabric)
    return product;
}

}  // namespace fl

#endif  // FIRELINE_MULTIPLY_H_
