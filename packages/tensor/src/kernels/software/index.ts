// Algorithms that the rules take on software adapters alone, where loads and stores cost far more than
// arithmetic. A GPU runs them only when the tuner, a test or a user asks.
import type { Algorithm } from '../algorithm.ts';
import { gemmAlgorithm } from '../gemm-algorithm.ts';
import { fewChannels } from './conv-few-channels.ts';
import { head } from './conv-head.ts';
import { texture } from './conv-texture.ts';
import { winograd } from './conv-winograd.ts';
import { subgroup, uniform } from './gemm-subgroup.ts';

/** In the order in which the rules ask. */
export const softwareAlgorithms: readonly Algorithm[] = [head, fewChannels, ...winograd, texture];

/** Cores of the batched matrix product, which the rules ask after those. */
export const softwareCores: readonly Algorithm[] = [subgroup, uniform].map(gemmAlgorithm);
