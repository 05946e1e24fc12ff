// How much of a window, and of the outputs of a pixel, one turn of the matrix-vector unit's loop takes.
//
// Hardware takes a token of the window and computes the sums of one fold. A native build takes the whole window and all
// folds that see it, because a compiler vectorises one long loop and not many short ones. Integers may be added in any
// order, so the sums are the same, and tokens are read and written in the same order. The ap_int, the checked and the
// bounded build go as hardware does.
#ifndef FIRELINE_TURN_H_
#define FIRELINE_TURN_H_

#include "types.h"

namespace fl {

#if defined(FL_AP_INT) || defined(FL_CHECKED) || defined(FL_BOUNDED)
constexpr bool kAsHardware = true;
#else
constexpr bool kAsHardware = false;
#endif

template <class L>
struct Turn {
    // Tokens of a window, folds that see it.
    static constexpr int kAllTokens = L::kKernelHeight * L::kKernelWidth * L::kInChannels / L::kGroups / L::kTerms;
    static constexpr int kAllFolds = L::kFolds / L::kGroups;

    static constexpr int kTokens = kAsHardware ? 1 : kAllTokens;
    static constexpr int kFolds = kAsHardware ? 1 : kAllFolds;
    static constexpr int kTerms = kTokens * L::kTerms;
    static constexpr int kOutputs = kFolds * L::kPe;
    static constexpr int kRomRows = kTokens * kFolds;
    static constexpr int kTurns = L::kRomRows / kRomRows;  // of a pixel
};

}  // namespace fl

#endif  // FIRELINE_TURN_H_
