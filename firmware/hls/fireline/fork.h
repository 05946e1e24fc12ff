// One stream to every reader of a tensor.
#ifndef FIRELINE_FORK_H_
#define FIRELINE_FORK_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

template <int TOKENS, class T, class... Outputs>
void fork(Stream<T>& input, Outputs&... outputs) {
    for (int i = 0; i < TOKENS; ++i) {
        FL_PIPELINE(1)
        const T token = input.read();
        const int written[] = {(outputs.write(token), 0)...};
        static_cast<void>(written);
    }
}

}  // namespace fl

#endif  // FIRELINE_FORK_H_
