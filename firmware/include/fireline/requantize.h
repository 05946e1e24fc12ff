// Accumulator to output: clamp(round((acc * mult + add) / 2^shift)), rounding half to even.
//
// R holds the rule: `mult`, `add` and `shift` of a fold and a lane (constants where they are the same for every
// channel, so that a power-of-two scale needs no multiplier), `kLow` and `kHigh`, and a type Wide that holds every
// intermediate value.
#ifndef FIRELINE_REQUANTIZE_H_
#define FIRELINE_REQUANTIZE_H_

#include "pragmas.h"
#include "types.h"

namespace fl {

template <class R, class T>
typename R::Output requantize(const T acc, const int fold, const int lane) {
    FL_INLINE
    using Wide = typename R::Wide;
    const int shift = R::shift(fold, lane);
    const Wide value = operand<Wide>(acc) * operand<Wide>(R::mult(fold, lane)) + operand<Wide>(R::add(fold, lane));
    const Wide odd = (value >> shift) & 1;
    const Wide below_half = ((Wide(1) << shift) >> 1) - 1;
    const Wide rounded = shift == 0 ? value : Wide(Wide(value + below_half + odd) >> shift);
    const Wide low = R::kLow;
    const Wide high = R::kHigh;
    return static_cast<typename R::Output>(rounded < low ? low : rounded > high ? high : rounded);
}

// All lanes of a token; `fold` counts tokens within a pixel.
template <class R, class T, int LANES>
Token<typename R::Output, LANES> requantize(const T (&acc)[LANES], const int fold) {
    FL_INLINE
    Token<typename R::Output, LANES> result;
    FL_LANES
    for (int lane = 0; lane < LANES; ++lane) result.lane[lane] = requantize<R>(acc[lane], fold, lane);
    return result;
}

}  // namespace fl

#endif  // FIRELINE_REQUANTIZE_H_
