// Losses are functions of (prediction, target, { reduction }), defined with the operations of @forger/tensor.
export { bce, bceWithLogits, crossEntropy, l1, mse } from '@forger/tensor';
