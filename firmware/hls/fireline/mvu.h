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

template <class L>
using Sums = typename L::Accumulator[Turn<L>::kFolds][L::kPe];

template <class L>
using Terms = typename L::Input[Turn<L>::kTerms];

// The words of a window, for the folds after the first.
template <class L>
using Window = Token<typename L::Input, L::kTerms>[Turn<L>::kAllTokens];

// acc[p] += sum over s of weight[p][s] * x[s], in three orders: the first two are one and the same adder tree in
// hardware, of which a compiler vectorises one or the other; in the third, `kShared` outputs share a DSP slice.
struct TermsInner {
    template <class L, class Rom>
    static void multiply_accumulate(Sums<L>& acc, const Rom& rom, const int turn, const Terms<L>& x) {
        FL_INLINE
        using Wide = typename L::Accumulator;
        for (int fold = 0; fold < Turn<L>::kFolds; ++fold) {
            for (int p = 0; p < L::kPe; ++p) {
                Wide sum = 0;
                FL_LANES
                for (int s = 0; s < Turn<L>::kTerms; ++s)
                    sum += L::Multiplier::template multiply<Wide>(weight<L>(rom, turn, fold * L::kPe + p, s), x[s]);
                acc[fold][p] += sum;
            }
        }
    }
};

struct OutputsInner {
    template <class L, class Rom>
    static void multiply_accumulate(Sums<L>& acc, const Rom& rom, const int turn, const Terms<L>& x) {
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
                sum[p] += L::Multiplier::template multiply<Wide>(weight<L>(rom, turn, p, s), wide[s]);
        }
        for (int fold = 0; fold < Turn<L>::kFolds; ++fold) {
            FL_LANES
            for (int p = 0; p < L::kPe; ++p) acc[fold][p] += sum[fold * L::kPe + p];
        }
    }
};

struct SharedProducts {
    template <class L, class Rom>
    static void multiply_accumulate(Sums<L>& acc, const Rom& rom, const int turn, const Terms<L>& x) {
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
                    if (first + i < L::kPe) weights[i] = weight<L>(rom, turn, first + i, s);
                }
                multiply_shared<L::kShared, L::kSpacing, L::kWeightBits>(weights, x[s], products);
                for (int i = 0; i < L::kShared; ++i)
                    if (first + i < L::kPe) sum[first + i] += products[i];
            }
        }
        for (int p = 0; p < L::kPe; ++p) acc[0][p] += sum[p];
    }
};

template <class L>
using LoopOrder = typename std::conditional<
    kAsHardware && (L::kShared > 1), SharedProducts,
    typename std::conditional<terms_are_inner<L>(), TermsInner, OutputsInner>::type>::type;

template <class L, class R, class Rom>
void multiply_windows(Stream<Token<typename L::Input, L::kTerms>>& windows,
                      Stream<Token<typename L::Output, L::kPe>>& output, Window<L>& window, const Rom& rom,
                      const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    FL_INLINE
    using T = Turn<L>;
    Sums<L> acc;
    FL_PARTITION(acc, 0)

    Counter<0, T::kTurns - 1> turn = 0;
    Counter<0, L::kFolds - 1> fold = 0;
    for (int pixel = 0; pixel < L::kOutHeight * L::kOutWidth; ++pixel) {
        for (int group = 0; group < L::kGroups; ++group) {
            for (int group_fold = 0; group_fold < T::kAllFolds; group_fold += T::kFolds) {
                for (int step = 0; step < T::kAllTokens; step += T::kTokens) {
                    FL_PIPELINE(1)
                    Terms<L> x;
                    FL_PARTITION(x, 1)
                    for (int i = 0; i < T::kTokens; ++i) {
                        Token<typename L::Input, L::kTerms> token;
                        if (group_fold == 0) {
                            token = windows.read();
                            if (T::kAllFolds > T::kFolds) window[step + i] = token;
                        } else {
                            token = window[step + i];
                        }
                        typename L::Input terms[L::kTerms];
                        FL_PARTITION(terms, 1)
                        unpack(token, terms);
                        for (int s = 0; s < L::kTerms; ++s) x[i * L::kTerms + s] = terms[s];
                    }
                    if (step == 0) {
                        for (int i = 0; i < T::kFolds; ++i) {
                            FL_LANES
                            for (int p = 0; p < L::kPe; ++p) acc[i][p] = bias[fold + i][p];
                        }
                    }
                    LoopOrder<L>::template multiply_accumulate<L>(acc, rom, turn, x);
                    turn = wrap(turn + 1, T::kTurns);
                    if (step + T::kTokens == T::kAllTokens) {
                        // Apart from the writes: a compiler vectorises all outputs, also where a token has few lanes.
                        typename L::Output result[T::kFolds][L::kPe];
                        FL_PARTITION(result, 0)
                        for (int i = 0; i < T::kFolds; ++i) {
                            for (int p = 0; p < L::kPe; ++p)
                                result[i][p] = R::Method::template requantize<R>(acc[i][p], fold + i, p);
                        }
                        for (int i = 0; i < T::kFolds; ++i) output.write(pack(result[i]));
                        fold = wrap(fold + T::kFolds, L::kFolds);
                    }
                }
            }
        }
    }
}

// With constant weights.
template <class L, class R>
void mvu(Stream<Token<typename L::Input, L::kTerms>>& windows, Stream<Token<typename L::Output, L::kPe>>& output,
         Window<L>& window, const PackedRom<L>& packed, const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    FL_INLINE
    FL_ROM(L, rom, packed);
    multiply_windows<L, R>(windows, output, window, rom, bias);
}

// With weights that arrive before the first image.
template <class L, class R>
void mvu(Stream<Token<typename L::Input, L::kTerms>>& windows, Stream<Token<typename L::Output, L::kPe>>& output,
         Window<L>& window, Stream<WeightWord>& words, PackedRom<L>& memory,
         const typename L::Accumulator (&bias)[L::kFolds][L::kPe]) {
    FL_INLINE
    static bool is_loaded = false;
    if (!is_loaded) load<L>(words, memory);
    is_loaded = true;
    FL_ROM(L, rom, memory);
    multiply_windows<L, R>(windows, output, window, rom, bias);
}

}  // namespace fl

#endif  // FIRELINE_MVU_H_
