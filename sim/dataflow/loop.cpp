// The loop of the dataflow simulator, compiled when it is first needed (sim/dataflow/native.py). What it computes is in sim/dataflow/simulator.py.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr int kPorts = 4;  // each way, as in steps.py: bit i of a step reads input i, bit 4 + i writes output i

struct Process {
    const std::uint8_t* steps;  // of one image
    std::int64_t length;
    std::int64_t place;  // in `steps`
    std::int64_t frame;
    const std::int32_t* fifos;  // of its ports
    std::uint8_t ready;         // ports that have a token, or room, at the beginning of the cycle
};

struct Fifo {
    std::int64_t depth;
    std::int64_t delay;   // from a step that writes to the end of the cycle in which its token is there
    std::int64_t taken;   // places, by tokens that are there or on their way
    std::int64_t tokens;  // that are there
    std::int64_t peak;    // of `taken`
    Process* producer;
    Process* consumer;
    std::uint8_t producer_bit;
    std::uint8_t consumer_bit;

    void show() {
        producer->ready = taken < depth ? producer->ready | producer_bit : producer->ready & ~producer_bit;
        consumer->ready = tokens > 0 ? consumer->ready | consumer_bit : consumer->ready & ~consumer_bit;
    }
};

}  // namespace

// Runs `frames` images. `steps[p]` holds `lengths[p]` steps of process p, `ports` 2 * kPorts FIFOs of each process, -1 for
// none, `delays` the cycles that a token is on its way into each FIFO. Fills `begins` and `ends` (processes, frames) with
// the cycles of each image's first step and behind its last, `written` with those behind the last step that writes, or
// the last of all where none does, `peaks` (fifos) with the most places taken, and, where `times` is given, `times[p]`
// (frames * lengths[p]) with the cycle of every step. Returns whether the images were finished; if not, `peaks` tells
// which FIFOs are full in the end: 1 if so, else 0.
extern "C" bool fireline_dataflow(std::int32_t processes, std::int32_t fifos, std::int64_t frames,
                                  const std::uint8_t* const* steps, const std::int64_t* lengths,
                                  const std::int32_t* ports, const std::int64_t* depths, const std::int64_t* delays,
                                  std::int64_t* begins, std::int64_t* ends, std::int64_t* written, std::int64_t* peaks,
                                  std::int32_t* const* times) {
    std::vector<Process> all(processes);
    std::vector<Fifo> streams(fifos);
    std::int64_t longest = 0;
    for (std::int32_t f = 0; f < fifos; ++f) {
        streams[f].depth = depths[f];
        streams[f].delay = delays[f];
        longest = std::max(longest, delays[f]);
    }
    for (std::int32_t p = 0; p < processes; ++p) {
        const std::int32_t* own = ports + std::int64_t{p} * 2 * kPorts;
        all[p] = {steps[p], lengths[p], 0, 0, own, 0};
        for (int port = 0; port < 2 * kPorts; ++port) {
            if (own[port] < 0) continue;
            Fifo& stream = streams[own[port]];
            const auto bit = static_cast<std::uint8_t>(1 << port);
            (port < kPorts ? stream.consumer : stream.producer) = &all[p];
            (port < kPorts ? stream.consumer_bit : stream.producer_bit) = bit;
        }
    }
    for (Fifo& stream : streams) stream.show();

    // The FIFOs that a token reaches at the end of a cycle, by that cycle modulo their number.
    std::vector<std::vector<Fifo*>> arrivals(longest + 1);
    std::int64_t on_their_way = 0;
    std::size_t slot = 0;  // of `now`

    std::vector<Process*> going;
    std::int64_t unfinished = std::int64_t{processes} * frames;  // images of processes
    for (std::int64_t now = 0; unfinished > 0; ++now) {
        going.clear();
        for (Process& process : all) {
            const std::uint8_t step = process.steps[process.place];
            if ((step & process.ready) == step && process.frame < frames) going.push_back(&process);
        }
        if (going.empty() && !on_their_way) {
            for (std::int32_t f = 0; f < fifos; ++f) peaks[f] = streams[f].taken >= streams[f].depth;
            return false;
        }
        // A token that is written in this cycle has a place even where another one leaves in it.
        for (const Process* process : going) {
            const int writes = process->steps[process->place] >> kPorts;
            for (int port = 0; writes >> port; ++port) {
                if (!(writes >> port & 1)) continue;
                Fifo& stream = streams[process->fifos[kPorts + port]];
                if (++stream.taken > stream.peak) stream.peak = stream.taken;
                arrivals[(slot + stream.delay) % arrivals.size()].push_back(&stream);
                ++on_their_way;
            }
        }
        for (const Process* process : going) {
            const int reads = process->steps[process->place] & ((1 << kPorts) - 1);
            for (int port = 0; reads >> port; ++port)
                if (reads >> port & 1) {
                    --streams[process->fifos[port]].tokens;
                    --streams[process->fifos[port]].taken;
                }
        }
        for (Fifo* stream : arrivals[slot]) {
            ++stream->tokens;
            --on_their_way;
            stream->show();
        }
        arrivals[slot].clear();
        if (++slot == arrivals.size()) slot = 0;
        for (Process* process : going) {
            const std::uint8_t step = process->steps[process->place];
            for (int port = 0; step >> port; ++port)
                if (step >> port & 1) streams[process->fifos[port]].show();
            const std::int64_t index = process - all.data();
            if (times) times[index][process->frame * process->length + process->place] = static_cast<std::int32_t>(now);
            const std::int64_t image = index * frames + process->frame;
            if (process->place == 0) {
                begins[image] = now;
                written[image] = -1;
            }
            if (step >> kPorts) written[image] = now + 1;
            if (++process->place < process->length) continue;
            ends[image] = now + 1;
            if (written[image] < 0) written[image] = now + 1;
            ++process->frame;
            process->place = 0;
            --unfinished;
        }
    }
    for (std::int32_t f = 0; f < fifos; ++f) peaks[f] = streams[f].peak;
    return true;
}
