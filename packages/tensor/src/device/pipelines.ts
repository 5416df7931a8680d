// Compiled kernels. A kernel is a list of WGSL files behind a header of constants. WGSL allows declarations
// in any order, so concatenation links the files. The constants (sizes, switches) specialise the code at
// compile time.

import { DeviceError } from '../errors.ts';
import { type ShaderFile, shaderSources } from '../shaders.generated.ts';
import { notCompiled } from './failure.ts';
import type { GPUBindGroupLayout, GPUComputePipeline, GPUDevice } from './globals.ts';
import type { Waiting } from './platform.ts';
import { computeStage } from './webgpu-constants.ts';

/** A constant of a kernel: whole numbers become u32, booleans bool, `{f32: x}` f32. */
export type Constant = number | boolean | { readonly f32: number };

/** How a kernel uses a storage buffer, or a storage texture of rgba32float. */
export type Access = 'read' | 'write' | 'texture-read' | 'texture-write';

/**
 * What identifies a compiled kernel: its name in profiles, its files, constants, and how it binds its
 * operands.
 */
export interface KernelSource {
  readonly name: string;
  readonly files: readonly ShaderFile[];
  /** Where the WGSL of its files is, if not with that of the operations. */
  readonly sources?: Readonly<Record<string, string>>;
  readonly constants?: Readonly<Record<string, Constant>>;
  /** How bindings 1, 2, … are used; binding 0 is the uniform `params`. */
  readonly bindings: readonly Access[];
  readonly subgroups?: boolean;
  /** Products of small float16 matrices, one to a subgroup (AdapterReport.halfMatrix). */
  readonly halfMatrices?: boolean;
}

export interface CompiledKernel {
  readonly id: number;
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindings: readonly Access[];
}

const layoutEntries: Record<Access, Omit<GPUBindGroupLayoutEntry, 'binding' | 'visibility'>> = {
  read: { buffer: { type: 'read-only-storage' } },
  write: { buffer: { type: 'storage' } },
  'texture-read': { storageTexture: { access: 'read-only', format: 'rgba32float' } },
  'texture-write': { storageTexture: { access: 'write-only', format: 'rgba32float' } },
};

function declareConstant(name: string, value: Constant): string {
  if (typeof value === 'boolean') return `const ${name}: bool = ${value};`;
  if (typeof value === 'number') return `const ${name}: u32 = ${value}u;`;
  return `const ${name}: f32 = f32(${value.f32});`;
}

/** All WGSL in a fixed order. Records of tuned kernels are valid for one such text. */
export function kernelSources(): string {
  return Object.entries(shaderSources).flat().join('\n');
}

/** The WGSL of a kernel: extensions, constants, then its files. */
export function kernelCode(source: KernelSource): string {
  const header: string[] = [];
  if (source.halfMatrices)
    header.push(
      'enable f16, subgroups, chromium_experimental_subgroup_matrix;',
      // The analysis does not see that values derived from the subgroup's number are uniform within it.
      'diagnostic(off, chromium.subgroup_matrix_uniformity);',
    );
  else if (source.subgroups) header.push('enable subgroups;', 'diagnostic(off, subgroup_uniformity);');
  for (const [name, value] of Object.entries(source.constants ?? {}))
    header.push(declareConstant(name, value));
  const sources: Readonly<Record<string, string>> = source.sources ?? shaderSources;
  return [...header, ...source.files.map((file) => sources[file])].join('\n');
}

/** The cache key: equal for kernels that are compiled from the same code. */
export function kernelKey(source: KernelSource): string {
  let key = source.files.join('+');
  for (const name in source.constants) {
    const value = source.constants[name]!;
    key += `|${name}=${typeof value === 'object' ? `${value.f32}f` : value}`;
  }
  return key;
}

/** Compiles each kernel once. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #platform: Waiting;
  readonly #compiled = new Map<string, CompiledKernel>();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  #nextId = 1;

  constructor(device: GPUDevice, platform: Waiting) {
    this.#device = device;
    this.#platform = platform;
  }

  get size(): number {
    return this.#compiled.size;
  }

  has(source: KernelSource): boolean {
    return this.#compiled.has(kernelKey(source));
  }

  /** The compiled kernel; compiles it synchronously if it is not in the cache. */
  get(source: KernelSource): CompiledKernel {
    const kernel = this.#compiled.get(kernelKey(source));
    if (kernel) return kernel;
    const { group, ...descriptor } = this.#describe(source);
    return this.#keep(source, group, this.#device.createComputePipeline(descriptor));
  }

  /** Compiles a kernel in the platform's threads, in parallel with others. */
  async prepare(source: KernelSource): Promise<void> {
    if (this.has(source)) return;
    const { group, ...descriptor } = this.#describe(source);
    const compiling = this.#platform.asynchronous(() => this.#device.createComputePipelineAsync(descriptor));
    const pipeline = await compiling.catch((cause: Error) => {
      throw cause instanceof DeviceError ? cause : notCompiled(source.name, cause.message, cause);
    });
    if (!this.has(source)) this.#keep(source, group, pipeline);
  }

  #describe(source: KernelSource): GPUComputePipelineDescriptor & { group: GPUBindGroupLayout } {
    const { group, pipeline } = this.#layoutOf(source.bindings);
    const label = source.name;
    const module = this.#device.createShaderModule({ label, code: kernelCode(source) });
    return { label, layout: pipeline, compute: { module, entryPoint: 'main' }, group };
  }

  #keep(source: KernelSource, layout: GPUBindGroupLayout, pipeline: GPUComputePipeline): CompiledKernel {
    const { name, bindings } = source;
    const kernel = { id: this.#nextId++, name, pipeline, layout, bindings };
    this.#compiled.set(kernelKey(source), kernel);
    return kernel;
  }

  #layoutOf(bindings: readonly Access[]): {
    group: GPUBindGroupLayout;
    pipeline: GPUPipelineLayout;
  } {
    const key = bindings.join(',');
    let layout = this.#layouts.get(key);
    if (!layout) {
      const visibility = computeStage;
      const entries: GPUBindGroupLayoutEntry[] = [{ binding: 0, visibility, buffer: { type: 'uniform' } }];
      for (const [i, access] of bindings.entries()) {
        entries.push({ binding: i + 1, visibility, ...layoutEntries[access] });
      }
      const group = this.#device.createBindGroupLayout({ entries });
      layout = { group, pipeline: this.#device.createPipelineLayout({ bindGroupLayouts: [group] }) };
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}
