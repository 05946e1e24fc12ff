// The exact sum of every channel; the division is in the scale of the result.
#ifndef FIRELINE_GLOBALAVGPOOL2D_H_
#define FIRELINE_GLOBALAVGPOOL2D_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

template <class L>
void globalavgpool2d(Stream<Token<typename L::Input, L::kLanes>>& input,
                     Stream<Token<typename L::Output, L::kLanes>>& output) {
    constexpr int kFolds = L::kChannels / L::kLanes;
    static Token<typename L::Output, L::kLanes> sums[kFolds];
    for (int pixel = 0; pixel < L::kInHeight * L::kInWidth; ++pixel) {
        for (int fold = 0; fold < kFolds; ++fold) {
            FL_PIPELINE(1)
            const Token<typename L::Input, L::kLanes> x = input.read();
            Token<typename L::Output, L::kLanes> sum = sums[fold];
            for (int lane = 0; lane < L::kLanes; ++lane) {
                if (pixel == 0) sum.lane[lane] = 0;
                sum.lane[lane] += x.lane[lane];
            }
            sums[fold] = sum;
            if (pixel == L::kInHeight * L::kInWidth - 1) output.write(sum);
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_GLOBALAVGPOOL2D_H_
