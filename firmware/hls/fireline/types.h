// Integer types, and the words that streams carry and memories hold. Widths live behind this header and nowhere else:
//
//   FL_AP_INT   ap_int and ap_uint: what synthesis sees (and Vitis's own C-simulation, which defines FL_VITIS)
//   FL_CHECKED  a class that stops the program when a value does not fit its declared width
//   otherwise   native integers, the narrowest signed one that holds the declared range
//
// All three compute the same values, because the generator derives every width from the reachable range.
//
// A Token<T, LANES> is one word of plain bits: `LANES` neighbouring channels of one pixel, lane 0 in the low bits. A native
// build keeps the lanes side by side instead, which is quicker. Only pack and unpack know the difference.
#ifndef FIRELINE_TYPES_H_
#define FIRELINE_TYPES_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include "pragmas.h"

#if defined(__SYNTHESIS__) && !defined(FL_VITIS)
#define FL_VITIS
#endif
#if defined(FL_VITIS) && !defined(FL_AP_INT)
#define FL_AP_INT
#endif

#if defined(FL_AP_INT)

#ifndef AP_INT_MAX_W
#define AP_INT_MAX_W 4096
#endif
#include <ap_int.h>

namespace fl {

template <int BITS>
using Int = ap_int<BITS>;

template <int BITS>
using UInt = ap_uint<BITS>;

// The type of an operand of a product whose result has type Wide: ap_int products widen by themselves.
template <class Wide, class T>
using Operand = T;

template <class T, int LANES>
using Token = ap_uint<LANES * T::width>;

template <class T, int LANES>
Token<T, LANES> pack(const T (&lanes)[LANES]) {
    FL_INLINE
    Token<T, LANES> token = 0;
    for (int i = 0; i < LANES; ++i) token |= Token<T, LANES>(ap_uint<T::width>(lanes[i])) << (i * T::width);
    return token;
}

template <class T, int LANES>
void unpack(const Token<T, LANES> token, T (&lanes)[LANES]) {
    FL_INLINE
    for (int i = 0; i < LANES; ++i) lanes[i] = T(token >> (i * T::width));
}

}  // namespace fl

#elif defined(FL_CHECKED)

namespace fl {

[[noreturn]] inline void does_not_fit(const std::int64_t value, const int bits, const bool is_signed) {
    std::fprintf(stderr, "value %lld does not fit %s%d\n", static_cast<long long>(value), is_signed ? "int" : "uint", bits);
    std::exit(4);
}

template <int BITS, bool SIGNED>
class Checked {
  public:
    static constexpr int kBits = BITS;
    static constexpr bool kSigned = SIGNED;

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

template <class T, int LANES>
struct Token {
    std::uint64_t words[(LANES * T::kBits + 63) / 64];
};

template <class T, int LANES>
Token<T, LANES> pack(const T (&lanes)[LANES]) {
    Token<T, LANES> token = {};
    for (int bit = 0; bit < LANES * T::kBits; ++bit) {
        const std::uint64_t one = static_cast<std::uint64_t>(lanes[bit / T::kBits]) >> (bit % T::kBits) & 1;
        token.words[bit / 64] |= one << (bit % 64);
    }
    return token;
}

template <class T, int LANES>
void unpack(const Token<T, LANES>& token, T (&lanes)[LANES]) {
    for (int i = 0; i < LANES; ++i) {
        std::uint64_t bits = 0;
        for (int k = 0; k < T::kBits; ++k) {
            const int bit = i * T::kBits + k;
            bits |= (token.words[bit / 64] >> (bit % 64) & 1) << k;
        }
        const std::uint64_t sign = std::uint64_t(T::kSigned) << (T::kBits - 1);
        lanes[i] = static_cast<std::int64_t>((bits ^ sign) - sign);
    }
}

}  // namespace fl

#else

namespace fl {

template <int BITS>
using Int = typename std::conditional<
    BITS <= 16, std::int16_t, typename std::conditional<BITS <= 32, std::int32_t, std::int64_t>::type>::type;

template <int BITS>
using UInt = Int<BITS + 1>;

template <class Wide, class T>
using Operand = Wide;

template <class T, int LANES>
struct Token {
    T lanes[LANES];
};

template <class T, int LANES>
Token<T, LANES> pack(const T (&lanes)[LANES]) {
    Token<T, LANES> token;
    for (int i = 0; i < LANES; ++i) token.lanes[i] = lanes[i];
    return token;
}

template <class T, int LANES>
void unpack(const Token<T, LANES>& token, T (&lanes)[LANES]) {
    for (int i = 0; i < LANES; ++i) lanes[i] = token.lanes[i];
}

}  // namespace fl

#endif

namespace fl {

template <class Wide, class T>
Operand<Wide, T> operand(const T value) {
    return static_cast<Operand<Wide, T>>(value);
}

// Bits of 0 to `high`.
constexpr int bits_of(const int high) {
    return high < 2 ? 1 : 1 + bits_of(high / 2);
}

// A counter from LOW to HIGH.
#if defined(FL_AP_INT) || defined(FL_CHECKED)
template <int LOW, int HIGH>
using Counter = typename std::conditional<
    (LOW < 0), Int<1 + (bits_of(HIGH) > bits_of(-LOW) ? bits_of(HIGH) : bits_of(-LOW))>, UInt<bits_of(HIGH)>>::type;
#else
template <int LOW, int HIGH>
using Counter = int;
#endif

// The next value of a counter that begins anew at `end`, in steps that meet it.
inline int wrap(const int value, const int end) {
    FL_INLINE
    return value == end ? 0 : value;
}

// The same in steps that may go beyond it.
inline int wrap_beyond(const int value, const int end) {
    FL_INLINE
    return value < end ? value : value - end;
}

}  // namespace fl

#endif  // FIRELINE_TYPES_H_
