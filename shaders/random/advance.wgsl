// Moves a generator's counter on by the blocks that the dispatch before it used. On the device, so that a recorded
// list of commands draws fresh numbers each time it is replayed. Work: a single invocation.

struct Params { blocks: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: GeneratorState;

@compute @workgroup_size(1)
fn main() {
  state.counter = advanced(state.counter, params.blocks);
}
