// The generic part of an RTL project's test bench, for Verilator. It runs in the folder of the memories, rtl/; weights that
// are loaded before the first image are in ../weights.bin.
//
//   V<network>                        check tb/data: every tensor of every image
//   V<network> --run INPUTS OUTPUTS   run a file of images and write every tensor
//   --stall SEED                      pixels come, and results are taken, in about half of the cycles, at random
//   --cycles FILE                     write when each image had passed each tensor's stream
//
// A file holds little-endian integers of the tensor's width in bytes, image by image, each in the order of the streams:
// rows, columns, channels. OUTPUTS holds for each image every tensor in the order of the table. A line of the file of
// cycles is a tensor's name and, for each image, the cycles from the first pixel to the tensor's last token, both included.
// Exit status: 0 all equal, 1 a mismatch, 2 a file or an argument is wrong, 3 nothing moves any more.
#ifndef FIRELINE_TESTBENCH_H_
#define FIRELINE_TESTBENCH_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace tb {

using Bytes = std::vector<unsigned char>;

constexpr long long kPatience = 1000000;  // cycles without a token at any tap: nothing will come
constexpr unsigned kStart = 0x81;       // start, and again by itself

// A tensor and the stream that it goes through: tokens of `lanes` values of `bits` bits, the first in the low bits.
struct Tensor {
    const char* name;
    int channels, height, width;
    int bytes, bits;
    bool is_signed;
    int lanes;
    const unsigned char* write;  // whether a token arrives in this cycle
    const void* data;

    std::size_t size() const { return static_cast<std::size_t>(channels) * height * width; }
    std::size_t octets() const { return size() * bytes; }
};

struct Network {
    const char* name;
    int beat_bits, slot_bits, beat_channels, word_bits;
    std::size_t weight_bytes;  // that are loaded before the first image
    std::vector<Tensor> tensors;
};

[[noreturn]] inline void fail(const int status, const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(status);
}

inline Bytes read_file(const std::string& path) {
    std::FILE* const file = std::fopen(path.c_str(), "rb");
    if (!file) fail(2, path + ": cannot be read");
    Bytes data;
    unsigned char part[65536];
    for (std::size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0;) data.insert(data.end(), part, part + got);
    std::fclose(file);
    return data;
}

// Collects a tensor from its stream, image after image, as bytes of a file.
class Tap {
public:
    explicit Tap(const Tensor& tensor) : tensor(tensor), image(tensor.octets()) {}

    // After the signals of a cycle are settled.
    bool sample(const long long cycle) {
        if (!*tensor.write) return false;
        const auto* const token = static_cast<const unsigned char*>(tensor.data);
        for (int lane = 0; lane < tensor.lanes; ++lane, place += tensor.bytes) store(token, lane * tensor.bits);
        if (place == image.size()) {
            images.push_back(image);
            ends.push_back(cycle);
            place = 0;
        }
        return true;
    }

    // Of the image that is passing.
    std::size_t values() const { return place / tensor.bytes; }

    const Tensor& tensor;
    std::vector<Bytes> images;
    std::vector<long long> ends;

private:
    void store(const unsigned char* const token, const int first) {
        std::uint64_t value = 0;
        const int last = (first + tensor.bits - 1) / 8;
        for (int i = first / 8, at = -(first % 8); i <= last; ++i, at += 8)
            value |= at < 0 ? static_cast<std::uint64_t>(token[i]) >> -at : static_cast<std::uint64_t>(token[i]) << at;
        const int unused = 64 - tensor.bits;
        value <<= unused;
        value = tensor.is_signed ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value) >> unused) : value >> unused;
        for (int i = 0; i < tensor.bytes; ++i) image[place + i] = static_cast<unsigned char>(value >> (8 * i));
    }

    Bytes image;
    std::size_t place = 0;
};

// Bits of a run, from a generator that is the same everywhere (xorshift, Marsaglia 2003).
class Coin {
public:
    explicit Coin(const std::uint32_t seed) : state(seed * 2654435761u + 1u) {}
    bool flip() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state >> 16 & 1;
    }

private:
    std::uint32_t state;
};

struct Options {
    std::string inputs, outputs, cycles;
    bool stalls = false;
    std::uint32_t seed = 0;
};

template <class Design>
class Bench {
public:
    Bench(const Network& network, Design& design, const Options& options)
        : network(network), design(design), options(options), coin(options.seed) {
        for (const Tensor& tensor : network.tensors) taps.emplace_back(tensor);
    }

    // Fills the memories without initial content.
    void load(const Bytes& weights) {
        const std::size_t step = network.beat_bits / 8;
        for (std::size_t sent = 0, quiet = 0; sent < weights.size(); ++quiet) {
            design.s_axis_tvalid = design.s_axis_tvalid || !options.stalls || coin.flip();
            design.s_axis_tdata = 0;
            for (std::size_t k = 0; k < step; ++k)
                design.s_axis_tdata |= static_cast<std::uint64_t>(weights[sent + k]) << (8 * k);
            design.ap_clk = 0;
            design.eval();
            const bool taken = design.s_axis_tvalid && design.s_axis_tready;
            design.ap_clk = 1;
            design.eval();
            if (taken) {
                design.s_axis_tvalid = 0;
                sent += step;
                quiet = 0;
            }
            if (quiet > kPatience) fail(3, "deadlock: weights are not taken behind byte " + std::to_string(sent));
        }
    }

