// What the mean over window (p, q) divides by: its R·S taps, or those of them that are not padding.

fn window_area(p: u32, q: u32) -> f32 {
  if (params.count_include_pad == 1u) { return f32(params.kernel_h * params.kernel_w); }
  var rows = 0u;
  for (var r = 0u; r < params.kernel_h; r++) { rows += select(0u, 1u, row_cell(p, r) != OUTSIDE); }
  var columns = 0u;
  for (var s = 0u; s < params.kernel_w; s++) { columns += select(0u, 1u, column_cell(q, s) != OUTSIDE); }
  return f32(rows * columns);
}
