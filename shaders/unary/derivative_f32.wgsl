// The function of unary/functions on an Element: here of one float32.

fn derivative_each(x: Element) -> Element { return derivative(x); }
