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

// Where in the buffer the next token goes.
template <class L>
struct LineBufferPlace {
    static constexpr int kFolds = L::kInChannels / L::kSimd;  // tokens of a pixel
    static constexpr int kRow = L::kInWidth * kFolds;
    static constexpr int kBanks = L::kRows == 1 ? 1 : L::kBufferRows;
    static constexpr int kDepth = L::kBufferRows / kBanks * kRow;

    int row, column;

    int bank() const { return kBanks == 1 ? 0 : row; }
    int address() const { return kBanks == 1 ? row * kRow + column : column; }
    void advance() {
        if (++column == kRow) {
            column = 0;
            row = row == L::kBufferRows - 1 ? 0 : row + 1;
        }
    }
};

template <class L>
void line_buffer(Stream<Token<typename L::Input, L::kSimd>>& input,
                 Stream<Token<typename L::Input, L::kRows * L::kSimd>>& windows) {
    using Place = LineBufferPlace<L>;
    constexpr int kFolds = Place::kFolds;
    constexpr int kRow = Place::kRow;
    constexpr int kFill = L::kFillPixels * kFolds;
    constexpr int kStrideRows = L::kStrideHeight * kRow;  // tokens to take in for each row of windows
    constexpr int kPace = (kStrideRows + L::kOutWidth - 1) / L::kOutWidth;
    constexpr int kPixelPace = L::kStrideHeight * L::kStrideWidth * kFolds;
    constexpr int kLoads = kPace > kPixelPace ? kPace : kPixelPace;  // for each window
    constexpr int kReads = L::kKernelHeight / L::kRows * L::kKernelWidth * kFolds;
    constexpr int kSteps = kReads > kLoads ? kReads : kLoads;

    static Token<typename L::Input, L::kSimd> buffer[Place::kBanks][Place::kDepth];
    FL_PARTITION(buffer, 1)
    FL_INDEPENDENT(buffer)

    Place end = {0, 0};
    for (int i = 0; i < kFill; ++i) {
        FL_PIPELINE(1)
        buffer[end.bank()][end.address()] = input.read();
        end.advance();
    }

    int rest = L::kInHeight * kRow - kFill;  // tokens still to come: all of them by the last window
    int due = 0;                             // of which with this row of windows
    int first = 0, ky = 0, kx = 0, c = 0;    // c counts from the first token of a group
    // The row of the buffer that holds the top of a window.
    int top = (L::kBufferRows - L::kPadTop % L::kBufferRows) % L::kBufferRows;
    for (int y = 0; y < L::kOutHeight; ++y) {
        for (int x = 0; x < L::kOutWidth; ++x) {
            for (int i = 0; i < kSteps; ++i) {
                FL_PIPELINE(1)
                if (x == 0 && i == 0) {
                    due = rest < kStrideRows ? rest : kStrideRows;
                    rest -= due;
                }
                if (i < kLoads && due > 0) {
                    buffer[end.bank()][end.address()] = input.read();
                    end.advance();
                    --due;
                }
                if (i < kReads) {
                    const int ix = x * L::kStrideWidth - L::kPadLeft + kx;
                    const bool inside = ix >= 0 && ix < L::kInWidth;
                    const int row = top + ky < L::kBufferRows ? top + ky : top + ky - L::kBufferRows;
                    const int column = inside ? ix * kFolds + first + c : 0;
                    Token<typename L::Input, L::kSimd> pixels[Place::kBanks];
                    FL_PARTITION(pixels, 1)
                    for (int bank = 0; bank < Place::kBanks; ++bank)
                        pixels[bank] = buffer[bank][Place::kBanks == 1 ? row * kRow + column : column];

                    Token<typename L::Input, L::kRows * L::kSimd> window;
                    for (int j = 0; j < L::kRows; ++j) {
                        const int iy = y * L::kStrideHeight - L::kPadTop + ky + j;
                        const bool real = inside && iy >= 0 && iy < L::kInHeight;
                        const int below = row + j < L::kBufferRows ? row + j : row + j - L::kBufferRows;
                        for (int s = 0; s < L::kSimd; ++s) {
                            const typename L::Input padding = L::kZeroPoint;
                            window.lane[j * L::kSimd + s] =
                                real ? pixels[Place::kBanks == 1 ? 0 : below].lane[s] : padding;
                        }
                    }
                    windows.write(window);

                    if (++c == kFolds / L::kGroups) {
                        c = 0;
                        if (++kx == L::kKernelWidth) {
                            kx = 0;
                            ky += L::kRows;
                            if (ky == L::kKernelHeight) {
                                ky = 0;
                                first += kFolds / L::kGroups;
                                if (first == kFolds) first = 0;
                            }
                        }
                    }
                }
                if (x == L::kOutWidth - 1 && i == kSteps - 1) {
                    top += L::kStrideHeight;
                    if (top >= L::kBufferRows) top -= L::kBufferRows;
                }
            }
        }
    }
}

}  // namespace fl

#endif  // FIRELINE_LINE_BUFFER_H_
