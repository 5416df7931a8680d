// Without momentum the step goes along the direction itself. (See momentum.wgsl.)

fn velocity(i: u32, direction: vec4<f32>, state: StepState) -> vec4<f32> {
  return direction;
}
