// F(1, 1): no transform at all. It packs the operands of a plain matrix product as transform.wgsl packs tiles.

const TILE = 1u;
const OUTPUTS = 1u;
const TAPS = 1u;

const INPUT_T = array(array(1f));
const WEIGHT = array(array(1f));
const OUTPUT_T = array(array(1f));
