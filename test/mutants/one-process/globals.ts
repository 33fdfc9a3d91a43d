import { createRequire } from 'node:module';
import { format } from 'node:util';

/**
 * Stands in for `@jest/globals` where many test files run in one process, without a registry of modules for each: that
 * takes a fifth of the time. It has what the tests of the core use; how long they take is
 * up to whoever runs them.
 */
type Body = (...values: never[]) => unknown;
type Hook = () => unknown;

interface Suite {
  readonly name: string;
  readonly parent: Suite | null;
  readonly hooks: Readonly<Record<'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll', Hook[]>>;
  readonly parts: (Suite | Case)[];
}

interface Case {
  readonly name: string;
  readonly suite: Suite;
  readonly body: () => unknown;
}

const nextToJest = createRequire(createRequire(import.meta.url).resolve('jest'));

/** Loads what jest brings with it: it is no dependency of our own. */
function broughtByJest(name: string) {
  return nextToJest(name);
}

/** Jest's assertions. */
export const expect = broughtByJest('expect').expect;
/** Jest's `fn` and `spyOn`; no timers. */
export const jest = new (broughtByJest('jest-mock').ModuleMocker)(globalThis);

function suiteNamed(name: string, parent: Suite | null): Suite {
  return {
    name,
    parent,
    hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] },
    parts: [],
  };
}

let current = suiteNamed('', null);

function block(name: string, body: Hook): void {
  const outer = current;
  current = suiteNamed(name, outer);
  outer.parts.push(current);
  body();
  current = outer;
}

function single(name: string, body: Hook): void {
  current.parts.push({ name, suite: current, body });
}

/** Returns `each` for blocks or tests: one for each row of a table. */
function eachOf(add: (name: string, body: Hook) => void) {
  return (table: readonly unknown[]) =>
    (name: string, body: Body): void => {
      for (const row of table) {
        const values = (Array.isArray(row) ? row : [row]) as never[];
        const named = name.replaceAll(/\$([\w.]+)/g, (_, keys: string) =>
          String(fieldOf(row, keys)),
        );
        add(format(named, ...values), () => body(...values));
      }
    };
}

function fieldOf(row: unknown, keys: string): unknown {
  return keys.split('.').reduce((value, key) => Object(value)[key], row);
}

/** What cannot run here proves nothing about a bug. */
function skipped(name: string): void {
  process.stderr.write(`left out: ${name}\n`);
}

export const describe = Object.assign(block, { each: eachOf(block), skip: skipped });
export const test = Object.assign(single, { each: eachOf(single) });
export const it = test;
export const beforeAll = (hook: Hook): unknown => current.hooks.beforeAll.push(hook);
export const beforeEach = (hook: Hook): unknown => current.hooks.beforeEach.push(hook);
export const afterEach = (hook: Hook): unknown => current.hooks.afterEach.push(hook);
export const afterAll = (hook: Hook): unknown => current.hooks.afterAll.push(hook);

/** Loads one file of tests and runs them. @throws Error that names the first that fails */
export async function runFile(load: () => Promise<unknown>): Promise<void> {
  current = suiteNamed('', null);
  const file = current;
  await load();
  await runSuite(file);
}

async function runSuite(suite: Suite): Promise<void> {
  for (const hook of suite.hooks.beforeAll) await hook();
  for (const part of suite.parts)
    if ('parts' in part) await runSuite(part);
    else await runCase(part);
  for (const hook of suite.hooks.afterAll) await hook();
}

async function runCase({ name, suite, body }: Case): Promise<void> {
  const around: Suite[] = [];
  for (let above: Suite | null = suite; above !== null; above = above.parent) around.unshift(above);
  const title = [...around.map((one) => one.name), name].filter((one) => one !== '').join(' ');
  try {
    for (const { hooks } of around) for (const hook of hooks.beforeEach) await hook();
    await body();
    for (const { hooks } of around.reverse()) for (const hook of hooks.afterEach) await hook();
  } catch (error) {
    throw new Error(title, { cause: error });
  }
}
