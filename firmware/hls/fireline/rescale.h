// An elementwise requantization: raw pixels to network input, or one scale to another.
#ifndef FIRELINE_RESCALE_H_
#define FIRELINE_RESCALE_H_

#include "pragmas.h"
#include "requantize.h"
#include "stream.h"

namespace fl {

template <class L, class R>
void rescale(Stream<Token<typename L::Input, L::kLanes>>& input,
             Stream<Token<typename L::Output, L::kLanes>>& output) {
    constexpr int kFolds = L::kChannels / L::kLanes;
    for (int pixel = 0; pixel < L::kHeight * L::kWidth; ++pixel) {
        for (int fold = 0; fold < kFolds; ++fold) {
            FL_PIPELINE(1)
            const Token<typename L::Input, L::kLanes> x = input.read();
            output.write(requantize<R>(x.lane, fold));
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_RESCALE_H_
