// The elements 0..n-1 that a workgroup takes: neighbouring ones, WORKGROUP at a turn. A software adapter's few workgroups
// would otherwise stride through several buffers by powers of two, which its caches bear badly (twice the time for three
// large buffers, measured on lavapipe). Constants: WORKGROUP.

struct Share { first: u32, stop: u32 }

fn share_of(n: u32, workgroup: u32, workgroups: u32) -> Share {
  let turns = (n + workgroups * WORKGROUP - 1u) / (workgroups * WORKGROUP);
  let first = workgroup * turns * WORKGROUP;
  return Share(first, min(first + turns * WORKGROUP, n));
}
