import type { Exchange } from './exchange.ts';

/** What a client would like an answer to leave out (RFC 7240, RFC 8144). */
export interface Preferences {
  /** What it can conclude by itself: properties that are not there, changes that were made as asked. */
  readonly isMinimal: boolean;
  /** The collection that a listing is about. */
  readonly isWithoutRoot: boolean;
}

/** Returns the preferences of a request; `Brief: t` is the older word for a minimal answer. */
export function preferencesOf(exchange: Exchange): Preferences {
  const words = (exchange.header('prefer') ?? '')
    .toLowerCase()
    .split(',')
    .map((word) => word.replace(/;.*$/, '').replaceAll(/[\s"]/g, ''));
  return {
    isMinimal: words.includes('return=minimal') || exchange.header('brief') === 't',
    isWithoutRoot: words.includes('depth-noroot'),
  };
}

/** Returns the header that tells which preferences an answer follows. */
export function appliedHeader(applied: Partial<Preferences>): Readonly<Record<string, string>> {
  const words = [
    ...(applied.isMinimal === true ? ['return=minimal'] : []),
    ...(applied.isWithoutRoot === true ? ['depth-noroot'] : []),
  ];
  return words.length === 0 ? {} : { 'preference-applied': words.join(', ') };
}
