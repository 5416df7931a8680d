// Count, mean and M2 (the sum of squared distances from the mean) of a part of a group, and how two parts are joined:
// Chan, Golub & LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983). No
// difference of large squares is ever taken, so the variance keeps its digits however far the mean is from 0.

struct Partial { count: f32, mean: f32, m2: f32 }

fn join(a: Partial, b: Partial) -> Partial {
  if (b.count == 0.0) { return a; }
  let count = a.count + b.count;
  let share = b.count / count;
  let delta = b.mean - a.mean;
  return Partial(count, a.mean + delta * share, a.m2 + b.m2 + delta * delta * a.count * share);
}

fn pack(p: Partial) -> vec4<f32> { return vec4(p.count, p.mean, p.m2, 0.0); }
fn unpack(v: vec4<f32>) -> Partial { return Partial(v.x, v.y, v.z); }
