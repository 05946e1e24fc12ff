// Elementwise sum of two tensors whose scales are aligned by whole factors, requantized.
#ifndef FIRELINE_ADD_H_
#define FIRELINE_ADD_H_

#include "multiply.h"
#include "pragmas.h"
#include "requantize.h"
#include "stream.h"

namespace fl {

template <class L, class R>
void add(Stream<Token<typename L::InputA, L::kLanes>>& a, Stream<Token<typename L::InputB, L::kLanes>>& b,
         Stream<Token<typename L::Output, L::kLanes>>& output) {
    FL_INLINE
    using Wide = typename L::Accumulator;
    for (int pixel = 0; pixel < L::kHeight * L::kWidth; ++pixel) {
        for (int fold = 0; fold < L::kChannels / L::kLanes; ++fold) {
            FL_PIPELINE(1)
            typename L::InputA x[L::kLanes];
            typename L::InputB y[L::kLanes];
            Wide sum[L::kLanes];
            FL_PARTITION(x, 1)
            FL_PARTITION(y, 1)
            FL_PARTITION(sum, 1)
            unpack(a.read(), x);
            unpack(b.read(), y);
            for (int lane = 0; lane < L::kLanes; ++lane)
                sum[lane] = Lut::multiply<Wide>(x[lane], L::kMultA) + Lut::multiply<Wide>(y[lane], L::kMultB);
            output.write(requantize<R>(sum, fold));
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_ADD_H_
