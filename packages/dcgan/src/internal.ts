// What the command (packages/forger), bench and tests need of this package and users do not: no promise is made of it.

export * from './data/cifar.ts';
export * from './data/fit.ts';
export * from './data/glyphs.ts';
export * from './data/idx.ts';
export * from './data/random.ts';
export * from './data/raw-images.ts';
export * from './data/types.ts';
export * from './index.ts';
export * from './printable.ts';
export * from './recipes/options.ts';
export * from './train/compile.ts';
export * from './train/kernel-defaults.ts';
export * from './train/limits.ts';
export * from './train/step.ts';
export * from './train/step-metrics.ts';
export * from './train/step-runner.ts';
export * from './weights/entry.ts';
export * from './weights/load.ts';
export * from './weights/npz.ts';
export * from './weights/onnx.ts';
export * from './weights/probes.ts';
export * from './weights/pytorch-legacy.ts';
export * from './weights/pytorch-zip.ts';
export * from './weights/recognize.ts';
export * from './weights/safetensors.ts';
export * from './weights/zip.ts';
