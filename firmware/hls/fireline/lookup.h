// Any function of an integer of few bits, as a table. There is a table for every lane, and one for every fold where the
// channels differ.
#ifndef FIRELINE_LOOKUP_H_
#define FIRELINE_LOOKUP_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

template <class L>
void lookup(Stream<Token<typename L::Input, L::kLanes>>& input,
            Stream<Token<typename L::Output, L::kLanes>>& output,
            const typename L::Output (&table)[L::kTableFolds][L::kLanes][L::kEntries]) {
    FL_INLINE
    for (int pixel = 0; pixel < L::kHeight * L::kWidth; ++pixel) {
        for (int fold = 0; fold < L::kChannels / L::kLanes; ++fold) {
            FL_PIPELINE(1)
            typename L::Input x[L::kLanes];
            typename L::Output y[L::kLanes];
            FL_PARTITION(x, 1)
            FL_PARTITION(y, 1)
            unpack(input.read(), x);
            for (int lane = 0; lane < L::kLanes; ++lane) {
                const int entry = static_cast<int>(x[lane] - L::kLowest);
                y[lane] = table[L::kTableFolds == 1 ? 0 : fold][lane][entry];
            }
            output.write(pack(y));
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_LOOKUP_H_
