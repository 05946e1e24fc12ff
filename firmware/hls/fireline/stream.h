// Streams between processes: hls::stream under Vitis, otherwise a log of all tokens with a read position.
//
// C-simulation runs the processes one after the other, so after an image every stream still holds the whole tensor
// that went through it; the test bench finds the streams by name and compares them. A log begins anew when a token is
// written after all were read. Reading an empty stream stops the program with the stream's name.
//
// With FL_BOUNDED the processes run side by side, and a stream has its depth: bounded.h.
#ifndef FIRELINE_STREAM_H_
#define FIRELINE_STREAM_H_

#include "pragmas.h"
#include "types.h"

// FL_STREAM(depth, resource, variable, name, T, LANES): a stream between two processes of a dataflow region, `depth` tokens
// deep, in shift registers (srl) or block RAM (bram).

#if defined(FL_VITIS)

#include <hls_stream.h>

namespace fl {

template <class T>
using Stream = hls::stream<T>;

}  // namespace fl

#define FL_STREAM(tokens, resource, variable, name, T, LANES) \
    hls::stream<fl::Token<T, LANES>> variable(name);          \
    FL_STREAM_DEPTH(variable, tokens)                         \
    FL_BIND_STORAGE(variable, fifo, resource)

#else

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace fl {

// A named stream as the test bench sees it.
struct StreamRecord {
    std::string name;
    const void* stream;
    std::size_t (*unread)(const void* stream);
    void (*copy)(const void* stream, std::vector<std::int64_t>& values);
};

// All named streams that have been used so far.
inline std::vector<StreamRecord>& stream_records() {
    static std::vector<StreamRecord> records;
    return records;
}

template <class T, int LANES>
void append_values(const Token<T, LANES>& token, std::vector<std::int64_t>& values) {
    T lanes[LANES];
    unpack(token, lanes);
    for (const T& lane : lanes) values.push_back(static_cast<std::int64_t>(lane));
}

}  // namespace fl

#if defined(FL_BOUNDED)

#include "bounded.h"

#else

namespace fl {

template <class Word>
class Stream {
  public:
    explicit Stream(const char* name) : name_(name) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    const std::string& name() const { return name_; }
    bool empty() const { return next_ == log_.size(); }
    std::size_t unread() const { return log_.size() - next_; }
    const std::vector<Word>& words() const { return log_; }

    void write(const Word& word) {
        if (empty()) {
            log_.clear();
            next_ = 0;
        }
        log_.push_back(word);
    }

    Word read() {
        if (empty()) {
            std::fprintf(stderr, "stream %s: read while empty\n", name_.c_str());
            std::exit(3);
        }
        return log_[next_++];
    }

  private:
    std::string name_;
    std::vector<Word> log_;
    std::size_t next_ = 0;
};

}  // namespace fl

#endif

namespace fl {

// A stream of tokens that is recorded for the test bench. It lives as long as the program.
template <class T, int LANES>
class RecordedStream : public Stream<Token<T, LANES>> {
  public:
    template <class... Depth>
    explicit RecordedStream(const char* name, const Depth... depth) : Stream<Token<T, LANES>>(name, depth...) {
        stream_records().push_back({name, this, &unread_words, &copy_values});
    }

  private:
    static std::size_t unread_words(const void* stream) { return static_cast<const RecordedStream*>(stream)->unread(); }

    static void copy_values(const void* stream, std::vector<std::int64_t>& values) {
        values.clear();
        for (const Token<T, LANES>& token : static_cast<const RecordedStream*>(stream)->words())
            append_values<T, LANES>(token, values);
    }
};

}  // namespace fl

#if defined(FL_BOUNDED)
#define FL_STREAM(tokens, resource, variable, name, T, LANES) \
    static fl::RecordedStream<T, LANES> variable(name, tokens)
#else
#define FL_STREAM(tokens, resource, variable, name, T, LANES) \
    static fl::RecordedStream<T, LANES> variable(name)
#endif

#endif
#endif  // FIRELINE_STREAM_H_
