// Streams between processes: hls::stream under Vitis, otherwise a log of all tokens with a read position.
//
// C-simulation runs the processes one after the other, so after an image every stream still holds the whole tensor
// that went through it; the test bench finds the streams by name and compares them. A log begins anew when a token is
// written after all were read. Reading an empty stream stops the program with the stream's name.
//
// With FL_BOUNDED the processes run side by side, and a stream has its depth: bounded.h.
#ifndef FIRELINE_STREAM_H_
#define FIRELINE_STREAM_H_

#include "types.h"

#if defined(FL_VITIS)

#include <hls_stream.h>

namespace fl {

template <class T>
using Stream = hls::stream<T>;

}  // namespace fl

// A stream between two processes of a dataflow region, `depth` tokens deep.
#define FL_STREAM(depth, variable, name, part, ...) hls::stream<__VA_ARGS__, depth> variable(name)

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
    for (const T& lane : token.lane) values.push_back(static_cast<std::int64_t>(lane));
}

}  // namespace fl

#if defined(FL_BOUNDED)

#include "bounded.h"

#define FL_STREAM(depth, variable, name, part, ...) static fl::Stream<__VA_ARGS__> variable(name, part, depth)

#else

namespace fl {

template <class T>
class Stream {
  public:
    explicit Stream(const char* name) : name_(name) {}

    // A named stream is recorded for the test bench and lives as long as the program.
    Stream(const char* name, const char* part) : name_(std::string(name) + part) {
        stream_records().push_back({name_, this, &unread, &copy});
    }

    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    bool empty() const { return next_ == log_.size(); }

    void write(const T& token) {
        if (empty()) {
            log_.clear();
            next_ = 0;
        }
        log_.push_back(token);
    }

    T read() {
        if (empty()) {
            std::fprintf(stderr, "stream %s: read while empty\n", name_.c_str());
            std::exit(3);
        }
        return log_[next_++];
    }

  private:
    static std::size_t unread(const void* stream) {
        const Stream& self = *static_cast<const Stream*>(stream);
        return self.log_.size() - self.next_;
    }

    static void copy(const void* stream, std::vector<std::int64_t>& values) {
        values.clear();
        for (const T& token : static_cast<const Stream*>(stream)->log_) append_values(token, values);
    }

    std::string name_;
    std::vector<T> log_;
    std::size_t next_ = 0;
};

}  // namespace fl

#define FL_STREAM(depth, variable, name, part, ...) static fl::Stream<__VA_ARGS__> variable(name, part)

#endif
#endif
#endif  // FIRELINE_STREAM_H_
