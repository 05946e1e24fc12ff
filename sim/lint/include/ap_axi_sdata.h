// Stand-in for Vitis's header: words of an AXI4-Stream with their side channels.
#ifndef AP_AXI_SDATA_H_
#define AP_AXI_SDATA_H_

#include <ap_int.h>

namespace hls {

template <class T, int USER, int ID, int DEST>
struct axis {
    T data;
    ap_uint<(T::width + 7) / 8> keep;
    ap_uint<(T::width + 7) / 8> strb;
    ap_uint<USER == 0 ? 1 : USER> user;
    ap_uint<1> last;
    ap_uint<ID == 0 ? 1 : ID> id;
    ap_uint<DEST == 0 ? 1 : DEST> dest;
};

}  // namespace hls

template <int BITS, int USER, int ID, int DEST>
using ap_axiu = hls::axis<ap_uint<BITS>, USER, ID, DEST>;

template <int BITS, int USER, int ID, int DEST>
using ap_axis = hls::axis<ap_int<BITS>, USER, ID, DEST>;

#endif  // AP_AXI_SDATA_H_
