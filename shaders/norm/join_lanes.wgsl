// Adds up the sums of group_walk.wgsl: the lanes' results are joined as a tree in workgroup memory, always in
// the same order, and the first lane publishes them.
// Linked with it: State, collapse (a State as a Partial), Partial, join, publish.

var<workgroup> parts: array<Partial, WORKGROUP>;

fn finish(place: Place, state: State) {
  var result = collapse(state);
  if (LANES > 1u) {
    parts[place.local] = result;
    for (var half = LANES / 2u; half > 0u; half >>= 1u) {
      workgroupBarrier();
      if (place.lane < half) { parts[place.local] = join(parts[place.local], parts[place.local + half]); }
    }
    result = parts[place.local];
    workgroupBarrier();
  }
  if (place.inside && place.lane == 0u) { publish(place.group, place.split, result); }
}
