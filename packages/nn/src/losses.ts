// Losses are functions of (prediction, target, { reduction }); they live with the other operations.
export { bce, bceWithLogits, crossEntropy, l1, mse } from '@forger/tensor';
