// The function of unary/functions on an Element: here of four float32.

fn derivative_each(x: Element) -> Element {
  return vec4(derivative(x.x), derivative(x.y), derivative(x.z), derivative(x.w));
}
