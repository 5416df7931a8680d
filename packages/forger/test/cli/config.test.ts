// Settings of a run: defaults, faults named by field, and what a resumed run may change.

import { ConfigError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { newConfig, parseConfig, resumeConfig, sameTraining } from '../../src/train/config.ts';
import { config, recipe } from './settings.ts';

describe('parseConfig', () => {
  test('takes what it wrote', () => {
    expect(parseConfig(JSON.parse(JSON.stringify(config)), 'config.json')).toEqual(config);
  });

  test('takes f32, which float32 was called before there was a choice', () => {
    expect(parseConfig({ ...config, precision: 'f32' }, 'c').precision).toBe('float32');
  });

  test.each([
    ['batchSize', 0],
    ['batchSize', 2.5],
    ['imageSize', 100_000],
    ['channels', 2],
    ['lr', -1],
    ['lr', Number.POSITIVE_INFINITY],
    ['seed', 2 ** 32],
    ['precision', 'f16'],
    ['data', ''],
    ['recipe', undefined],
    ['version', 2],
    ['loss', 'mse'],
    ['ema', 1],
    ['nDis', 0],
    ['labelSmoothing', 1],
    ['noise', -1],
  ])('names the field at fault: %s %s', (field, value) => {
    const parse = () => parseConfig({ ...config, [field]: value }, 'runs/a/config.json');
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(`runs/a/config.json: ${field}: `);
  });

  test('names fields that it does not know, and needs exactly one end', () => {
    expect(() => parseConfig({ ...config, bathcSize: 3 }, 'c')).toThrow('bathcSize');
    expect(() => parseConfig({ ...config, minutes: 3 }, 'c')).toThrow(
      'exactly one of epochs, steps and minutes',
    );
    const { steps: _, ...endless } = config;
    expect(() => parseConfig(endless, 'c')).toThrow('exactly one of epochs, steps and minutes');
    expect(() => parseConfig('text', 'c')).toThrow(ConfigError);
  });
});

describe('newConfig', () => {
  test("lays what was given over the recipe's defaults", () => {
    const made = newConfig(recipe, { width: 8, seed: 3 });
    expect(made).toMatchObject({
      recipe: 'quick',
      width: 8,
      seed: 3,
      imageSize: 32,
      epochs: 5,
      sampleEvery: 100,
    });
  });

  test("replaces the recipe's end", () => {
    expect(newConfig(recipe, { minutes: 1.5 })).toMatchObject({ minutes: 1.5 });
    expect(newConfig(recipe, { minutes: 1.5 })).not.toHaveProperty('epochs');
    expect(() => newConfig(recipe, { steps: 1, epochs: 1 })).toThrow('exactly one of');
  });
});

describe('resuming', () => {
  test('may move the end and the intervals', () => {
    expect(resumeConfig(config, {}, 'runs/a')).toEqual(config);
    const longer = resumeConfig(
      config,
      { epochs: 9, sampleEvery: 1, checkpointEvery: 2, dataDir: '/d' },
      'runs/a',
    );
    expect(longer).toMatchObject({ epochs: 9, sampleEvery: 1, checkpointEvery: 2, dataDir: '/d' });
    expect(longer).not.toHaveProperty('steps');
    expect(sameTraining(config, longer)).toEqual([]);
  });

  test.each([
    ['data', '/elsewhere/photos'],
    ['batchSize', 32],
    ['lr', 1e-3],
    ['dLr', 1e-4],
    ['gLr', 1e-4],
  ] as const)('may change %s', (field, value) => {
    expect(resumeConfig(config, { [field]: value }, 'runs/a')).toEqual({ ...config, [field]: value });
    expect(sameTraining(config, { ...config, [field]: value })).toEqual([]);
  });

  test("may move a recipe's own file, but not put it in place of a recipe", () => {
    const own = { ...config, recipe: '/a/own.ts' };
    expect(resumeConfig(own, { recipe: '/b/own.ts' }, 'runs/a').recipe).toBe('/b/own.ts');
    expect(() => resumeConfig(config, { recipe: '/b/own.ts' }, 'runs/a')).toThrow('recipe quick');
  });

  test.each([
    ['recipe', 'pytorch'],
    ['background', 'black'],
    ['imageSize', 64],
    ['width', 64],
    ['channels', 3],
    ['seed', 1],
    ['loss', 'hinge'],
    ['labelSmoothing', 0.1],
    ['nDis', 5],
    ['ema', 0.99],
    ['spectralNorm', true],
    ['noise', 0.1],
  ] as const)('may not change %s', (field, value) => {
    expect(sameTraining(config, { ...config, [field]: value })).toEqual([field]);
    const resume = () => resumeConfig(config, { [field]: value }, 'runs/a');
    expect(resume).toThrow(ConfigError);
    expect(resume).toThrow(`runs/a was trained with ${field} ${config[field] ?? 'not set'} (now ${value})`);
    if (field in config) expect(resumeConfig(config, { [field]: config[field] }, 'runs/a')).toEqual(config);
  });
});
