// The function of unary_functions.wgsl on an Element: here of one float32.

fn derivative_each(x: Element) -> Element { return derivative(x); }
