// The same channels in tokens of another width. Where neither width divides the other, through their lowest common
// multiple.
#ifndef FIRELINE_RESIZE_H_
#define FIRELINE_RESIZE_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

struct Widen {};
struct Narrow {};
struct Common {};

constexpr int greatest_common_divisor(const int a, const int b) {
    return b == 0 ? a : greatest_common_divisor(b, a % b);
}

template <int VALUES, class T, int FROM, int TO>
void resize(Widen, Stream<Token<T, FROM>>& input, Stream<Token<T, TO>>& output) {
    Token<T, TO> token;
    for (int i = 0; i < VALUES / TO; ++i) {
        for (int part = 0; part < TO / FROM; ++part) {
            FL_PIPELINE(1)
            const Token<T, FROM> x = input.read();
            for (int lane = 0; lane < FROM; ++lane) token.lane[part * FROM + lane] = x.lane[lane];
            if (part == TO / FROM - 1) output.write(token);
        }
    }
}

template <int VALUES, class T, int FROM, int TO>
void resize(Narrow, Stream<Token<T, FROM>>& input, Stream<Token<T, TO>>& output) {
    Token<T, FROM> token;
    for (int i = 0; i < VALUES / FROM; ++i) {
        for (int part = 0; part < FROM / TO; ++part) {
            FL_PIPELINE(1)
            if (part == 0) token = input.read();
            Token<T, TO> x;
            for (int lane = 0; lane < TO; ++lane) x.lane[lane] = token.lane[part * TO + lane];
            output.write(x);
        }
    }
}

template <int VALUES, class T, int FROM, int TO>
void resize(Common, Stream<Token<T, FROM>>& input, Stream<Token<T, TO>>& output) {
    Stream<Token<T, FROM / greatest_common_divisor(FROM, TO) * TO>> common("resize");
    FL_DATAFLOW
    FL_PROCESS(resize<VALUES>(Widen(), input, common));
    FL_PROCESS(resize<VALUES>(Narrow(), common, output));
}

// VALUES: all values of the tensor.
template <int VALUES, class T, int FROM, int TO>
void resize(Stream<Token<T, FROM>>& input, Stream<Token<T, TO>>& output) {
    FL_INLINE
    using Way = typename std::conditional<TO % FROM == 0, Widen,
                                          typename std::conditional<FROM % TO == 0, Narrow, Common>::type>::type;
    resize<VALUES>(Way(), input, output);
}

}  // namespace fl

#endif  // FIRELINE_RESIZE_H_
