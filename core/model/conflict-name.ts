/** What a conflict copy is named after, besides the file itself. */
export interface ConflictCopyOptions {
  /** The device that made the version in the copy; characters that some file systems refuse become `-`. */
  readonly device: string;
  /** Local time as `YYYY-MM-DD HH-MM-SS`. */
  readonly timestamp: string;
  /** Tells whether a name is in use in the directory that the copy goes to. */
  readonly isTaken: (name: string) => boolean;
}

const MAX_NAME_BYTES = 255;
const MAX_DEVICE_BYTES = 64;
/** What follows the last dot of a longer name is no extension, but part of a sentence. */
const MAX_EXTENSION_BYTES = 64;

const COPY_NAME =
  /^(.+?) \(conflict .+? \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\)(?: \d+)?((?:\.[^.]+)*)$/su;
const DOUBLE_EXTENSION = /(?<=.)\.tar\.[a-z0-9]+$/isu;
const EXTENSION = /(?<=.)\.[^.]+$/su;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get into a name
const NOT_IN_A_DEVICE = /[\u0000-\u001f\u007f/\\:*?"<>|]/gu;

const encoder = new TextEncoder();
/** Made when it is first needed: it loads tables that no other part of a start needs. */
let segmenter: Intl.Segmenter | undefined;

function charactersOf(text: string): Iterable<Intl.SegmentData> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Returns the longest beginning of `text` that ends with a whole character and fits into `maxBytes`. */
function cut(text: string, maxBytes: number): string {
  if (byteLength(text) <= maxBytes) return text;
  let bytes = 0;
  for (const { segment, index } of charactersOf(text)) {
    bytes += byteLength(segment);
    if (bytes > maxBytes) return text.slice(0, index);
  }
  return text;
}

function splitExtension(name: string): readonly [stem: string, extension: string] {
  const extension = (DOUBLE_EXTENSION.exec(name) ?? EXTENSION.exec(name))?.[0] ?? '';
  if (byteLength(extension) > MAX_EXTENSION_BYTES) return [name, ''];
  return [name.slice(0, name.length - extension.length), extension];
}

/** Returns the name that `name` is a conflict copy of, or `name` itself. */
function originalName(name: string): string {
  const [, stem, extension] = COPY_NAME.exec(name) ?? [];
  return stem === undefined ? name : `${stem}${extension}`;
}

/** Tells whether `name` is one that conflict copies get, whatever they are copies of. */
export function isConflictCopyName(name: string): boolean {
  return COPY_NAME.test(name);
}

/** Tells whether `name` is one that a conflict copy of `original` gets, on whatever device and whenever. */
export function isConflictCopyOf(name: string, original: string): boolean {
  return name !== original && COPY_NAME.test(name) && originalName(name) === originalName(original);
}

/**
 * Returns the name under which the losing version of `name` is kept beside it:
 * `NAME (conflict DEVICE YYYY-MM-DD HH-MM-SS).EXT`, with ` 2`, ` 3`, … before the extension while that is taken.
 * A copy of a conflict copy is named after the original. At most 255 bytes of UTF-8: the stem is cut, at the end of
 * a character.
 */
export function conflictCopyName(name: string, options: ConflictCopyOptions): string {
  const [stem, extension] = splitExtension(originalName(name));
  const device = cut(
    options.device.normalize('NFC').replace(NOT_IN_A_DEVICE, '-'),
    MAX_DEVICE_BYTES,
  );
  const mark = ` (conflict ${device.trim() || 'unknown'} ${options.timestamp})`;
  for (let count = 1; ; count++) {
    const tail = `${mark}${count === 1 ? '' : ` ${count}`}${extension}`;
    const candidate = `${cut(stem, MAX_NAME_BYTES - byteLength(tail))}${tail}`;
    if (!options.isTaken(candidate)) return candidate;
  }
}

/** Returns the local time of a moment, in ms since 1970, as `YYYY-MM-DD HH-MM-SS`. */
export function timestampOf(nowMs: number): string {
  const local = new Date(nowMs - new Date(nowMs).getTimezoneOffset() * 60_000).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 19).replaceAll(':', '-')}`;
}
