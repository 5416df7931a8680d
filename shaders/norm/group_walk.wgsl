// Reduces every group of a normalisation to one Partial: the frame of the statistics and of the backward sums.
//
// Shapes: x is (N, G, L); group g is x[:, g, :], N runs of L neighbouring elements. `units` below are Elements (1 or 4
// float32). Batch norm: G = channels. Instance norm: N = 1, G = samples × channels.
// Work: LANES neighbouring invocations share a group and take every LANES-th unit; WORKGROUP / LANES groups share a
// workgroup, so that short runs are still read side by side; workgroup.y is one of `splits` parts of the units.
// The lanes' results are joined as a tree in workgroup memory, always in the same order.
// Linked with it: Element; Accumulator, begin, visit, collapse (what is summed); Partial, join; publish (where to).
// Constants: WORKGROUP, LANES (a power of two), OUTPUTS (binding of the first output).

struct Params {
  groups: u32,
  run: u32,   // units of one run: L / WIDTH
  units: u32, // units of one group: N run
  splits: u32,
  eps: f32,
  momentum: f32,
}
@group(0) @binding(0) var<uniform> params: Params;

const GROUPS_AT_ONCE = WORKGROUP / LANES;

var<workgroup> parts: array<Partial, WORKGROUP>;

fn walk(group: u32, first: u32, stop: u32) -> Accumulator {
  var sums = begin(group);
  // The position within the run and in x move along by additions: a division per unit would cost more than its load.
  let between = params.groups * params.run;
  let step_column = LANES % params.run;
  let step = (LANES / params.run) * between + step_column;
  var column = first % params.run;
  var at = (first / params.run) * between + group * params.run + column;
  for (var unit = first; unit < stop; unit += LANES) {
    visit(&sums, at);
    column += step_column;
    at += step;
    if (column >= params.run) {
      column -= params.run;
      at += between - params.run;
    }
  }
  return sums;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
) {
  let lane = local % LANES;
  let part = (params.units + params.splits - 1u) / params.splits;
  let start = min(workgroup.y * part, params.units);
  let stop = min(start + part, params.units);
  let blocks = (params.groups + GROUPS_AT_ONCE - 1u) / GROUPS_AT_ONCE;
  for (var block = workgroup.x; block < blocks; block += workgroups.x) {
    let group = block * GROUPS_AT_ONCE + local / LANES;
    let inside = group < params.groups;
    // A lane past the last group walks nothing, and joins nothing that is published.
    var result = collapse(walk(min(group, params.groups - 1u), start + lane, select(start, stop, inside)));
    if (LANES > 1u) {
      parts[local] = result;
      for (var half = LANES / 2u; half > 0u; half >>= 1u) {
        workgroupBarrier();
        if (lane < half) { parts[local] = join(parts[local], parts[local + half]); }
      }
      result = parts[local];
      workgroupBarrier();
    }
    if (inside && lane == 0u) { publish(group, workgroup.y, result); }
  }
}
