// Whether a value is not a number, by its bits: compilers may assume that x == x, and Mesa does.

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
