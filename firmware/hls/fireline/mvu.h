// Matrix-vector unit: windows to output pixels. Every cycle multiplies the `kTerms` values of a window's token (kSimd
// channels of kRows pixels) with the weights of `kPe` outputs.
//
// A window arrives once and is kept while the other folds of its outputs are computed.
#ifndef FIRELINE_MVU_H_
#define FIRELINE_MVU_H_

#include "loaded.h"
#include "multiply.h"
#include "pragmas.h"
#include "requantize.h"
#include "rom.h"
#include "stream.h"

namespace fl {

// acc[p] += sum over s of weight[p][s] * x[s], in three orders: the first two are one and the same adder tree in
// hardware, of which a compiler vectorises one or the other; in the third, `kShared` outputs share a DSP slice.
struct TermsInner {};
struct OutputsInner {};
struct SharedProducts {};

template <class L>
using LoopOrder = typename std::conditional<
    kAsHardware && (L::kShared > 1), SharedProducts,
    typename std::conditional<terms_are_inner<L>(), TermsInner, OutputsInner>::type>::type;

template <class L>
using Sums = typename L::Accumulator[Turn<L>::kFolds][L::kPe];

template <class L>
using Terms = typename L::Input[Turn<L>::kTerms];

template <class L, class Rom>
void multiply_accumulate(TermsInner, Sums<L>& acc, const Rom& rom, const int row, const Terms<L>& x) {
    FL_INLINE
    for (int fold = 0; fold < Turn<L>::kFolds; ++fold) {
        for (int p = 0; p < L::kPe; ++p) {
            typename L::Accumulator sum = 0;
            FL_LANES
            for (int s = 0; s < Turn<L>::kTerms; ++s)
                sum += multiply<typename L::Accumulator>(typename L::Multiplier(),
                                                         weight<L>(rom, row, fold * L::kPe + p, s), x[s]);
            acc[fold][p] += sum;
        }
    }
}

template <class L, class Rom>
void multiply_accumulate(OutputsInner, Sums<L>& acc, const Rom& rom, const int row, const Terms<L>& x) {
    FL_INLINE
    using Wide = typename L::Accumulator;
    constexpr int kOutputs = row_outputs<L>();
    Wide sum[kOutputs];
    FL_PARTITION(sum, 1)
    FL_LANES
    for (int p = 0; p < kOutputs; ++p) sum[p] = 0;
    Operand<Wide, typename L::Input> wide[Turn<L>::kTerms];
    FL_PARTITION(wide, 1)
    FL_LANES
    for (int s = 0; s < Turn<L>::kTerms; ++s) wide[s] = x[s];
    for (int s = 0; s < Turn<L>::kTerms; ++s) {
        FL_LANES
        for (int p = 0; p < kOutputs; ++p)
            sum[p] += multiply<Wide>(typename L::Multiplier(), weight<L>(rom, row, p, s), wide[s]);
    }
    for (int fold = 0; fold < Turn<L>::kFolds; ++fold) {
        FL_LANES
        for (int p = 0; p < L::kPe; ++p) acc[fold][p] += sum[fold * L::kPe + p];
    }
}

template <class L, class Rom>
void multiply_accumulate(SharedProducts, Sums<L>& acc, const Rom& rom, const int row, const Terms<L>& x) {
    FL_INLINE
    typename L::Accumulator sum[L::kPe];
    FL_PARTITION(sum, 1)
    for (int p = 0; p < L::kPe; ++p) sum[p] = 0;
    for (int first = 0; first < L::kPe; first += L::kShared) {
        for (int s = 0; s < L::kTerms; ++s) {
            typename L::Weight weights[L::kShared];
            std::int64_t products[L::kShared];
            FL_PARTITION(weights, 1)
            FL_PARTITION(products, 1)
            for (int i = 0; i < L::kShared; ++i) {
                weights[i] = 0;
                if (first + i < L::kPe) weights[i] = weight<L>(rom, row, first + i, s);
            }
            multiply_shared<L::kShared, L::kSpacing, L::kWeightBits>(weights, x[s], products);
            for (int i = 0; i < L::kShared; ++i)
                if (first + i < L::kPe) sum[first + i] += products[i];
        }
    }
    for (int p = 0; p < L::kPe; ++p) acc[0][p] += sum[p];
}

template <class L, class R, class Rom>
void multiply_windows(Stream<Token<typename L::Input, L::kTerms>>& windows,
                      Stream<Token<typename L::Output, L::kPe>>& output, const Rom& rom,
                      const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    FL_INLINE
    using T = Turn<L>;
    FL_PARTITION(bias, 2)
    static Token<typename L::Input, L::kTerms> window[T::kAllTokens];
    Sums<L> acc = {};
    FL_PARTITION(acc, 0)

    for (int pixel = 0; pixel < L::kOutHeight * L::kOutWidth; ++pixel) {
        for (int group = 0; group < L::kGroups; ++group) {
            for (int group_fold = 0; group_fold < T::kAllFolds; group_fold += T::kFolds) {
                for (int step = 0; step < T::kAllTokens; step += T::kTokens) {
                    FL_PIPELINE(1)
                    const int fold = group * T::kAllFolds + group_fold;
                    Terms<L> x;
                    FL_PARTITION(x, 1)
                    for (int i = 0; i < T::kTokens; ++i) {
                        const Token<typename L::Input, L::kTerms> token =
                            group_fold == 0 ? windows.read() : window[step + i];
                        if (group_fold == 0) window[step + i] = token;
                        for (int s = 0; s < L::kTerms; ++s) x[i * L::kTerms + s] = token.lane[s];
                    }
                    if (step == 0) {
                        for (int i = 0; i < T::kFolds; ++i) {
                            FL_LANES
                            for (int p = 0; p < L::kPe; ++p) acc[i][p] = bias[fold + i][p];
                        }
                    }
                    multiply_accumulate<L>(LoopOrder<L>(), acc, rom, fold * T::kAllTokens + step, x);
                    if (step + T::kTokens == T::kAllTokens) {
                        for (int i = 0; i < T::kFolds; ++i) output.write(requantize<R>(acc[i], fold + i));
                    }
                }
            }
        }
    }
}

// With constant weights.
template <class L, class R>
void mvu(Stream<Token<typename L::Input, L::kTerms>>& windows, Stream<Token<typename L::Output, L::kPe>>& output,
         const PackedRom<L>& packed, const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    FL_ROM(L, rom, packed);
    multiply_windows<L, R>(windows, output, rom, bias);
}

// With weights that arrive before the first image.
template <class L, class R>
void mvu(Stream<Token<typename L::Input, L::kTerms>>& windows, Stream<Token<typename L::Output, L::kPe>>& output,
         Stream<WeightWord>& words, const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    static PackedRom<L> memory;
    static bool is_loaded = false;
    FL_BIND_STORAGE(memory, ram_s2p, uram)
    if (!is_loaded) load<L>(words, memory);
    is_loaded = true;
    FL_ROM(L, rom, memory);
    multiply_windows<L, R>(windows, output, rom, bias);
}

}  // namespace fl

#endif  // FIRELINE_MVU_H_
