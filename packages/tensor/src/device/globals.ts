// The platform's types that public signatures name. They are those of the program that imports this package: of its DOM
// library, of @webgpu/types or of @types/node, whichever declares them, and `any` where none does. So declarations of
// this package compile under every compiler setting and depend on no package of types.

type Instance<Constructor> = Constructor extends { prototype: infer T } ? T : never;

// biome-ignore-start lint/suspicious/noExplicitAny: stands for types that the program does not have.
export type AbortSignal = typeof globalThis extends { AbortSignal: infer C } ? Instance<C> : any;
export type GPUAdapter = typeof globalThis extends { GPUAdapter: infer C } ? Instance<C> : any;
export type GPUBindGroup = typeof globalThis extends { GPUBindGroup: infer C } ? Instance<C> : any;
export type GPUBindGroupLayout = typeof globalThis extends { GPUBindGroupLayout: infer C }
  ? Instance<C>
  : any;
export type GPUBuffer = typeof globalThis extends { GPUBuffer: infer C } ? Instance<C> : any;
export type GPUCommandEncoder = typeof globalThis extends { GPUCommandEncoder: infer C } ? Instance<C> : any;
export type GPUComputePipeline = typeof globalThis extends { GPUComputePipeline: infer C }
  ? Instance<C>
  : any;
export type GPUDevice = typeof globalThis extends { GPUDevice: infer C } ? Instance<C> : any;
export type GPUTexture = typeof globalThis extends { GPUTexture: infer C } ? Instance<C> : any;
export type GPUTextureView = typeof globalThis extends { GPUTextureView: infer C } ? Instance<C> : any;
export type ImageData = typeof globalThis extends { ImageData: infer C } ? Instance<C> : any;
// biome-ignore-end lint/suspicious/noExplicitAny: as above.
