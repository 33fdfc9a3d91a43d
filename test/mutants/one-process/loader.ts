import type { ResolveHook } from 'node:module';

/** Gives test files our stand-in when they ask for jest's globals. */
export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === '@jest/globals'
    ? { url: new URL('./globals.js', import.meta.url).href, shortCircuit: true }
    : next(specifier, context);
