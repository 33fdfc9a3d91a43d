import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';

/** What begins the names of files that a program renames over another one; they stay behind when it cannot. */
export const TEMPORARY = '.goutputstream-';

/** Returns a temporary name as GLib's programs use them: these are never uploaded. */
export function temporaryName(owner: string, count: number): string {
  return `${TEMPORARY}${owner.slice(-1).toUpperCase()}${String(count % 100_000).padStart(5, '0')}`;
}

/** What a file was to be after an operation; null: it is not there. */
export type Content = { readonly sizeBytes: number; readonly hash: string } | null;

/**
 * One line of what a program did in the drive, written outside of it: once before the operation, once after it was
 * told that all is durable.
 */
export interface WriteLine {
  readonly step: 'begin' | 'done' | 'failed';
  readonly path: string;
  readonly content: Content;
  /** The old content and the new one may be found mixed while it is not done: the file is changed in place. */
  readonly inPlace: boolean;
}

/** Returns what stands for these bytes. */
export function contentOf(bytes: Uint8Array): NonNullable<Content> {
  const hash = createHash('sha256').update(bytes).digest('hex');
  return { sizeBytes: bytes.length, hash };
}

/** Appends to the log, in one write. */
export function writeLine(file: string, line: WriteLine): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** What may be found at a path. */
export interface Allowed {
  readonly contents: Content[];
  /** Every content that was ever there. */
  readonly earlier: Content[];
  /** The last operation changed the file in place and did not end: its content says nothing. */
  isMixed: boolean;
}

/** Returns, for every path of a log, what may be found there now. */
export function allowedBy(file: string): Map<string, Allowed> {
  const allowed = new Map<string, Allowed>();
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    if (text === '') continue;
    const { step, path, content, inPlace } = JSON.parse(text) as WriteLine;
    const known = allowed.get(path) ?? { contents: [null], earlier: [null], isMixed: false };
    known.earlier.push(content);
    if (step === 'done') {
      allowed.set(path, { contents: [content], earlier: known.earlier, isMixed: false });
      continue;
    }
    if (step === 'failed') continue; // it may have happened all the same
    known.contents.push(content);
    known.isMixed ||= inPlace;
    allowed.set(path, known);
  }
  return allowed;
}

function isOneOf(found: Content, contents: readonly Content[]): boolean {
  return contents.some(
    (each) => each?.hash === found?.hash && each?.sizeBytes === found?.sizeBytes,
  );
}

/** Returns the name of the file that a conflict copy is of; null: it is none. */
export function originalOf(name: string): string | null {
  return /^(.*) \(conflict [^)]*\)$/.exec(name)?.[1] ?? null;
}

/**
 * Tells whether a path is in conflict with itself: what was uploaded right before a kill counts as the other side's
 * change afterwards. The file is as it was uploaded, and what was expected is in a conflict copy; or was removed.
 */
export function isOwnConflict(
  found: Content,
  copies: readonly Content[],
  { contents, earlier, isMixed }: Allowed,
): boolean {
  const isKept = copies.some((copy) => isOneOf(copy, contents));
  if (found === null || !isOneOf(found, earlier)) return isKept;
  return isKept || isMixed || contents.includes(null);
}

/** Says what is wrong with what was found at a path; null: nothing. */
export function judge(path: string, found: Content, allowed: Allowed | undefined): string | null {
  if (allowed === undefined) return found === null ? null : `${path}: nobody made it`;
  if (isOneOf(found, allowed.contents) || (allowed.isMixed && found !== null)) return null;
  const text = (content: Content) =>
    content === null ? 'absent' : `${content.sizeBytes} bytes ${content.hash.slice(0, 8)}`;
  return `${path}: found ${text(found)}, expected ${allowed.contents.map(text).join(' or ')}`;
}
