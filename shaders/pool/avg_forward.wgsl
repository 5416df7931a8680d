// y[n,c,p,q] = the mean of x over window (p, q). Padding counts as zeros when count_include_pad is 1; otherwise the
// sum is divided by the number of cells that are not padding.
//
// Work: one invocation per output, striding over the grid. Constants: WORKGROUP.

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    let q = i % params.out_width;
    let p = (i / params.out_width) % params.out_height;
    let plane = i / (params.out_width * params.out_height) * params.height * params.width;
    var total = 0.0;
    for (var r = 0u; r < params.kernel_h; r++) {
      let h = row_cell(p, r);
      if (h == OUTSIDE) { continue; }
      for (var s = 0u; s < params.kernel_w; s++) {
        let w = column_cell(q, s);
        if (w != OUTSIDE) { total += x[plane + h * params.width + w]; }
      }
    }
    y[i] = total / window_area(p, q);
  }
}
