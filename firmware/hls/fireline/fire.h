// A Fire module: squeeze, then two expansions side by side, then their concatenation.
//
// The 3x3 branch answers a line of pixels later than the 1x1 branch; the streams that absorb this, the one in front of
// each expansion and the two in front of the concatenation, are declared here with their depths from the plan.
#ifndef FIRELINE_FIRE_H_
#define FIRELINE_FIRE_H_

#include "concat.h"
#include "conv2d.h"
#include "fork.h"
#include "mvu.h"
#include "resize.h"

namespace fl {

template <class L, class SqueezeRule, class Expand1x1Rule, class Expand3x3Rule, class SqueezeWeights,
          class Expand1x1Weights, class Expand3x3Weights>
void fire(Stream<Token<typename L::Squeeze::Input, L::Squeeze::kSimd>>& input,
          Stream<Token<typename L::Output, L::kLanes>>& output, SqueezeWeights& squeeze_weights,
          const typename L::Squeeze::Accumulator (&squeeze_bias)[L::Squeeze::kFolds][L::Squeeze::kPe],
          Expand1x1Weights& expand1x1_weights,
          const typename L::Expand1x1::Accumulator (&expand1x1_bias)[L::Expand1x1::kFolds][L::Expand1x1::kPe],
          Expand3x3Weights& expand3x3_weights,
          const typename L::Expand3x3::Accumulator (&expand3x3_bias)[L::Expand3x3::kFolds][L::Expand3x3::kPe]) {
    using S = typename L::Squeeze;
    using A = typename L::Expand1x1;
    using B = typename L::Expand3x3;
    constexpr int kPixels = S::kOutHeight * S::kOutWidth;
    constexpr int kSqueezed = kPixels * S::kOutChannels;

    FL_DATAFLOW
    FL_STREAM(2, squeezed, S::Name(), "", Token<typename S::Output, S::kPe>);
    FL_STREAM(2, squeezed1x1, A::Name(), ".in", Token<typename S::Output, S::kPe>);
    FL_STREAM(2, squeezed3x3, B::Name(), ".in", Token<typename S::Output, S::kPe>);
    FL_STREAM(L::kExpand1x1Depth, resized1x1, A::Name(), ".resized", Token<typename S::Output, A::kSimd>);
    FL_STREAM(L::kExpand3x3Depth, resized3x3, B::Name(), ".resized", Token<typename S::Output, B::kSimd>);
    FL_STREAM(2, expanded1x1, A::Name(), "", Token<typename A::Output, A::kPe>);
    FL_STREAM(2, expanded3x3, B::Name(), "", Token<typename B::Output, B::kPe>);
    FL_STREAM(L::kConcat1x1Depth, joined1x1, A::Name(), ".out", Token<typename L::Output, L::kLanes>);
    FL_STREAM(L::kConcat3x3Depth, joined3x3, B::Name(), ".out", Token<typename L::Output, L::kLanes>);

    FL_PROCESS(mvu<S, SqueezeRule>(input, squeezed, squeeze_weights, squeeze_bias));
    FL_PROCESS(fork<kSqueezed / S::kPe>(squeezed, squeezed1x1, squeezed3x3));
    FL_PROCESS(resize<kSqueezed>(squeezed1x1, resized1x1));
    FL_PROCESS(mvu<A, Expand1x1Rule>(resized1x1, expanded1x1, expand1x1_weights, expand1x1_bias));
    FL_PROCESS(resize<kSqueezed>(squeezed3x3, resized3x3));
    FL_PROCESS(conv2d<B, Expand3x3Rule>(resized3x3, expanded3x3, expand3x3_weights, expand3x3_bias));
    FL_PROCESS(resize<kPixels * A::kOutChannels>(expanded1x1, joined1x1));
    FL_PROCESS(resize<kPixels * B::kOutChannels>(expanded3x3, joined3x3));
    FL_PROCESS(concat<kPixels, (A::kOutChannels + B::kOutChannels) / L::kLanes, A::kOutChannels / L::kLanes,
                      B::kOutChannels / L::kLanes>(output, joined1x1, joined3x3));
}

}  // namespace fl

#endif  // FIRELINE_FIRE_H_
