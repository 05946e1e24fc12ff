// The generic part of a project's test bench.
//
//   csim [--streams]                        check tb/data: every output, or every tensor between the layers, too
//   csim [--streams] --run INPUTS OUTPUTS   run a file of images and write their outputs, or every tensor
//
// Where weights are loaded at run time they are read from --weights FILE, or from weights.bin of the project.
//
// Built with FL_BOUNDED, streams hold as many tokens as the plan says, or as --depth STREAM=TOKENS says, and the images go
// through one right after the other; it also prints the cycles that they take.
//
// A file holds little-endian integers of the tensor's width in bytes, image by image, each in the order of the streams:
// rows, columns, channels. With --streams, OUTPUTS holds for each image every tensor in the order of the table.
// Exit status: 0 all equal, 1 a mismatch, 2 a file or an argument is wrong, 3 a stream ran empty or over, or a
// deadlock.
#ifndef FIRELINE_TESTBENCH_H_
#define FIRELINE_TESTBENCH_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../src/fireline/axi.h"

namespace tb {

using Values = std::vector<std::int64_t>;

struct Tensor {
    const char* name;
    int channels, height, width;
    int bytes;
    bool is_signed;

    std::size_t size() const { return static_cast<std::size_t>(channels) * height * width; }
};

struct Latency {
    const char* stream;
    int cycles;
};

struct Network {
    const char* name;
    std::size_t weight_bytes;  // that are loaded before the first image
    std::vector<Tensor> tensors;
    std::vector<Latency> latencies;
};

[[noreturn]] inline void fail(const int status, const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(status);
}

inline std::vector<unsigned char> read_file(const std::string& path) {
    std::FILE* const file = std::fopen(path.c_str(), "rb");
    if (!file) fail(2, path + ": cannot be read");
    std::vector<unsigned char> data;
    unsigned char part[65536];
    for (std::size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0;) data.insert(data.end(), part, part + got);
    std::fclose(file);
    return data;
}

// Values of one image out of a file's bytes.
inline Values decode(const Tensor& tensor, const std::vector<unsigned char>& data, const std::size_t image) {
    Values values(tensor.size());
    const unsigned char* next = data.data() + image * tensor.size() * tensor.bytes;
    for (std::int64_t& value : values) {
        std::uint64_t bits = 0;
        for (int i = 0; i < tensor.bytes; ++i) bits |= static_cast<std::uint64_t>(*next++) << (8 * i);
        const int unused = 64 - 8 * tensor.bytes;
        value = tensor.is_signed ? static_cast<std::int64_t>(bits << unused) >> unused : static_cast<std::int64_t>(bits);
    }
    return values;
}

inline void encode(const Tensor& tensor, const Values& values, std::FILE* const file) {
    std::vector<unsigned char> data;
    data.reserve(values.size() * tensor.bytes);
    for (const std::int64_t value : values)
        for (int i = 0; i < tensor.bytes; ++i) data.push_back(static_cast<unsigned char>(value >> (8 * i)));
    if (std::fwrite(data.data(), 1, data.size(), file) != data.size()) fail(2, "the outputs cannot be written");
}

inline std::size_t image_count(const Tensor& tensor, const std::vector<unsigned char>& data, const std::string& path) {
    const std::size_t image = tensor.size() * tensor.bytes;
    if (data.empty() || data.size() % image) fail(2, path + ": not a whole number of images");
    return data.size() / image;
}

// tb/data of the project, from wherever the tool runs the test bench.
inline std::string data_folder(const char* const first) {
    std::string folder = "tb/data/";
    for (int level = 0; level < 8; ++level, folder = "../" + folder) {
        if (std::FILE* const file = std::fopen((folder + first + ".bin").c_str(), "rb")) {
            std::fclose(file);
            return folder;
        }
    }
    fail(2, "tb/data is not found: run the test bench in the project's folder");
}

// The first difference, as text; the number of differences.
inline std::size_t compare(const Tensor& tensor, const std::size_t image, const Values& expected, const Values& got) {
    std::size_t differences = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (i < got.size() && got[i] == expected[i]) continue;
        if (differences++) continue;
        const std::size_t pixel = i / tensor.channels;
        std::fprintf(stderr, "mismatch: node %s, image %zu, channel %zu, pixel (%zu, %zu): expected %lld, got %s\n",
                     tensor.name, image, i % tensor.channels, pixel / tensor.width, pixel % tensor.width,
                     static_cast<long long>(expected[i]), i < got.size() ? std::to_string(got[i]).c_str() : "nothing");
    }
    return differences;
}

