// y[n,c,p,q] = the largest x in window (p, q), and index = where in x it is. The first of equals wins; NaN wins over
// numbers, as in PyTorch. The host makes sure that every window covers at least one cell.
//
// Work: one invocation per output, striding over the grid. Constants: WORKGROUP.

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> index: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    let q = i % params.out_width;
    let p = (i / params.out_width) % params.out_height;
    let plane = i / (params.out_width * params.out_height) * params.height * params.width;
    var best = 0.0;
    var best_at = OUTSIDE;
    for (var r = 0u; r < params.kernel_h; r++) {
      let h = row_cell(p, r);
      if (h == OUTSIDE) { continue; }
      for (var s = 0u; s < params.kernel_w; s++) {
        let w = column_cell(q, s);
        if (w == OUTSIDE) { continue; }
        let at = plane + h * params.width + w;
        let value = x[at];
        if (best_at == OUTSIDE || value > best || is_nan(value)) {
          best = value;
          best_at = at;
        }
      }
    }
    y[i] = best;
    index[i] = best_at;
  }
}
