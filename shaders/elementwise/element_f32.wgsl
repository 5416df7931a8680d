// What a kernel loads and stores at once: here one float32, for sizes of any kind. See element_vec4.wgsl.
alias Element = f32;
const WIDTH = 1u;

fn total(e: Element) -> f32 { return e; }
