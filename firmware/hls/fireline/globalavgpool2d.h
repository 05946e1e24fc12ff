// The exact sum of every channel; the division is in the scale of the result.
#ifndef FIRELINE_GLOBALAVGPOOL2D_H_
#define FIRELINE_GLOBALAVGPOOL2D_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

template <class L>
using ChannelSums = Token<typename L::Output, L::kLanes>[L::kChannels / L::kLanes];

template <class L>
void globalavgpool2d(Stream<Token<typename L::Input, L::kLanes>>& input,
                     Stream<Token<typename L::Output, L::kLanes>>& output, ChannelSums<L>& sums) {
    FL_INLINE
    for (int pixel = 0; pixel < L::kInHeight * L::kInWidth; ++pixel) {
        for (int fold = 0; fold < L::kChannels / L::kLanes; ++fold) {
            FL_PIPELINE(1)
            typename L::Input x[L::kLanes];
            typename L::Output sum[L::kLanes];
            FL_PARTITION(x, 1)
            FL_PARTITION(sum, 1)
            unpack(input.read(), x);
            unpack(sums[fold], sum);
            for (int lane = 0; lane < L::kLanes; ++lane) {
                if (pixel == 0) sum[lane] = 0;
                sum[lane] += x[lane];
            }
            const Token<typename L::Output, L::kLanes> token = pack(sum);
            sums[fold] = token;
            if (pixel == L::kInHeight * L::kInWidth - 1) output.write(token);
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_GLOBALAVGPOOL2D_H_