    // Lets the images in and collects every tensor, and the values that leave.
    void run(const Bytes& pixels) {
        const Tensor& first = network.tensors.front();
        const std::size_t images = pixels.size() / first.octets();
        const std::size_t beats = pixels.size() / (first.bytes * network.beat_channels);
        const std::size_t values = network.tensors.back().size() * images;
        std::size_t sent = 0;
        long long begin = -1, quiet = 0;
        bool offered = false, wanted = false;
        for (long long cycle = 0; results.size() < values || !is_complete(images); ++cycle) {
            offered = offered || (sent < beats && (!options.stalls || coin.flip()));
            wanted = !options.stalls || coin.flip();
            design.s_axis_tvalid = offered;
            if (offered) design.s_axis_tdata = beat(pixels, sent);
            design.m_axis_tready = wanted;
            design.ap_clk = 0;
            design.eval();
            bool moves = false;
            const long long now = begin < 0 ? 1 : cycle - begin + 1;
            for (Tap& tap : taps) moves |= tap.sample(now);
            if (offered && design.s_axis_tready) {
                if (begin < 0) begin = cycle;
                ++sent;
                offered = false;
                moves = true;
            }
            if (design.m_axis_tvalid && wanted) {
                results.push_back(static_cast<std::uint64_t>(design.m_axis_tdata));
                const bool is_last = results.size() % network.tensors.back().size() == 0;
                if (is_last != static_cast<bool>(design.m_axis_tlast)) fail(1, "mismatch: TLAST is not on the last value of an image");
                if (is_last) ends.push_back(now);
                moves = true;
            }
            design.ap_clk = 1;
            design.eval();
            quiet = moves ? 0 : quiet + 1;
            if (quiet > kPatience) fail(3, "deadlock: nothing moves after cycle " + std::to_string(cycle - quiet) + progress());
        }
    }

    void reset() {
        design.ap_rst_n = 0;
        design.s_axis_tvalid = 0;
        design.m_axis_tready = 0;
        for (int i = 0; i < 4; ++i) tick();
        design.ap_rst_n = 1;
        tick();
        // Registers: let images in, one after the other.
        design.s_axi_control_awvalid = 1;
        design.s_axi_control_wvalid = 1;
        design.s_axi_control_awaddr = 0;
        design.s_axi_control_wdata = kStart;
        design.s_axi_control_wstrb = 15;
        design.s_axi_control_bready = 1;
        while (!design.s_axi_control_awready) tick();
        tick();
        design.s_axi_control_awvalid = 0;
        design.s_axi_control_wvalid = 0;
        tick();
        tick();
    }

    std::vector<Tap> taps;
    std::vector<std::uint64_t> results;
    std::vector<long long> ends;  // of the images on the output

private:
    bool is_complete(const std::size_t images) const {
        for (const Tap& tap : taps)
            if (tap.images.size() < images) return false;
        return true;
    }

    // How far every tensor came.
    std::string progress() const {
        std::string text;
        for (const Tap& tap : taps)
            text += std::string(text.empty() ? ": " : ", ") + tap.tensor.name + " " + std::to_string(tap.images.size()) + "+" +
                    std::to_string(tap.values()) + " of " + std::to_string(tap.tensor.size());
        return text;
    }

    std::uint64_t beat(const Bytes& pixels, const std::size_t index) const {
        const int bytes = network.tensors.front().bytes;
        const std::uint64_t mask = network.slot_bits == 64 ? ~std::uint64_t(0) : (std::uint64_t(1) << network.slot_bits) - 1;
        std::uint64_t word = 0;
        for (int lane = 0; lane < network.beat_channels; ++lane) {
            std::uint64_t value = 0;
            const unsigned char* const from = pixels.data() + (index * network.beat_channels + lane) * bytes;
            for (int i = 0; i < bytes; ++i) value |= static_cast<std::uint64_t>(from[i]) << (8 * i);
            word |= (value & mask) << (lane * network.slot_bits);
        }
        return word;
    }

    void tick() {
        design.ap_clk = 0;
        design.eval();
        design.ap_clk = 1;
        design.eval();
    }

    const Network& network;
    Design& design;
    const Options& options;
    Coin coin;
};

// The first difference, as text; the number of differences.
inline std::size_t compare(const Tensor& tensor, const std::size_t image, const unsigned char* const expected, const Bytes& got) {
    std::size_t differences = 0;
    const auto number = [&](const unsigned char* const from) {
        std::uint64_t value = 0;
        for (int i = 0; i < tensor.bytes; ++i) value |= static_cast<std::uint64_t>(from[i]) << (8 * i);
        const int unused = 64 - 8 * tensor.bytes;
        return tensor.is_signed ? static_cast<long long>(value << unused) >> unused : static_cast<long long>(value);
    };
    for (std::size_t i = 0; i < tensor.size(); ++i) {
        if (!std::memcmp(expected + i * tensor.bytes, got.data() + i * tensor.bytes, tensor.bytes)) continue;
        if (differences++) continue;
        const std::size_t pixel = i / tensor.channels;
        std::fprintf(stderr, "mismatch: node %s, image %zu, channel %zu, pixel (%zu, %zu): expected %lld, got %lld\n",
                     tensor.name, image, i % tensor.channels, pixel / tensor.width, pixel % tensor.width,
                     number(expected + i * tensor.bytes), number(got.data() + i * tensor.bytes));
    }
    return differences;
}

