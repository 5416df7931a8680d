// Winograd's F(3, 2): three outputs of a correlation with two taps from four products, instead of six; in two dimensions
// 16 instead of 36, 2.25 times fewer. The points are 0, 1, -1 and ∞ (see f4x2.wgsl).

const TILE = 4u;
const OUTPUTS = 3u;
const TAPS = 2u;

const INPUT_T = array(
  array(1f, 0f, -1f, 0f),
  array(0f, 1f, 1f, 0f),
  array(0f, -1f, 1f, 0f),
  array(0f, -1f, 0f, 1f),
);
const WEIGHT = array(
  array(1f, 0f),
  array(1f / 2f, 1f / 2f),
  array(1f / 2f, -1f / 2f),
  array(0f, 1f),
);
const OUTPUT_T = array(
  array(1f, 1f, 1f, 0f),
  array(0f, 1f, -1f, 0f),
  array(0f, 1f, 1f, 1f),
);
