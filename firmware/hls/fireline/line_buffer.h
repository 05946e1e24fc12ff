// Sliding windows: pixels in raster order become the windows of a convolution. A window goes out in the order (group,
// ky, kx, c); a token holds `kSimd` channels of `kRows` pixels, one below the other (kRows is 1 or the kernel's height).
//
// `kBufferRows` rows of pixels are held, of which the first `kFillPixels` pixels come in before the first window. Then,
// while a row of windows goes out, the next `kStrideHeight` rows come in at an even pace, each pixel over one that no
// later window needs. Where several rows are read in one cycle, each is a memory of its own.
#ifndef FIRELINE_LINE_BUFFER_H_
#define FIRELINE_LINE_BUFFER_H_

#include "pragmas.h"
#include "stream.h"

namespace fl {

template <class L>
struct Lines {
    static constexpr int kFolds = L::kInChannels / L::kSimd;  // tokens of a pixel
    static constexpr int kRow = L::kInWidth * kFolds;
    static constexpr int kBanks = L::kRows == 1 ? 1 : L::kBufferRows;
    static constexpr int kDepth = L::kBufferRows / kBanks * kRow;

    using Memory = Token<typename L::Input, L::kSimd>[kBanks][kDepth];
};

// Where in the memory the next token goes.
template <class L>
struct LinePlace {
    Counter<0, Lines<L>::kBanks - 1> bank;
    Counter<0, Lines<L>::kDepth - 1> address;