// The words that left, against the last tensor's values, extended.
template <class Design>
std::size_t compare_words(const Network& network, const Bench<Design>& bench) {
    const Tensor& last = network.tensors.back();
    std::size_t differences = 0;
    for (std::size_t i = 0; i < bench.results.size(); ++i) {
        const unsigned char* const from = bench.taps.back().images[i / last.size()].data() + i % last.size() * last.bytes;
        const std::uint64_t mask = (std::uint64_t(1) << 8 * last.bytes / 2 << 8 * last.bytes / 2) - 1;
        std::uint64_t value = 0;
        for (int k = 0; k < last.bytes; ++k) value |= static_cast<std::uint64_t>(from[k]) << (8 * k);
        if ((bench.results[i] & mask) == value) continue;
        if (!differences++) std::fprintf(stderr, "mismatch: value %zu on the output is not that of its stream\n", i);
    }
    return differences;
}

template <class Design>
void write_cycles(const Bench<Design>& bench, const std::string& path) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    if (!file) fail(2, path + ": cannot be written");
    const auto line = [&](const char* const name, const std::vector<long long>& ends) {
        std::fprintf(file, "%s", name);
        for (const long long end : ends) std::fprintf(file, " %lld", end);
        std::fprintf(file, "\n");
    };
    for (const Tap& tap : bench.taps) line(tap.tensor.name, tap.ends);
    line("", bench.ends);
    if (std::fclose(file)) fail(2, path + ": cannot be written");
}

inline Options parse(const int argc, char** const argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        if (!std::strcmp(argv[i], "--run") && i + 2 < argc) {
            options.inputs = argv[++i];
            options.outputs = argv[++i];
        } else if (!std::strcmp(argv[i], "--stall") && i + 1 < argc) {
            options.stalls = true;
            options.seed = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        } else if (!std::strcmp(argv[i], "--cycles") && i + 1 < argc) {
            options.cycles = argv[++i];
        } else {
            fail(2, std::string("usage: ") + argv[0] + " [--stall SEED] [--cycles FILE] [--run INPUTS OUTPUTS]");
        }
    }
    return options;
}

template <class Design>
int main(const Network& network, Design& design, const int argc, char** const argv) {
    const Options options = parse(argc, argv);
    const std::string folder = "../tb/data/";
    const Tensor& first = network.tensors.front();
    const std::string source = options.inputs.empty() ? folder + first.name + ".bin" : options.inputs;
    const Bytes pixels = read_file(source);
    if (pixels.empty() || pixels.size() % first.octets()) fail(2, source + ": not a whole number of images");
    const std::size_t images = pixels.size() / first.octets();

    Bench<Design> bench(network, design, options);
    bench.reset();
    if (network.weight_bytes) {
        const Bytes weights = read_file("../weights.bin");
        if (weights.size() != network.weight_bytes) fail(2, "weights.bin: not the weights of this network");
        bench.load(weights);
    }
    bench.run(pixels);
    design.final();
    if (!options.cycles.empty()) write_cycles(bench, options.cycles);
    std::size_t differences = compare_words(network, bench);

    if (!options.outputs.empty()) {
        std::FILE* const file = std::fopen(options.outputs.c_str(), "wb");
        if (!file) fail(2, options.outputs + ": cannot be written");
        for (std::size_t i = 0; i < images; ++i)
            for (const Tap& tap : bench.taps)
                if (std::fwrite(tap.images[i].data(), 1, tap.images[i].size(), file) != tap.images[i].size())
                    fail(2, options.outputs + ": cannot be written");
        if (std::fclose(file)) fail(2, options.outputs + ": cannot be written");
        return differences ? 1 : 0;
    }

    std::size_t values = 0;
    for (const Tap& tap : bench.taps) {
        const Bytes golden = read_file(folder + tap.tensor.name + ".bin");
        if (golden.size() != images * tap.tensor.octets()) fail(2, folder + tap.tensor.name + ".bin: not of these images");
        for (std::size_t i = 0; i < images; ++i) {
            values += tap.tensor.size();
            differences += compare(tap.tensor, i, golden.data() + i * tap.tensor.octets(), tap.images[i]);
        }
    }
    std::printf("latency %lld cycles, initiation interval %lld cycles\n", bench.ends.front(),
                images > 1 ? bench.ends[images - 1] - bench.ends[images - 2] : bench.ends.front());
    std::printf("%s: %zu images, %zu values compared, %zu mismatches\n", network.name, images, values, differences);
    return differences ? 1 : 0;
}

}  // namespace tb

#endif  // FIRELINE_TESTBENCH_H_
