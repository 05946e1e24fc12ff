// Max pooling, one token a cycle: first the largest of each window's row, then of its columns.
//
// Both passes are one kernel. Windows overlap when the stride is below the kernel, so several are open at a time; each
// has a slot, and a slot is free again before it is needed.
#ifndef FIRELINE_MAXPOOL2D_H_
#define FIRELINE_MAXPOOL2D_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

// Windows of kKernel positions every kStride along each of kOuter lines of kLength positions, kInner tokens each, with
// kBefore and kAfter positions of padding: along the rows of a pool L.
template <class L>
struct AlongRows {
    using Value = typename L::Value;
    static constexpr int kLanes = L::kLanes;
    static constexpr int kLowest = L::kLowest;
    static constexpr int kOuter = L::kInHeight;
    static constexpr int kBefore = L::kPadLeft;
    static constexpr int kLength = L::kInWidth;
    static constexpr int kAfter = L::kPadRight;
    static constexpr int kInner = L::kChannels / L::kLanes;
    static constexpr int kKernel = L::kKernelWidth;
    static constexpr int kStride = L::kStrideWidth;
};

// And down the columns of what is left.
template <class L>
struct DownColumns {
    using Value = typename L::Value;
    static constexpr int kLanes = L::kLanes;
    static constexpr int kLowest = L::kLowest;
    static constexpr int kOuter = 1;
    static constexpr int kBefore = L::kPadTop;
    static constexpr int kLength = L::kInHeight;
    static constexpr int kAfter = L::kPadBottom;
    static constexpr int kInner = L::kOutWidth * L::kChannels / L::kLanes;
    static constexpr int kKernel = L::kKernelHeight;
    static constexpr int kStride = L::kStrideHeight;
};

// The largest so far of every window that is open.
template <class P>
using Largest = Token<typename P::Value, P::kLanes>[(P::kKernel + P::kStride - 1) / P::kStride][P::kInner];

// Padding never wins and takes no time: the first position is the first of every window that begins in front of it, and
// a window that ends behind the last position is finished there, unless another is, too.
template <class P>
void running_max(Stream<Token<typename P::Value, P::kLanes>>& input,
                 Stream<Token<typename P::Value, P::kLanes>>& output, Largest<P>& largest) {
    FL_INLINE
    using Value = typename P::Value;
    constexpr int kEarly = P::kAfter < P::kStride ? P::kAfter : P::kStride - 1;  // positions by which a window may end earlier
    constexpr int kLength = P::kLength + P::kAfter - kEarly;
    constexpr int kSlots = (P::kKernel + P::kStride - 1) / P::kStride;
    constexpr int kPeriod = kSlots * P::kStride;  // positions from one window of a slot to its next

    Counter<0, kPeriod - 1> phase = P::kBefore % kPeriod;  // position within the padded line, modulo kPeriod
    for (int outer = 0; outer < P::kOuter; ++outer) {
        for (int i = 0; i < kLength; ++i) {
            for (int j = 0; j < P::kInner; ++j) {
                FL_PIPELINE(1)
                Value x[P::kLanes];
                FL_PARTITION(x, 1)
                if (i < P::kLength) {
                    unpack(input.read(), x);
                } else {
                    for (int lane = 0; lane < P::kLanes; ++lane) x[lane] = P::kLowest;
                }
                Token<Value, P::kLanes> finished = pack(x);
                bool is_finished = false;  // at most one window is
                for (int slot = 0; slot < kSlots; ++slot) {
                    const int start = slot * P::kStride;
                    const int place = wrap_beyond(phase + (kPeriod - start), kPeriod);  // within the window
                    if (i + P::kBefore < start || place >= P::kKernel) continue;
                    Value best[P::kLanes];
                    FL_PARTITION(best, 1)
                    for (int lane = 0; lane < P::kLanes; ++lane) best[lane] = x[lane];
                    if (place > 0 && i > 0) {
                        Value held[P::kLanes];
                        FL_PARTITION(held, 1)
                        unpack(largest[slot][j], held);
                        for (int lane = 0; lane < P::kLanes; ++lane)
                            best[lane] = x[lane] < held[lane] ? held[lane] : x[lane];
                    }
                    const Token<Value, P::kLanes> token = pack(best);
                    largest[slot][j] = token;
                    const int rest = P::kKernel - 1 - place;  // positions that the window still has
                    const int early = i < P::kLength - 1 ? 0 : kEarly;
                    if (i == P::kLength - 1 ? rest <= early : rest == early) {
                        is_finished = true;
                        finished = token;
                    }
                }
                if (is_finished) output.write(finished);
                if (j == P::kInner - 1) {
                    phase = wrap(phase + 1, kPeriod);
                    if (i == kLength - 1) phase = P::kBefore % kPeriod;
                }
            }
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_MAXPOOL2D_H_
