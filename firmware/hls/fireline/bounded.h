// The bounded C-simulation (FL_BOUNDED): processes run side by side, and a stream holds exactly as many tokens as its
// depth. What would stop the hardware for ever stops the program, with the name of the stream.
//
// The model is that of the dataflow simulator. An iteration of a pipelined loop is a step: it happens when every stream
// that it reads holds a token and every stream that it writes has room, all at once, one cycle or more after the step
// before, after the tokens are there and after the room was made. A token is on its way through the pipeline, and has its
// room, for as many cycles as the project says of its stream. A pipeline of hardware takes room only when it writes: it is
// never later than this one (docs/cost-model.md).
//
// Processes are fibers of one thread, each with its stack. One gives way only when it must wait, so every run is the same,
// and when none can go on, that is a deadlock.
#ifndef FIRELINE_BOUNDED_H_
#define FIRELINE_BOUNDED_H_

#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace fl {

constexpr std::size_t kUnbounded = std::size_t(-1);
constexpr std::size_t kDefaultDepth = 2;  // of an hls::stream
constexpr std::size_t kStackBytes = std::size_t(1) << 20;

class Channel;

// A process, or the test bench.
struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    std::function<void()> body;
    Fiber* parent = nullptr;
    std::size_t children = 0;
    bool has_region = false;              // the processes of its dataflow region do the work
    std::int64_t now = -1;                // cycle of the last step
    std::vector<Channel*> reads, writes;  // of the step that is being made
    const Channel* starved_by = nullptr;  // the empty stream that it waits for
};

// Whose turn it is. The test bench is a fiber without a body.
struct Machine {
    Fiber bench;
    Fiber* current = &bench;
    std::deque<Fiber*> ready;
    std::vector<const Channel*> channels;
    std::map<std::string, std::size_t> depths;  // instead of the design's, by stream
    std::map<std::string, int> latencies;       // of the pipelines in front of streams
    std::set<std::string> used;                 // names of all streams so far
    int images = 1;                             // that every process works on, one right after the other

    void wake(Fiber*& fiber) {
        if (fiber) ready.push_back(fiber);
        fiber = nullptr;
    }
    inline void wait();
    [[noreturn]] inline void report_deadlock() const;
};

inline Machine& machine() {
    static Machine only;
    return only;
}

