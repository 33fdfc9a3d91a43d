import { FerryError } from '../../core/model/errors.ts';
import { nameOf, type SyncPath, TEMPORARY_PREFIX } from '../../core/model/path.ts';
import type { ProbeResult } from './probe-result.ts';

type NamesProbe = Pick<ProbeResult, 'listsDotNames' | 'unusableNames'>;

/** Names that a probe tries, and what they stand for: where one does not come back, all others like it are refused. */
export const ODD_NAMES: readonly {
  readonly name: string;
  readonly like: RegExp;
  readonly what: string;
}[] = [
  { name: 'a b%20#?&+;=.txt', like: /[%#?&+;=]/, what: 'one of % # ? & + ; =' },
  { name: 'colon:name', like: /:/, what: 'a colon' },
  { name: 'back\\slash', like: /\\/, what: 'a backslash' },
  { name: '"quoted" <tag> |pipe*', like: /["<>|*]/, what: 'one of " < > | *' },
  { name: 'trailing dot.', like: /\.$/, what: 'a dot at its end' },
  { name: 'trailing space ', like: / $/, what: 'a space at its end' },
  { name: 'Ünïcödé 日本 🚢', like: /[^\p{ASCII}]/u, what: 'letters that are not ASCII' },
  { name: '%41', like: /%[0-9a-f]{2}/i, what: 'a percent sign before two digits' },
  { name: 'tab\tstop', like: /[^\P{Cc}\n]/u, what: 'a control character' },
  { name: 'line\nbreak', like: /\n/, what: 'a line break' },
];

/** Tells whether what is at `path` shows up in listings; Ferry's own temporary names are never looked for there. */
export function isListable({ listsDotNames }: NamesProbe, path: SyncPath): boolean {
  return listsDotNames || path.split('/').every((name) => isOwn(name) || !name.startsWith('.'));
}

function isOwn(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX);
}

/**
 * Refuses to put something where listings do not show it under its name: the next run would take it for deleted.
 * @throws NAME_NOT_ALLOWED
 */
export function expectListable(probe: NamesProbe, path: SyncPath): void {
  if (!isListable(probe, path))
    throw new FerryError(
      'NAME_NOT_ALLOWED',
      `${path}: this server leaves names that begin with a dot out of its listings, so it is not put there`,
      { path },
    );
  const name = nameOf(path);
  const kind = ODD_NAMES.find(
    (one) => probe.unusableNames.includes(one.name) && one.like.test(name) && !isOwn(name),
  );
  if (kind !== undefined)
    throw new FerryError(
      'NAME_NOT_ALLOWED',
      `${path}: its name has ${kind.what}, which this server does not keep; rename it`,
      { path },
    );
}
