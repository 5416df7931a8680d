// What the pooling kernels share: how windows lie over a plane. Legend: planes of H×W (N·C of them), outputs P×Q,
// kernel R×S; window (p, q) covers the rows p·stride - padding + r·dilation, r = 0..R-1, and columns alike.
// Cells outside the plane do not count. `n` is the number of elements that the kernel writes.

struct Params {
  n: u32, height: u32, width: u32, out_height: u32,
  out_width: u32, kernel_h: u32, kernel_w: u32, stride_h: u32,
  stride_w: u32, padding_h: u32, padding_w: u32, dilation_h: u32,
  dilation_w: u32, count_include_pad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

const OUTSIDE = 0xffffffffu;

// The cell that tap `tap` of window `at` covers along one dimension, or OUTSIDE.
fn cell(at: u32, tap: u32, stride: u32, padding: u32, dilation: u32, size: u32) -> u32 {
  let padded = at * stride + tap * dilation;
  return select(OUTSIDE, padded - padding, padded >= padding && padded - padding < size);
}

// The windows that may cover cell `at` along one dimension: from x up to but not including y.
fn windows_over(at: u32, kernel: u32, stride: u32, padding: u32, dilation: u32, windows: u32) -> vec2<u32> {
  let reach = dilation * (kernel - 1u);
  let first = (max(at + padding, reach) - reach + stride - 1u) / stride;
  return vec2(first, min((at + padding) / stride + 1u, windows));
}

fn row_cell(p: u32, r: u32) -> u32 {
  return cell(p, r, params.stride_h, params.padding_h, params.dilation_h, params.height);
}

fn column_cell(q: u32, s: u32) -> u32 {
  return cell(q, s, params.stride_w, params.padding_w, params.dilation_w, params.width);
}

fn windows_over_row(h: u32) -> vec2<u32> {
  return windows_over(h, params.kernel_h, params.stride_h, params.padding_h, params.dilation_h, params.out_height);
}

fn windows_over_column(w: u32) -> vec2<u32> {
  return windows_over(w, params.kernel_w, params.stride_w, params.padding_w, params.dilation_w, params.out_width);
}
