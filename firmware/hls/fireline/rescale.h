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
    FL_INLINE
    for (int pixel = 0; pixel < L::kHeight * L::kWidth; ++pixel) {
        for (int fold = 0; fold < L::kChannels / L::kLanes; ++fold) {
            FL_PIPELINE(1)
            typename L::Input x[L::kLanes];
            FL_PARTITION(x, 1)
            unpack(input.read(), x);
            output.write(requantize<R>(x, fold));
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_RESCALE_H_
