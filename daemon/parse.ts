import { FerryError } from '../core/model/errors.ts';

/** Turns a value of unknown shape into T, or throws CONFIG_INVALID naming `key`, the way to it from the document. */
export type Parser<T> = (value: unknown, key: string) => T;

/** Returns the error for a value that cannot be used at `key`. */
export function invalid(key: string, expected: string, value: unknown): FerryError {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  const where = key === '' ? '' : `${key}: `;
  return new FerryError('CONFIG_INVALID', `${where}expected ${expected}, found ${shown}`);
}

/** Parses a string that is not empty. */
export const string: Parser<string> = (value, key) => {
  if (typeof value !== 'string' || value === '') throw invalid(key, 'a text', value);
  return value;
};

/** Parses true or false. */
export const boolean: Parser<boolean> = (value, key) => {
  if (typeof value !== 'boolean') throw invalid(key, 'true or false', value);
  return value;
};

/** Returns a parser of finite numbers from `least` to `most`. */
export function number(least: number, most: number): Parser<number> {
  return (value, key) => {
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw invalid(key, `a number from ${least} to ${most}`, value);
    return value;
  };
}

/** Returns a parser of one of a few words. */
export function oneOf<T extends string>(words: readonly T[]): Parser<T> {
  return (value, key) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw invalid(key, `one of ${words.join(', ')}`, value);
    return found;
  };
}

/** Returns a parser of texts that match `pattern`. */
export function matching(pattern: RegExp, expected: string): Parser<string> {
  return (value, key) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw invalid(key, expected, value);
    return value;
  };
}

/** Returns a parser of lists. */
export function listOf<T>(item: Parser<T>): Parser<readonly T[]> {
  return (value, key) => {
    if (!Array.isArray(value)) throw invalid(key, 'a list', value);
    return value.map((each, index) => item(each, `${key}[${index}]`));
  };
}

/** Reads the members of one object, and knows afterwards which ones nobody asked for. */
export interface ObjectReader {
  required<T>(name: string, parser: Parser<T>): T;
  optional<T>(name: string, parser: Parser<T>): T | undefined;
  /** Returns `{ [name]: value }`, or nothing to spread where the member is absent. */
  spread<K extends string, T>(name: K, parser: Parser<T>): { readonly [P in K]?: T };
  withDefault<T>(name: string, parser: Parser<T>, fallback: T): T;
}

/** Collects what is odd but does no harm. */
export type Warn = (message: string) => void;

function members(value: unknown, key: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(key, 'an object', value);
  return value as Readonly<Record<string, unknown>>;
}

/** Returns a parser of objects; members that `read` does not ask for are warned about. */
export function object<T>(read: (reader: ObjectReader, key: string) => T, warn: Warn): Parser<T> {
  return (value, key) => {
    const fields = members(value, key);
    const known = new Set<string>();
    const at = (name: string) => (key === '' ? name : `${key}.${name}`);
    const optional = <V>(name: string, parser: Parser<V>): V | undefined => {
      known.add(name);
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      return field === undefined ? undefined : parser(field, at(name));
    };
    const result = read(
      {
        optional,
        required: (name, parser) => optional(name, parser) ?? parser(undefined, at(name)),
        withDefault: (name, parser, fallback) => optional(name, parser) ?? fallback,
        spread: <K extends string, V>(name: K, parser: Parser<V>) => {
          const field = optional(name, parser);
          return (field === undefined ? {} : { [name]: field }) as { [P in K]?: V };
        },
      },
      key,
    );
    for (const name of Object.keys(fields))
      if (!known.has(name)) warn(`${at(name)}: unknown key, ignored`);
    return result;
  };
}

/** Returns a parser of objects whose members are all alike, as a map in the order of the document. */
export function mapOf<T>(name: Parser<string>, item: Parser<T>): Parser<ReadonlyMap<string, T>> {
  return (value, key) =>
    new Map(
      Object.entries(members(value, key)).map(([each, field]) => [
        name(each, `${key}.${each} (its name)`),
        item(field, `${key}.${each}`),
      ]),
    );
}
