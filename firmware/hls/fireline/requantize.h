// Accumulator to output, by one of two methods that a rule R names.
//
// ByScale: clamp(round((acc * mult + add) / 2^shift)), rounding half to even. `mult`, `add` and `shift` of a fold and a
// lane are constants where they are the same for every channel, so that a power-of-two scale needs no multiplier; Wide
// holds every intermediate value. Shifts are unsigned: a signed one would be a shifter either way.
//
// ByThresholds: kLow plus the number of steps that sign * acc reaches.
#ifndef FIRELINE_REQUANTIZE_H_
#define FIRELINE_REQUANTIZE_H_

#include "multiply.h"
#include "pragmas.h"
#include "types.h"

namespace fl {

struct ByScale {
    template <class R, class T>
    static typename R::Output requantize(const T acc, const int fold, const int lane) {
        FL_INLINE
        using Wide = typename R::Wide;
        const auto shift = R::shift(fold, lane);
        const Wide value = Dsp::multiply<Wide>(acc, R::mult(fold, lane)) + operand<Wide>(R::add(fold, lane));
        const Wide mask = (Wide(1) << shift) - 1;
        const Wide whole = value >> shift;
        const Wide odd = whole & mask & 1;  // 0 where nothing is shifted out
        const Wide half = (Wide(1) << shift) >> 1;
        const Wide rounded = whole + ((value & mask) > half - odd ? 1 : 0);
        const Wide low = R::kLow;
        const Wide high = R::kHigh;
        const Wide at_least_low = rounded < low ? low : rounded;
        return static_cast<typename R::Output>(at_least_low > high ? high : at_least_low);
    }
};

struct ByThresholds {
    template <class R, class T>
    static typename R::Output requantize(const T acc, const int fold, const int lane) {
        FL_INLINE
        using Wide = typename R::Wide;
        const Wide value = R::sign(fold, lane) < 0 ? Wide(-operand<Wide>(acc)) : Wide(acc);
        int result = R::kLow;
        for (int i = 0; i < R::kSteps; ++i) result += R::step(fold, lane, i) <= value ? 1 : 0;
        return static_cast<typename R::Output>(result);
    }
};

// All lanes of a token; `fold` counts tokens within a pixel.
template <class R, class T, int LANES>
Token<typename R::Output, LANES> requantize(const T (&acc)[LANES], const int fold) {
    FL_INLINE
    typename R::Output result[LANES];
    FL_PARTITION(result, 1)
    FL_LANES
    for (int lane = 0; lane < LANES; ++lane) result[lane] = R::Method::template requantize<R>(acc[lane], fold, lane);
    return pack(result);
}

}  // namespace fl

#endif  // FIRELINE_REQUANTIZE_H_
