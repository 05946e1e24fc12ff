// Elementwise sum of two tensors whose scales are aligned by whole factors, requantized.
#ifndef FIRELINE_ADD_H_
#define FIRELINE_ADD_H_

#include "pragmas.h"
#include "requantize.h"
#include "stream.h"

namespace fl {

template <class L, class R>
void add(Stream<Token<typename L::InputA, L::kLanes>>& a, Stream<Token<typename L::InputB, L::kLanes>>& b,
         Stream<Token<typename L::Output, L::kLanes>>& output) {
    constexpr int kFolds = L::kChannels / L::kLanes;
    for (int pixel = 0; pixel < L::kHeight * L::kWidth; ++pixel) {
        for (int fold = 0; fold < kFolds; ++fold) {
            FL_PIPELINE(1)
            using Wide = typename L::Accumulator;
            const Token<typename L::InputA, L::kLanes> x = a.read();
            const Token<typename L::InputB, L::kLanes> y = b.read();
            Wide sum[L::kLanes];
            FL_PARTITION(sum, 1)
            for (int lane = 0; lane < L::kLanes; ++lane)
                sum[lane] = operand<Wide>(x.lane[lane]) * L::kMultA + operand<Wide>(y.lane[lane]) * L::kMultB;
            output.write(requantize<R>(sum, fold));
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_ADD_H_
