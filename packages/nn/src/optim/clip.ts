// Gradient clipping, between backward() and step(). It runs on the device and does not wait.
import { sqrt, sum, type Tensor, zeros } from '@forger/tensor';
import { clipToNorm, clipValue, flatChunk, squaredSums } from '@forger/tensor/internal';
import { checkAtLeast } from './optimizer.ts';

/**
 * The gradients as few long vectors: neighbours in an optimizer's flat buffer are one vector, including the
 * zeros between them. The vectors are views; call it in a scope.
 */
function gradientVectors(parameters: Iterable<Tensor>): Tensor[] {
  const runs: { first: Tensor; bytes: number }[] = [];
  for (const { grad, gradSlot } of parameters) {
    if (!grad) continue;
    const last = runs.at(-1);
    const end = last && last.first.offset + Math.ceil(last.bytes / (flatChunk * 4)) * flatChunk * 4;
    if (last && grad === gradSlot && grad.storage === last.first.storage && grad.offset === end) {
      last.bytes = grad.offset + grad.bytes - last.first.offset;
    } else {
      runs.push({ first: grad, bytes: grad.bytes });
    }
  }
  return runs.map(({ first, bytes }) => first.view([bytes / 4]));
}

/**
 * Scales all gradients by one factor so that their joint 2-norm is at most maxNorm, as
 * torch.nn.utils.clip_grad_norm_. A norm of NaN makes all gradients NaN; an infinite one makes the finite
 * gradients 0, as there.
 * @returns the norm before clipping, a tensor of shape [].
 * @throws ConfigError on a negative maxNorm.
 */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number): Tensor {
  checkAtLeast('maxNorm', maxNorm, 0);
  const list = [...parameters];
  if (!list.some((p) => p.grad)) return zeros([], { device: list[0]?.device });
  return list[0]!.device.scope(() => {
    const vectors = gradientVectors(list);
    const norm = sqrt(sum(squaredSums(vectors)));
    for (const x of vectors) clipToNorm(x, norm, maxNorm);
    return norm;
  });
}

/**
 * Limits every element of the gradients to [-limit, limit], as torch.nn.utils.clip_grad_value_. NaN stays
 * NaN.
 * @throws ConfigError on a negative limit.
 */
export function clipGradValue(parameters: Iterable<Tensor>, limit: number): void {
  checkAtLeast('limit', limit, 0);
  const list = [...parameters];
  list[0]?.device.scope(() => {
    for (const x of gradientVectors(list)) clipValue(x, limit);
  });
}
