// Integer types. Widths live behind this header and nowhere else:
//
//   FL_AP_INT   ap_int and ap_uint: what synthesis sees (and Vitis's own C-simulation, which defines FL_VITIS)
//   FL_CHECKED  a class that stops the program when a value does not fit its declared width
//   otherwise   native integers, the narrowest signed one that holds the declared range
//
// All three compute the same values, because the generator derives every width from the reachable range.
#ifndef FIRELINE_TYPES_H_
#define FIRELINE_TYPES_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#if defined(__SYNTHESIS__) && !defined(FL_VITIS)
#define FL_VITIS
#endif
#if defined(FL_VITIS) && !defined(FL_AP_INT)
#define FL_AP_INT
#endif

#if defined(FL_AP_INT)

#include <ap_int.h>

namespace fl {

template <int BITS>
using Int = ap_int<BITS>;

template <int BITS>
using UInt = ap_uint<BITS>;

// The type of an operand of a product whose result has type Wide: ap_int products widen by themselves.
template <class Wide, class T>
using Operand = T;

}  // namespace fl

#else

namespace fl {

#if defined(FL_CHECKED)

[[noreturn]] inline void does_not_fit(const std::int64_t value, const int bits, const bool is_signed) {
    std::fprintf(stderr, "value %lld does not fit %s%d\n", static_cast<long long>(value), is_signed ? "int" : "uint", bits);
    std::exit(4);
}

template <int BITS, bool SIGNED>
class Checked {
  public:
    Checked() : value_(0) {}
    Checked(const std::int64_t value) : value_(value) {
        const int magnitude = SIGNED ? BITS - 1 : BITS;
        const std::int64_t high = static_cast<std::int64_t>((std::uint64_t(1) << magnitude) - 1);
        const std::int64_t low = SIGNED ? -high - 1 : 0;
        if (value < low || value > high) does_not_fit(value, BITS, SIGNED);
    }
    operator std::int64_t() const { return value_; }
    Checked& operator+=(const std::int64_t value) { return *this = Checked(value_ + value); }

  private:
    std::int64_t value_;
};

template <int BITS>
using Int = Checked<BITS, true>;

template <int BITS>
using UInt = Checked<BITS, false>;

template <class Wide, class T>
using Operand = std::int64_t;

#else

template <int BITS>
using Int = typename std::conditional<
    BITS <= 16, std::int16_t, typename std::conditional<BITS <= 32, std::int32_t, std::int64_t>::type>::type;

template <int BITS>
using UInt = Int<BITS + 1>;

template <class Wide, class T>
using Operand = Wide;

#endif

}  // namespace fl

#endif

namespace fl {

template <class Wide, class T>
Operand<Wide, T> operand(const T value) {
    return static_cast<Operand<Wide, T>>(value);
}

// What a stream carries: `LANES` neighbouring channels of one pixel.
template <class T, int LANES>
struct Token {
    T lane[LANES];
};

}  // namespace fl

#endif  // FIRELINE_TYPES_H_
