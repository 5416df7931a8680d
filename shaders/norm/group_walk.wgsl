// Visits every element of every group of a normalisation: the frame of the statistics, of the backward sums and of the
// passes that write a result in place of each element.
//
// Shapes: x is (P, N, C, L); group g = p C + c is x[p, :, c, :], N runs of L neighbouring elements. `units` below are
// Elements (1 or 4 float32). Batch norm: P = 1, or batches that lie one after another. Instance norm: P = samples, N = 1.
// Work: LANES neighbouring invocations share a group and take every LANES-th unit; WORKGROUP / LANES groups share a
// workgroup, so that short runs are still read side by side; workgroup.y is one of `splits` parts of the units.
// Linked with it: Element; State, begin, visit (what is done); finish (what becomes of a State).
// Constants: WORKGROUP, LANES (a power of two).

struct Params {
  groups: u32, // P C
  run: u32,   // units of one run: L / WIDTH
  units: u32, // units of one group: N run
  splits: u32,
  channels: u32,
  eps: f32,
  momentum: f32,
  slope: f32,     // of the activation
  inv_count: f32, // 1 / (N L)
}
@group(0) @binding(0) var<uniform> params: Params;

const GROUPS_AT_ONCE = WORKGROUP / LANES;

// A lane of a group, and the part of the group's units that its workgroup takes.
struct Place { group: u32, inside: bool, local: u32, lane: u32, split: u32 }

fn walk(group: u32, first: u32, stop: u32) -> State {
  var state = begin(group);
  // The position within the run and in x move along by additions: a division per unit would cost more than its load.
  let between = params.channels * params.run;
  let start = group / params.channels * params.channels * params.units + group % params.channels * params.run;
  let step_column = LANES % params.run;
  let step = (LANES / params.run) * between + step_column;
  var column = first % params.run;
  var at = start + (first / params.run) * between + column;
  for (var unit = first; unit < stop; unit += LANES) {
    visit(&state, at);
    column += step_column;
    let wraps = column >= params.run;
    column -= select(0u, params.run, wraps);
    at += step + select(0u, between - params.run, wraps);
  }
  return state;
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
    // A lane past the last group visits nothing, and what it finishes with goes nowhere.
    let state = walk(min(group, params.groups - 1u), start + lane, select(start, stop, inside));
    finish(Place(group, inside, local, lane, workgroup.y), state);
  }
}
