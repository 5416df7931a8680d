// Σ g and Σ g·x̂ of a part of a group, g being the gradient of the normalisation's result: the gradients of bias and
// weight, and what the gradient of x needs of them.
struct Partial { sum: f32, dot: f32 }

fn join(a: Partial, b: Partial) -> Partial { return Partial(a.sum + b.sum, a.dot + b.dot); }

fn pack(p: Partial) -> vec4<f32> { return vec4(p.sum, p.dot, 0.0, 0.0); }
fn unpack(v: vec4<f32>) -> Partial { return Partial(v.x, v.y); }
