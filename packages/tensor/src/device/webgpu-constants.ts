// WebGPU's bit flags, which the specification fixes; Node has no globals for them.

export const bufferUsage = {
  MAP_READ: 0x1,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
} as const;
export const textureUsage = { COPY_DST: 0x2, STORAGE_BINDING: 0x8 } as const;
export const mapModeRead = 0x1;
export const computeStage = 0x4;
