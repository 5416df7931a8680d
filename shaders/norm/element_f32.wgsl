// What the normalisation kernels load at once: here one float32, for runs of any length. See element_vec4.wgsl.
alias Element = f32;
const WIDTH = 1u;

fn total(e: Element) -> f32 { return e; }
