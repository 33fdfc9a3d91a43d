import { DavError } from './dav-error.ts';

/** One condition of an `If` list: the resource has this state token or entity tag, or has it not. */
export interface IfCondition {
  readonly negated: boolean;
  readonly kind: 'token' | 'etag';
  /** A token without its angle brackets; an entity tag with its quotes. */
  readonly value: string;
}

/** Conditions that must hold together; the header holds when one of its lists does. */
export interface IfList {
  /** The tagged resource as it was sent; null: the resource of the request. */
  readonly resource: string | null;
  readonly conditions: readonly IfCondition[];
}

const MAX_CONDITIONS = 1000;

/**
 * Returns the lists of an `If` header (RFC 4918 section 10.4.2).
 * @throws DavError 400 for anything outside the grammar: a list that was not understood must never count as true
 */
export function parseIfHeader(header: string): readonly IfList[] {
  const scanner = new Scanner(header);
  const lists: IfList[] = [];
  const isTagged = scanner.peek() === '<';
  let total = 0;
  let resource: string | null = null;
  while (!scanner.isAtEnd()) {
    if (isTagged && scanner.peek() === '<') {
      resource = scanner.angled();
      if (scanner.peek() !== '(') throw scanner.refusal('a tagged resource needs a list');
    }
    const conditions = parseList(scanner);
    total += conditions.length;
    if (total > MAX_CONDITIONS) throw scanner.refusal('it holds too many conditions');
    lists.push({ resource, conditions });
  }
  if (lists.length === 0) throw scanner.refusal('it is empty');
  return lists;
}

/** Returns all state tokens that the header submits, wherever they stand (RFC 4918 section 7.5). */
export function submittedTokens(lists: readonly IfList[]): ReadonlySet<string> {
  return new Set(
    lists.flatMap(({ conditions }) =>
      conditions.filter(({ kind }) => kind === 'token').map(({ value }) => value),
    ),
  );
}

function parseList(scanner: Scanner): readonly IfCondition[] {
  scanner.expect('(');
  const conditions: IfCondition[] = [];
  while (scanner.peek() !== ')') {
    const negated = scanner.takeNot();
    if (scanner.peek() === '<')
      conditions.push({ negated, kind: 'token', value: scanner.angled() });
    else conditions.push({ negated, kind: 'etag', value: scanner.bracketed() });
  }
  scanner.expect(')');
  if (conditions.length === 0) throw scanner.refusal('a list is empty');
  return conditions;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    return this.peek() === '';
  }

  /** The next character that is not white space; empty at the end. */
  peek(): string {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
    return this.#text[this.#at] ?? '';
  }

  expect(character: string): void {
    if (this.peek() !== character) throw this.refusal(`expected ${character}`);
    this.#at++;
  }

  takeNot(): boolean {
    this.peek();
    if (!/^not(?=[\s<[])/i.test(this.#text.slice(this.#at, this.#at + 4))) return false;
    this.#at += 3;
    return true;
  }

  angled(): string {
    return this.#take(/<([^\s<>"]+)>/y, 'a URI in angle brackets');
  }

  bracketed(): string {
    return this.#take(/\[((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")\]/y, 'an entity tag in brackets');
  }

  #take(pattern: RegExp, what: string): string {
    this.peek();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found?.[1] === undefined) throw this.refusal(`expected ${what}`);
    this.#at = pattern.lastIndex;
    return found[1];
  }

  refusal(reason: string): DavError {
    return new DavError(400, `the If header cannot be read at position ${this.#at}: ${reason}`);
  }
}
