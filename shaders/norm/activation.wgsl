// The activation behind a normalisation, so that both take one pass. Constants: ACTIVATION (0 none, 1 relu, 2 leaky relu
// with params.slope).

fn activate(v: Element) -> Element {
  switch ACTIVATION {
    case 0u: { return v; }
    case 1u: { return select(v, Element(0.0), v <= Element(0.0)); }
    default: { return select(params.slope * v, v, v > Element(0.0)); }
  }
}

// The gradient of v = (x - mean) · scale + shift, given that of activate(v). v is computed again, not kept.
fn through_activation(v: Element, g: Element) -> Element {
  switch ACTIVATION {
    case 0u: { return g; }
    case 1u: { return g * select(Element(0.0), Element(1.0), v > Element(0.0)); }
    default: { return g * select(Element(params.slope), Element(1.0), v > Element(0.0)); }
  }
}
