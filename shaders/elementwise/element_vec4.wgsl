// What a kernel loads and stores at once: here four neighbouring float32, for sizes that are multiples of 4. Twice as
// fast as one by one on a software adapter (4 vec4 per invocation; measured on lavapipe).
alias Element = vec4<f32>;
const WIDTH = 4u;

fn total(e: Element) -> f32 { return (e.x + e.y) + (e.z + e.w); }
