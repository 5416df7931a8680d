// The shape of a convolution y = conv(x, w), shared by its three problems (forward, input gradient, weight gradient).
//
// Letters: N batch, C input channels, H×W input, K output channels, R×S kernel, P×Q output, G groups.
// x is [N, C, H, W], w is [K, C/G, R, S], y is [N, K, P, Q]. A size that the host knows to be worth it is also compiled
// in as a constant (0 otherwise), so that divisions by it become multiplications.
// Constants: STATIC_C, STATIC_H, STATIC_W, STATIC_K, STATIC_P, STATIC_Q (C and K per group), KERNEL_R, KERNEL_S, STRIDE_H, STRIDE_W,
// PAD_H, PAD_W, DILATION_H, DILATION_W.

struct Params {
  batch: u32, groups: u32, splits: u32,
  c: u32, h: u32, w: u32, k: u32,
  p: u32, q: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

fn size_c() -> u32 { return select(params.c, STATIC_C, STATIC_C != 0u); } // per group
fn size_h() -> u32 { return select(params.h, STATIC_H, STATIC_H != 0u); }
fn size_w() -> u32 { return select(params.w, STATIC_W, STATIC_W != 0u); }
fn size_k() -> u32 { return select(params.k, STATIC_K, STATIC_K != 0u); } // per group
fn size_p() -> u32 { return select(params.p, STATIC_P, STATIC_P != 0u); }
fn size_q() -> u32 { return select(params.q, STATIC_Q, STATIC_Q != 0u); }
