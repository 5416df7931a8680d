// What is transformed, and by which matrix: the operands of a Winograd convolution y = OUTPUT_T (WEIGHT w ⊙ INPUT_T d).
// Its gradients are the same transforms transposed: y's gradient goes in by OUTPUT_T transposed, and the gradients of d
// and w come out by INPUT_T and WEIGHT transposed.
// Constants: ROLE (0 the input, 1 the output, 2 the weight), and a file with the matrices, such as f4x2.wgsl.

const INPUT = 0u;
const OUTPUT = 1u;

// Positions of a tile that an operand has, and how far a tile lies from the next; an input's tiles overlap.
const POSITIONS = select(select(TAPS, OUTPUTS, ROLE == OUTPUT), TILE, ROLE == INPUT);
const STEP = select(TAPS, OUTPUTS, ROLE != 2u);
const OVERLAP = POSITIONS - STEP;

// What position `at` of an operand adds to its point `point`.
fn coefficient(point: u32, at: u32) -> f32 {
  if (ROLE == INPUT) { return INPUT_T[point][at % TILE]; }
  if (ROLE == OUTPUT) { return OUTPUT_T[at % OUTPUTS][point]; }
  return WEIGHT[point][at % TAPS];
}
