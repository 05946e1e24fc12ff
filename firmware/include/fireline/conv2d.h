// Convolution: a line buffer in front of a matrix-vector unit. A 1x1 kernel with stride 1 and no padding is its own
// window and needs the matrix-vector unit alone (mvu.h).
#ifndef FIRELINE_CONV2D_H_
#define FIRELINE_CONV2D_H_

#include "line_buffer.h"
#include "mvu.h"

namespace fl {

template <class L, class R>
void conv2d(Stream<Token<typename L::Input, L::kSimd>>& input, Stream<Token<typename L::Output, L::kPe>>& output,
            const PackedRom<L>& rom, const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    FL_DATAFLOW
    FL_STREAM(2, windows, L::Name(), ".windows", Token<typename L::Input, L::kTerms>);
    FL_PROCESS(line_buffer<L>(input, windows));
    FL_PROCESS(mvu<L, R>(windows, output, rom, bias));
}

}  // namespace fl

#endif  // FIRELINE_CONV2D_H_
