// Scopes: tensors created inside are freed at the end unless they are returned or kept, as with
// TensorFlow.js' `tidy`.

/** Anything that a scope can free. */
export interface Disposable {
  dispose(): void;
  /** A leaf's gradient: it leaves a scope together with the leaf. */
  readonly grad?: Disposable | null;
}

/**
 * A stack of scopes. Items created outside any scope live until they are disposed of or garbage-collected.
 */
export class ScopeStack {
  readonly #stack: Set<Disposable>[] = [];

  get depth(): number {
    return this.#stack.length;
  }

  track(item: Disposable): void {
    this.#stack.at(-1)?.add(item);
  }

  /** Takes an item out of every open scope, so that it outlives them. */
  keep(item: Disposable): void {
    for (const scope of this.#stack) scope.delete(item);
  }

  /** Moves an item to the scope of another, or out of every open scope when the other is in none. */
  follow(item: Disposable, other: Disposable): void {
    this.keep(item);
    this.#stack.findLast((scope) => scope.has(other))?.add(item);
  }

  /**
   * Runs `fn` in a new scope. Items that it returns (also in arrays and plain objects) move to the
   * surrounding scope.
   */
  run<T>(fn: () => T): T {
    const scope = new Set<Disposable>();
    this.#stack.push(scope);
    let survivors: Disposable[] = [];
    try {
      const result = fn();
      if (result instanceof Promise) {
        throw new TypeError(
          'A scope was given an async function; do the waiting outside it and pass a plain function.',
        );
      }
      survivors = this.#found(result, scope);
      return result;
    } finally {
      this.#stack.pop();
      for (const item of survivors) scope.delete(item);
      for (const item of scope) item.dispose();
      for (const item of survivors) this.track(item);
    }
  }

  /** As `run`, but returned items outlive all scopes; `kept` lists them. */
  runKeeping<T>(fn: () => T): { result: T; kept: Disposable[] } {
    const kept: Disposable[] = [];
    const result = this.run(() => {
      const value = fn();
      kept.push(...this.#found(value, this.#stack.at(-1)!));
      return value;
    });
    for (const item of kept) this.keep(item);
    return { result, kept };
  }

  #found(value: unknown, scope: Set<Disposable>): Disposable[] {
    if (value === null || typeof value !== 'object') return [];
    const item = value as Disposable;
    if (scope.has(item)) return [item, ...this.#found(item.grad, scope)];
    if (Array.isArray(value)) return value.flatMap((v) => this.#found(v, scope));
    if (Object.getPrototypeOf(value) !== Object.prototype) return [];
    return Object.values(value).flatMap((v) => this.#found(v, scope));
  }
}
