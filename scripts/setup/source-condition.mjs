// Module hook: resolves @forger/* packages to their TypeScript source, as `node --conditions=@forger/source` would,
// in a process that was started without that flag.
export function resolve(specifier, context, next) {
  return next(specifier, { ...context, conditions: [...context.conditions, '@forger/source'] });
}
