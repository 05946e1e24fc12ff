// Convolution: a line buffer in front of a matrix-vector unit. A 1x1 kernel with stride 1 and no padding is its own
// window and needs the matrix-vector unit alone (mvu.h).
#ifndef FIRELINE_CONV2D_H_
#define FIRELINE_CONV2D_H_

#include "line_buffer.h"
#include "mvu.h"

namespace fl {

// Weights: what mvu.h takes, constant memories or streams that fill them.
template <class L, class R, class Weights>
void conv2d(Stream<Token<typename L::Input, L::kSimd>>& input, Stream<Token<typename L::Output, L::kPe>>& output,
            Weights& weights, const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    FL_DATAFLOW
    FL_STREAM(2, windows, L::Name(), ".windows", Token<typename L::Input, L::kTerms>);
    FL_PROCESS(line_buffer<L>(input, windows));
    FL_PROCESS(mvu<L, R>(windows, output, weights, bias));
}

}  // namespace fl

#endif  // FIRELINE_CONV2D_H_