    void advance() {
        FL_INLINE
        if (address == Lines<L>::kDepth - 1) {
            address = 0;
            bank = wrap(bank + 1, Lines<L>::kBanks);
        } else {
            address = address + 1;
        }
    }
};

template <class L>
void line_buffer(Stream<Token<typename L::Input, L::kSimd>>& input,
                 Stream<Token<typename L::Input, L::kRows * L::kSimd>>& windows, typename Lines<L>::Memory& buffer) {
    FL_INLINE
    using Value = typename L::Input;
    constexpr int kFolds = Lines<L>::kFolds;
    constexpr int kGroupFolds = kFolds / L::kGroups;
    constexpr int kRow = Lines<L>::kRow;
    constexpr int kBanks = Lines<L>::kBanks;
    constexpr int kFill = L::kFillPixels * kFolds;
    constexpr int kStrideRows = L::kStrideHeight * kRow;  // tokens to take in for each row of windows
    constexpr int kPace = (kStrideRows + L::kOutWidth - 1) / L::kOutWidth;
    constexpr int kPixelPace = L::kStrideHeight * L::kStrideWidth * kFolds;
    constexpr int kLoads = kPace > kPixelPace ? kPace : kPixelPace;  // for each window
    constexpr int kReads = L::kKernelHeight / L::kRows * L::kKernelWidth * kFolds;
    constexpr int kSteps = kReads > kLoads ? kReads : kLoads;

    // The pixel of a window's corner, and the row of the buffer that holds the corner of the first.
    constexpr int kLastLeft = (L::kOutWidth - 1) * L::kStrideWidth - L::kPadLeft;
    constexpr int kLastTop = (L::kOutHeight - 1) * L::kStrideHeight - L::kPadTop;
    constexpr int kFirstRow = (L::kBufferRows - L::kPadTop % L::kBufferRows) % L::kBufferRows;
    constexpr int kRowStep = kBanks == 1 ? kRow : 0;  // from one row of the buffer to the next, in the same memory
    constexpr int kRowEnd = L::kBufferRows * kRowStep;

    LinePlace<L> end = {0, 0};
    for (int i = 0; i < kFill; ++i) {
        FL_PIPELINE(1)
        buffer[end.bank][end.address] = input.read();
        end.advance();
    }

    Counter<0, L::kInHeight * kRow> rest = L::kInHeight * kRow - kFill;  // tokens still to come: all of them by the last window
    Counter<0, kStrideRows> due = 0;                                     // of which with this row of windows
    Counter<0, kGroupFolds - 1> c = 0;                                   // counts from the first token of a group
    Counter<0, kFolds - 1> first = 0;
    Counter<0, L::kKernelWidth - 1> kx = 0;
    Counter<0, L::kKernelHeight - 1> ky = 0;
    Counter<-L::kPadTop, kLastTop + L::kStrideHeight> top = -L::kPadTop;
    Counter<-L::kPadLeft, kLastLeft + L::kStrideWidth> left = -L::kPadLeft;
    using Column = Counter<-L::kPadLeft * kFolds, (kLastLeft + L::kStrideWidth + L::kKernelWidth) * kFolds>;
    Column left_column = -L::kPadLeft * kFolds;
    Column column = -L::kPadLeft * kFolds;
    Counter<0, L::kBufferRows - 1> top_row = kFirstRow;
    Counter<0, kRowEnd> top_address = kFirstRow * kRowStep;
    Counter<0, kRowEnd> address = kFirstRow * kRowStep;
    for (int y = 0; y < L::kOutHeight; ++y) {
        for (int x = 0; x < L::kOutWidth; ++x) {
            for (int i = 0; i < kSteps; ++i) {
                FL_PIPELINE(1)
                if (x == 0 && i == 0) {
                    due = rest < kStrideRows ? static_cast<int>(rest) : kStrideRows;
                    rest = rest - due;
                }
                if (i < kLoads && due > 0) {
                    buffer[end.bank][end.address] = input.read();
                    end.advance();
                    due = due - 1;
                }
                if (i < kReads) {
                    const int ix = left + kx;
                    const bool inside = ix >= 0 && ix < L::kInWidth;
                    const int place = inside ? static_cast<int>(address + column) : 0;
                    Value pixels[kBanks][L::kSimd];
                    FL_PARTITION(pixels, 0)
                    for (int bank = 0; bank < kBanks; ++bank) unpack(buffer[bank][place], pixels[bank]);

                    Value window[L::kRows * L::kSimd];
                    FL_PARTITION(window, 1)
                    for (int j = 0; j < L::kRows; ++j) {
                        const int iy = top + ky + j;
                        const bool real = inside && iy >= 0 && iy < L::kInHeight;
                        const int row = wrap_beyond(top_row + j, L::kBufferRows);
                        const Value padding = L::kZeroPoint;
                        for (int s = 0; s < L::kSimd; ++s)
                            window[j * L::kSimd + s] = real ? pixels[kBanks == 1 ? 0 : row][s] : padding;
                    }
                    windows.write(pack(window));

                    if (c < kGroupFolds - 1) {
                        c = c + 1;
                        column = column + 1;
                    } else {
                        c = 0;
                        if (kx < L::kKernelWidth - 1) {
                            kx = kx + 1;
                            column = column + (kFolds - kGroupFolds + 1);
                        } else {
                            kx = 0;
                            if (ky + L::kRows < L::kKernelHeight) {
                                ky = ky + L::kRows;
                                address = wrap(address + kRowStep, kRowEnd);
                            } else {
                                ky = 0;
                                address = top_address;
                                first = wrap(first + kGroupFolds, kFolds);
                            }
                            column = left_column + first;
                        }
                    }
                }
                if (i == kSteps - 1) {
                    if (x < L::kOutWidth - 1) {
                        left = left + L::kStrideWidth;
                        left_column = left_column + L::kStrideWidth * kFolds;
                    } else {
                        left = -L::kPadLeft;
                        left_column = -L::kPadLeft * kFolds;
                        top = top + L::kStrideHeight;
                        top_row = wrap_beyond(top_row + L::kStrideHeight, L::kBufferRows);
                        top_address = wrap_beyond(top_address + L::kStrideHeight * kRowStep, kRowEnd);
                        address = top_address;
                    }
                    column = left_column;
                }
            }
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_LINE_BUFFER_H_
