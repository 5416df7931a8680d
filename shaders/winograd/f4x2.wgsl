// Winograd's F(4, 2): four outputs of a correlation with two taps from five products, instead of eight. In two dimensions
// 25 products for a 4×4 tile of outputs, where 64 are plain: 2.56 times fewer.
// y = OUTPUT_T ((WEIGHT w) ⊙ (INPUT_T d)), by Toom and Cook's method on the points 0, 1, -1, 2 and ∞ (Lavin and Gray 2015,
// arXiv 1509.09308; Blahut, Fast Algorithms for Signal Processing, 2010, section 5.2).

const TILE = 5u;
const OUTPUTS = 4u;
const TAPS = 2u;

const INPUT_T = array(
  array(2f, -1f, -2f, 1f, 0f),
  array(0f, 2f, 1f, -1f, 0f),
  array(0f, -2f, 3f, -1f, 0f),
  array(0f, -1f, 0f, 1f, 0f),
  array(0f, 2f, -1f, -2f, 1f),
);
const WEIGHT = array(
  array(1f / 2f, 0f),
  array(1f / 2f, 1f / 2f),
  array(1f / 6f, -1f / 6f),
  array(1f / 6f, 2f / 6f),
  array(0f, 1f),
);
const OUTPUT_T = array(
  array(1f, 1f, 1f, 1f, 0f),
  array(0f, 1f, -1f, 2f, 0f),
  array(0f, 1f, 1f, 4f, 0f),
  array(0f, 1f, -1f, 8f, 1f),
);