#if defined(FL_VITIS)

inline Values stream_values(const Tensor& tensor, std::size_t) {
    fail(2, std::string(tensor.name) + ": streams between layers are kept by a plain g++ build only");
}

inline void expect_all_read() {}

#else

#if defined(FL_BOUNDED)
constexpr bool kKeepsAllImages = true;
#else
constexpr bool kKeepsAllImages = false;
#endif

// What went through the stream of a tensor for one image.
inline Values stream_values(const Tensor& tensor, const std::size_t image) {
    Values values;
    for (const fl::StreamRecord& record : fl::stream_records()) {
        if (record.name != tensor.name) continue;
        record.copy(record.stream, values);
        if (!kKeepsAllImages) return values;
        const std::size_t first = std::min(image * tensor.size(), values.size());
        const std::size_t last = std::min(first + tensor.size(), values.size());
        return Values(values.begin() + first, values.begin() + last);
    }
    fail(2, std::string(tensor.name) + ": no stream has this name");
}

inline void expect_all_read() {
    for (const fl::StreamRecord& record : fl::stream_records())
        if (const std::size_t left = record.unread(record.stream))
            fail(3, "stream " + record.name + ": " + std::to_string(left) + " tokens were never read");
}

#endif

template <class First, int WORD_BITS>
struct Design {
    using Input = fl::AxiStream<First::kBeatBits>;
    using Output = fl::AxiStream<WORD_BITS>;

    void (*top)(Input&, Output&);
    Input input;
    Output output;
    std::size_t weight_beats = 0;

#if defined(FL_BOUNDED)
    explicit Design(void (*const function)(Input&, Output&))
        : top(function), input("AXI input", fl::kUnbounded), output("AXI output", fl::kUnbounded) {}
#else
    explicit Design(void (*const function)(Input&, Output&)) : top(function), input("input"), output("output") {}
#endif

    void send(const std::uint64_t data, const bool last) {
        fl::AxiWord<First::kBeatBits> word;
        word.data = data;
        word.keep = -1;
        word.strb = -1;
        word.last = last;
        input.write(word);
    }

    // Little-endian words, sent once.
    void load(const std::vector<unsigned char>& weights) {
        constexpr std::size_t kBytes = First::kBeatBits / 8;
        for (std::size_t i = 0; i < weights.size(); i += kBytes) {
            std::uint64_t data = 0;
            for (std::size_t k = 0; k < kBytes; ++k) data |= static_cast<std::uint64_t>(weights[i + k]) << (8 * k);
            send(data, i + kBytes == weights.size());
        }
        weight_beats = weights.size() / kBytes;
    }

    void send(const Values& image) {
        for (std::size_t i = 0; i < image.size(); i += First::kBeatChannels) {
            std::uint64_t data = 0;
            for (int lane = 0; lane < First::kBeatChannels; ++lane) {
                const std::uint64_t slot = static_cast<std::uint64_t>(image[i + lane]) << (64 - First::kSlotBits);
                data |= slot >> (64 - First::kSlotBits) << (lane * First::kSlotBits);
            }
            send(data, i + First::kBeatChannels == image.size());
        }
    }

    Values receive() {
        Values values;
        for (bool last = false; !last;) {
            const fl::AxiWord<WORD_BITS> word = output.read();
            const std::uint64_t bits = static_cast<std::uint64_t>(word.data) << (64 - WORD_BITS);
            values.push_back(static_cast<std::int64_t>(bits) >> (64 - WORD_BITS));
            last = static_cast<bool>(word.last);
        }
        return values;
    }

    void expect_nothing_left() {
        if (!input.empty() || !output.empty()) fail(3, "words are left on the AXI streams");
        expect_all_read();
    }

    // Calls done(i, the output for image(i)) for every image.
    template <class Image, class Done>
    void run(const std::size_t images, const Image& image, const Done& done) {
#if defined(FL_BOUNDED)
        for (std::size_t i = 0; i < images; ++i) send(image(i));
        fl::machine().images = static_cast<int>(images);
        top(input, output);
        std::vector<long long> ends;
        for (std::size_t i = 0; i < images; ++i) {
            const Values result = receive();
            ends.push_back(fl::machine().bench.now + 1);
            done(i, result);
        }
        expect_nothing_left();
        const long long latency = ends.front() - static_cast<long long>(weight_beats);
        std::printf("latency %lld cycles, initiation interval %lld cycles\n", latency,
                    images > 1 ? ends[images - 1] - ends[images - 2] : latency);
#else
        for (std::size_t i = 0; i < images; ++i) {
            send(image(i));
            top(input, output);
            const Values result = receive();
            expect_nothing_left();
            done(i, result);
        }
#endif
    }
};

