// ModuleList and ModuleDict: names, parameters, modes and state dicts of the modules in them.
import { BatchNorm1d, Dropout, Linear, Module, ModuleDict, ModuleList, ReLU } from '@forger/nn';
import { ConfigError, type Tensor, tensor } from '@forger/tensor';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

useDevice();

class Residual extends Module {
  readonly blocks = new ModuleList([new Linear(2, 2), new Linear(2, 2, { bias: false })]);
  readonly heads = new ModuleDict({ real: new Linear(2, 1), drop: new Dropout(0.5) });

  forward(x: Tensor): Tensor {
    let y = x;
    for (const block of this.blocks) y = y.add(block.forward(y));
    return this.heads.get('real').forward(this.heads.get('drop').forward(y));
  }
}

describe('modules in containers', () => {
  it('have PyTorch’s names in state dicts', () => {
    expect([...new ModuleList([new Linear(1, 1)]).stateDict().keys()]).toEqual(['0.weight', '0.bias']);
    expect([...new Residual().stateDict().keys()]).toEqual([
      'blocks.0.weight',
      'blocks.0.bias',
      'blocks.1.weight',
      'heads.real.weight',
      'heads.real.bias',
    ]);
  });

  it('get gradients and can be loaded', async () => {
    const [a, b] = [new Residual(), new Residual()];
    b.loadStateDict(a.stateDict());
    const x = tensor([1, 2], [1, 2]);
    expect(await b.eval().forward(x).data()).toEqual(await a.eval().forward(x).data());
    a.train().forward(x).sum().backward();
    expect(a.parameters()).toHaveLength(5);
    for (const parameter of a.parameters()) expect(parameter.grad?.shape).toEqual(parameter.shape);
  });

  it('follow train() and eval()', () => {
    const net = new Residual();
    net.eval();
    expect([...net.blocks].map(({ training }) => training)).toEqual([false, false]);
    expect(net.heads.get('drop').training).toBe(false);
    net.train();
    expect(net.namedModules().every(([, { training }]) => training)).toBe(true);
  });
});

describe('ModuleList', () => {
  it('is read by index and in order, and grows', () => {
    const list = new ModuleList<Linear>();
    const modules = [new Linear(1, 2), new Linear(2, 3)];
    for (const module of modules) list.append(module);
    expectTypeOf(list.at(0)).toEqualTypeOf<Linear>();
    expect([...list]).toEqual(modules);
    expect(list.length).toBe(2);
    expect(list.at(-1)).toBe(modules[1]);
    for (const index of [2, -3, 0.5]) expect(() => list.at(index)).toThrow(ConfigError);
  });

  it('has no forward pass', () => {
    expect(() => new ModuleList([new ReLU()]).forward()).toThrow(
      /ModuleList has no forward pass.*Sequential/,
    );
  });
});

describe('ModuleDict', () => {
  it('keeps the type of each module', () => {
    const dict = new ModuleDict({ norm: new BatchNorm1d(2), linear: new Linear(2, 1) });
    expectTypeOf(dict.get('linear')).toEqualTypeOf<Linear>();
    expect(dict.entries().map(([name]) => name)).toEqual(['norm', 'linear']);
    expect(() => dict.get('other' as 'norm')).toThrow(/"other".*norm, linear/);
    expect(() => new ModuleDict({ 'a.b': new ReLU() })).toThrow(ConfigError);
  });
});

describe('modules in plain lists and objects', () => {
  it('are refused: they would have no names', () => {
    class Listed extends Module {
      readonly layers = [new ReLU()];
      forward = (x: Tensor): Tensor => x;
    }
    class Keyed extends Module {
      readonly layers = { a: new ReLU() };
      forward = (x: Tensor): Tensor => x;
    }
    expect(() => new Listed().parameters()).toThrow(/'layers'.*ModuleList/);
    expect(() => new Keyed().parameters()).toThrow(/'layers'.*ModuleDict/);
  });
});
