import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';

/** What begins the names of files that a program renames over another one; they stay behind when it cannot. */
export const TEMPORARY = '.goutputstream-';

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
  /** The last operation changed the file in place and did not end: its content says nothing. */
  isMixed: boolean;
}

/** Returns, for every path of a log, what may be found there now. */
export function allowedBy(file: string): Map<string, Allowed> {
  const allowed = new Map<string, Allowed>();
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    if (text === '') continue;
    const { step, path, content, inPlace } = JSON.parse(text) as WriteLine;
    const known = allowed.get(path) ?? { contents: [null], isMixed: false };
    if (step === 'done') {
      allowed.set(path, { contents: [content], isMixed: false });
      continue;
    }
    if (step === 'failed') continue; // it may have happened all the same
    known.contents.push(content);
    known.isMixed ||= inPlace;
    allowed.set(path, known);
  }
  return allowed;
}

/** Says what is wrong with what was found at a path; null: nothing. */
export function judge(path: string, found: Content, allowed: Allowed | undefined): string | null {
  if (allowed === undefined) return found === null ? null : `${path}: nobody made it`;
  const isKnown = allowed.contents.some(
    (each) => each?.hash === found?.hash && each?.sizeBytes === found?.sizeBytes,
  );
  if (isKnown || (allowed.isMixed && found !== null)) return null;
  const text = (content: Content) =>
    content === null ? 'absent' : `${content.sizeBytes} bytes ${content.hash.slice(0, 8)}`;
  return `${path}: found ${text(found)}, expected ${allowed.contents.map(text).join(' or ')}`;
}
