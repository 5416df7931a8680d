// gx[n,c,h,w] = the sum of gy over the windows whose maximum is at (h, w), in the order of the windows.
//
// Work: one invocation per input cell, which looks at the windows that cover it: no atomics, so the order of the
// sum is fixed. Constants: WORKGROUP.

@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    let w = i % params.width;
    let h = (i / params.width) % params.height;
    let plane = i / (params.width * params.height) * params.out_height * params.out_width;
    var total = 0.0;
    let rows = windows_over_row(h);
    let columns = windows_over_column(w);
    for (var p = rows.x; p < rows.y; p++) {
      for (var q = columns.x; q < columns.y; q++) {
        let at = plane + p * params.out_width + q;
        if (index[at] == i) { total += gy[at]; }
      }
    }
    gx[i] = total;
  }
}
