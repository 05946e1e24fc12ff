// The same channels in tokens of another width. Where neither width divides the other, both one after the other.
#ifndef FIRELINE_RESIZE_H_
#define FIRELINE_RESIZE_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

// TOKENS of FROM lanes become tokens of TO.
template <int TOKENS, class T, int FROM, int TO>
void widen(Stream<Token<T, FROM>>& input, Stream<Token<T, TO>>& output) {
    T wide[TO];
    FL_PARTITION(wide, 1)
    Counter<0, TO> first = 0;
    for (int i = 0; i < TOKENS / (TO / FROM); ++i) {
        for (int part = 0; part < TO / FROM; ++part) {
            FL_PIPELINE(1)
            T narrow[FROM];
            FL_PARTITION(narrow, 1)
            unpack(input.read(), narrow);
            if (part == 0) first = 0;
            for (int lane = 0; lane < FROM; ++lane) wide[first + lane] = narrow[lane];
            first = first + FROM;
            if (part == TO / FROM - 1) output.write(pack(wide));
        }
    }
}

template <int TOKENS, class T, int FROM, int TO>
void narrow(Stream<Token<T, FROM>>& input, Stream<Token<T, TO>>& output) {
    T wide[FROM];
    FL_PARTITION(wide, 1)
    Counter<0, FROM> first = 0;
    for (int i = 0; i < TOKENS; ++i) {
        for (int part = 0; part < FROM / TO; ++part) {
            FL_PIPELINE(1)
            if (part == 0) {
                unpack(input.read(), wide);
                first = 0;
            }
            T narrow[TO];
            FL_PARTITION(narrow, 1)
            for (int lane = 0; lane < TO; ++lane) narrow[lane] = wide[first + lane];
            first = first + TO;
            output.write(pack(narrow));
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_RESIZE_H_
