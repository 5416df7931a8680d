// What the normalisation kernels load at once: here four neighbouring float32, for runs of a multiple of 4.
alias Element = vec4<f32>;
const WIDTH = 4u;

fn total(e: Element) -> f32 { return (e.x + e.y) + (e.z + e.w); }