// What a stream is apart from its tokens: when each of them, and the room for each, was there.
class Channel {
  public:
    Channel(const std::string& name, const std::size_t depth) : name_(name) {
        const auto other = machine().depths.find(name);
        depth_ = other == machine().depths.end() ? depth : other->second;
        const auto latency = machine().latencies.find(name);
        if (latency != machine().latencies.end()) latency_ = latency->second;
        machine().used.insert(name);
        if (depth_ != kUnbounded) room_.assign(depth_, -1);
        machine().channels.push_back(this);
    }
    ~Channel() {
        std::vector<const Channel*>& all = machine().channels;
        all.erase(std::find(all.begin(), all.end(), this));
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    const std::string& name() const { return name_; }
    std::size_t depth() const { return depth_; }
    bool empty() const { return tokens_.empty(); }
    bool full() const { return depth_ != kUnbounded && room_.empty(); }

    // Who waits for room, and who read it last.
    const Fiber* writer() const { return writer_; }
    const Fiber* reader() const { return reader_; }

    void await_token() {
        Machine& m = machine();
        reader_ = m.current;
        while (empty()) {
            m.current->starved_by = this;
            waits_for_token_ = m.current;
            m.wait();
            m.current->starved_by = nullptr;
        }
    }
    void await_room() {
        while (full()) {
            writer_ = machine().current;
            machine().wait();
        }
    }

    std::int64_t token_time() const { return tokens_.front(); }
    std::int64_t room_time() const { return depth_ == kUnbounded ? -1 : room_.front(); }

    void take(const std::int64_t now) {
        tokens_.pop_front();
        if (depth_ != kUnbounded) room_.push_back(now);
        machine().wake(writer_);
    }
    void give(const std::int64_t now) {
        if (depth_ != kUnbounded) room_.pop_front();
        tokens_.push_back(now + latency_);
        machine().wake(waits_for_token_);
    }

  private:
    std::string name_;
    std::size_t depth_;
    int latency_ = 0;
    std::deque<std::int64_t> tokens_, room_;  // cycles in which each was there, or made free
    Fiber* waits_for_token_ = nullptr;
    Fiber* writer_ = nullptr;  // waits for room
    Fiber* reader_ = nullptr;  // the last to read
};

inline void Machine::wait() {
    Fiber* const self = current;
    if (ready.empty()) report_deadlock();
    current = ready.front();
    ready.pop_front();
    if (current != self) swapcontext(&self->context, &current->context);
}

// Names the full streams between a fork and where its branches meet, when the reader there waits for another stream.
inline void Machine::report_deadlock() const {
    const auto is_full = [](const Channel* const channel) { return channel->full(); };
    for (const Channel* last : channels) {
        const Channel* const awaited = last->reader() ? last->reader()->starved_by : nullptr;
        if (!last->writer() || (last->reader() && !awaited)) continue;
        std::string text = awaited ? ", and its reader waits for stream " + awaited->name() : ", and nothing reads it";
        while (last) {
            const Fiber* const writer = last->writer();
            text = last->name() + " is full at " + std::to_string(last->depth()) + text;
            const bool is_fork = !std::all_of(writer->writes.begin(), writer->writes.end(), is_full);
            const auto before = std::find_if(channels.begin(), channels.end(), [&](const Channel* const channel) {
                return channel->writer() && channel->reader() == writer;
            });
            last = is_fork || before == channels.end() ? nullptr : *before;
            text = (last ? ", " : "deadlock: stream ") + text;
        }
        std::fprintf(stderr, "%s\n", text.c_str());
        std::exit(3);
    }
    std::fprintf(stderr, "deadlock: every process waits for input\n");
    std::exit(3);
}

// One iteration of a pipelined loop, from FL_PIPELINE to the end of its scope. The test bench makes no steps.
class Step {
  public:
    Step() {
        Fiber& fiber = *machine().current;
        fiber.reads.clear();
        fiber.writes.clear();
    }
    ~Step() {
        Fiber& fiber = *machine().current;
        for (Channel* const output : fiber.writes) output->await_room();
        std::int64_t now = fiber.now;
        for (const Channel* const input : fiber.reads) now = std::max(now, input->token_time());
        for (const Channel* const output : fiber.writes) now = std::max(now, output->room_time());
        fiber.now = ++now;
        for (Channel* const input : fiber.reads) input->take(now);
        for (Channel* const output : fiber.writes) output->give(now);
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
};

// A dataflow region: its end waits for the processes that were started in it.
class Region {
  public:
    Region() : parent_(machine().current) { parent_->has_region = true; }
    ~Region() {
        while (parent_->children) machine().wait();
    }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;

    void start(std::function<void()> body) {
        std::unique_ptr<Fiber> fiber(new Fiber);
        fiber->body = std::move(body);
        fiber->parent = parent_;
        fiber->stack.reset(new char[kStackBytes]);
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = fiber->stack.get();
        fiber->context.uc_stack.ss_size = kStackBytes;
        fiber->context.uc_link = nullptr;
        makecontext(&fiber->context, &Region::run, 0);
        ++parent_->children;
        machine().ready.push_back(fiber.get());
        fibers_.push_back(std::move(fiber));
    }

  private:
    // What a fiber does. A process without a region of its own does its work for every image.
    static void run() {
        Fiber& self = *machine().current;
        for (int image = 0; image < machine().images && !(image && self.has_region); ++image) self.body();
        Fiber* parent = --self.parent->children ? nullptr : self.parent;
        machine().wake(parent);
        machine().wait();
    }

    Fiber* parent_;
    std::vector<std::unique_ptr<Fiber>> fibers_;
};

template <class Word>
class Stream : public Channel {
  public:
    explicit Stream(const std::string& name, const std::size_t depth = kDefaultDepth) : Channel(name, depth) {}

    std::size_t unread() const { return words_.size() - next_; }
    const std::vector<Word>& words() const { return words_; }

    void write(const Word& word) {
        words_.push_back(word);
        Machine& m = machine();
        if (m.current == &m.bench) {
            give(-1);
        } else {
            m.current->writes.push_back(this);
        }
    }

    Word read() {
        await_token();
        Machine& m = machine();
        if (m.current == &m.bench) {
            m.bench.now = token_time();
            take(m.bench.now);
        } else {
            m.current->reads.push_back(this);
        }
        return words_[next_++];
    }

  private:
    std::vector<Word> words_;  // all so far
    std::size_t next_ = 0;
};

}  // namespace fl

#endif  // FIRELINE_BOUNDED_H_