#if defined(FL_BOUNDED)

// STREAM=TOKENS
inline void set_depth(const std::string& text) {
    const std::size_t split = text.find('=');
    const long tokens = split == std::string::npos ? 0 : std::strtol(text.c_str() + split + 1, nullptr, 10);
    if (tokens < 1) fail(2, "--depth " + text + ": STREAM=TOKENS expected, with one token or more");
    fl::machine().depths[text.substr(0, split)] = static_cast<std::size_t>(tokens);
}

inline void set_latencies(const Network& network) {
    for (const Latency& latency : network.latencies) fl::machine().latencies[latency.stream] = latency.cycles;
}

inline void expect_depths_used() {
    for (const auto& depth : fl::machine().depths)
        if (!fl::machine().used.count(depth.first)) fail(2, "--depth " + depth.first + ": no stream has this name");
}

#else

inline void set_depth(const std::string&) { fail(2, "--depth: build with -DFL_BOUNDED"); }

inline void set_latencies(const Network&) {}

inline void expect_depths_used() {}

#endif

template <class First, int WORD_BITS>
int main(const Network& network, void (*const top)(fl::AxiStream<First::kBeatBits>&, fl::AxiStream<WORD_BITS>&),
         const int argc, char** const argv) {
    bool streams = false;
    std::string inputs, outputs, weights;
    for (int i = 1; i < argc; ++i) {
        if (!std::strcmp(argv[i], "--streams")) {
            streams = true;
        } else if (!std::strcmp(argv[i], "--run") && i + 2 < argc) {
            inputs = argv[++i];
            outputs = argv[++i];
        } else if (!std::strcmp(argv[i], "--weights") && i + 1 < argc) {
            weights = argv[++i];
        } else if (!std::strcmp(argv[i], "--depth") && i + 1 < argc) {
            set_depth(argv[++i]);
        } else {
            fail(2, std::string("usage: ") + argv[0] + " [--streams] [--weights FILE] [--depth STREAM=TOKENS] [--run INPUTS OUTPUTS]");
        }
    }
    set_latencies(network);
    static Design<First, WORD_BITS> design(top);
    const Tensor& first = network.tensors.front();
    const Tensor& last = network.tensors.back();
    if (network.weight_bytes) {
        if (weights.empty()) weights = data_folder(first.name) + "../../weights.bin";
        const std::vector<unsigned char> data = read_file(weights);
        if (data.size() != network.weight_bytes) fail(2, weights + ": not the weights of this network");
        design.load(data);
    }

    if (!outputs.empty()) {
        const std::vector<unsigned char> data = read_file(inputs);
        const std::size_t images = image_count(first, data, inputs);
        std::FILE* const file = std::fopen(outputs.c_str(), "wb");
        if (!file) fail(2, outputs + ": cannot be written");
        const auto image = [&](const std::size_t i) { return decode(first, data, i); };
        design.run(images, image, [&](const std::size_t i, const Values& result) {
            if (!streams) encode(last, result, file);
            for (const Tensor& tensor : network.tensors)
                if (streams) encode(tensor, stream_values(tensor, i), file);
        });
        if (std::fclose(file)) fail(2, outputs + ": cannot be written");
        return 0;
    }

    const std::string folder = data_folder(first.name);
    std::vector<std::vector<unsigned char>> golden;
    for (const Tensor& tensor : network.tensors) golden.push_back(read_file(folder + tensor.name + ".bin"));
    const std::size_t images = image_count(first, golden.front(), folder + first.name + ".bin");
    std::size_t differences = 0, values = 0;
    const auto image = [&](const std::size_t i) { return decode(first, golden.front(), i); };
    design.run(images, image, [&](const std::size_t i, const Values& result) {
        for (std::size_t k = 0; k < network.tensors.size() && streams; ++k) {
            const Tensor& tensor = network.tensors[k];
            values += tensor.size();
            differences += compare(tensor, i, decode(tensor, golden[k], i), stream_values(tensor, i));
        }
        values += last.size();
        differences += compare(last, i, decode(last, golden.back(), i), result);
    });
    expect_depths_used();
    std::printf("%s: %zu images, %zu values compared, %zu mismatches\n", network.name, images, values, differences);
    return differences ? 1 : 0;
}

}  // namespace tb

#endif  // FIRELINE_TESTBENCH_H_
