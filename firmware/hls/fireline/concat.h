// Channels of several streams one after the other, pixel by pixel. FOLDS: tokens of a pixel in each input.
#ifndef FIRELINE_CONCAT_H_
#define FIRELINE_CONCAT_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

template <int LAST, class T>
T take(const int, Stream<T>& input) {
    FL_INLINE
    return input.read();
}

template <int FIRST, int NEXT, int... FOLDS, class T, class... Inputs>
T take(const int fold, Stream<T>& first, Inputs&... rest) {
    FL_INLINE
    return fold < FIRST ? first.read() : take<NEXT, FOLDS...>(fold - FIRST, rest...);
}

template <int PIXELS, int PIXEL_FOLDS, int... FOLDS, class T, class... Inputs>
void concat(Stream<T>& output, Inputs&... inputs) {
    for (int pixel = 0; pixel < PIXELS; ++pixel) {
        for (int fold = 0; fold < PIXEL_FOLDS; ++fold) {
            FL_PIPELINE(1)
            output.write(take<FOLDS...>(fold, inputs...));
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_CONCAT_H_
