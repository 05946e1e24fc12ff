// Max pooling, one token a cycle: first the largest of each window's row, then of its columns.
//
// Both passes are one kernel. Windows overlap when the stride is below the kernel, so several are open at a time; each
// has a slot, and a slot is free again before it is needed.
#ifndef FIRELINE_MAXPOOL2D_H_
#define FIRELINE_MAXPOOL2D_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

// Windows of KERNEL positions every STRIDE along a line of LENGTH positions, INNER tokens each, with BEFORE and AFTER
// positions of padding, which never win. Padding takes no time: the first position is the first of every window that
// begins in front of it, and a window that ends behind the last position is finished there, unless another is, too.
template <class L, int OUTER, int BEFORE, int LENGTH, int AFTER, int INNER, int KERNEL, int STRIDE>
void running_max(Stream<Token<typename L::Value, L::kLanes>>& input,
                 Stream<Token<typename L::Value, L::kLanes>>& output) {
    constexpr int kEarly = AFTER < STRIDE ? AFTER : STRIDE - 1;  // positions by which a window may end earlier
    constexpr int kLength = LENGTH + AFTER - kEarly;
    constexpr int kSlots = (KERNEL + STRIDE - 1) / STRIDE;
    constexpr int kPeriod = kSlots * STRIDE;  // positions from one window of a slot to its next

    static Token<typename L::Value, L::kLanes> largest[kSlots][INNER];
    FL_PARTITION(largest, 1)
    FL_INDEPENDENT(largest)
    int phase = BEFORE % kPeriod;  // position within the padded line, modulo kPeriod
    for (int outer = 0; outer < OUTER; ++outer) {
        for (int i = 0; i < kLength; ++i) {
            for (int j = 0; j < INNER; ++j) {
                FL_PIPELINE(1)
                Token<typename L::Value, L::kLanes> x;
                if (i < LENGTH) {
                    x = input.read();
                } else {
                    for (int lane = 0; lane < L::kLanes; ++lane) x.lane[lane] = L::kLowest;
                }
                for (int slot = 0; slot < kSlots; ++slot) {
                    const int start = slot * STRIDE;
                    const int place = phase < start ? phase - start + kPeriod : phase - start;  // within the window
                    if (i + BEFORE < start || place >= KERNEL) continue;
                    Token<typename L::Value, L::kLanes> best = x;
                    if (place > 0 && i > 0) {
                        const Token<typename L::Value, L::kLanes> held = largest[slot][j];
                        for (int lane = 0; lane < L::kLanes; ++lane)
                            best.lane[lane] = x.lane[lane] < held.lane[lane] ? held.lane[lane] : x.lane[lane];
                    }
                    largest[slot][j] = best;
                    const int rest = KERNEL - 1 - place;  // positions that the window still has
                    const int early = i < LENGTH - 1 ? 0 : kEarly;
                    if (i == LENGTH - 1 ? rest <= early : rest == early) output.write(best);
                }
                if (j == INNER - 1) {
                    phase = phase == kPeriod - 1 ? 0 : phase + 1;
                    if (i == kLength - 1) phase = BEFORE % kPeriod;
                }
            }
        }
    }
}

template <class L>
void maxpool2d(Stream<Token<typename L::Value, L::kLanes>>& input,
               Stream<Token<typename L::Value, L::kLanes>>& output) {
    constexpr int kFolds = L::kChannels / L::kLanes;
    FL_DATAFLOW
    FL_STREAM(2, rows, L::Name(), ".rows", Token<typename L::Value, L::kLanes>);
    FL_PROCESS(running_max<L, L::kInHeight, L::kPadLeft, L::kInWidth, L::kPadRight, kFolds, L::kKernelWidth,
                           L::kStrideWidth>(input, rows));
    FL_PROCESS(running_max<L, 1, L::kPadTop, L::kInHeight, L::kPadBottom, L::kOutWidth * kFolds, L::kKernelHeight,
                           L::kStrideHeight>(rows, output));
}

}  // namespace fl

#endif  // FIRELINE_MAXPOOL2D_H_
