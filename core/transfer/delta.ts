import type { ChunkList } from '../chunks.ts';
import type { ContentHash } from '../model/entry.ts';
import { ChunkIndex, ChunkTable } from './chunk-index.ts';

/** A part of a content: bytes that the receiver has, at `from` in what it has, or new ones (null). */
export interface DeltaPart {
  readonly from: number | null;
  /** Where it is in the content that is made. */
  readonly offset: number;
  readonly length: number;
}

/** How one content comes out of another. */
export interface Delta {
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  readonly newBytes: number;
  readonly parts: readonly DeltaPart[];
}

export interface DeltaLimits {
  /** A stretch to be copied that is shorter than this, between new ones, is taken as new: it costs less so. */
  readonly gapBytes: number;
  /** With more new stretches than this, longer gaps are taken in. */
  readonly maxStretches: number;
}

/** At least this part of a content must be there already for a delta to be worth its trouble. */
const WORTHWHILE_PART = 0.25;

/**
 * Returns how `target` comes out of `base`: equal chunks are copied, wherever they are, everything else is new. Null
 * when the lists cannot be compared, or too little is there already.
 * @throws REMOTE_PROTOCOL for a list that is none
 */
export function deltaOf(base: ChunkList, target: ChunkList, limits: DeltaLimits): Delta | null {
  if (base.averageBytes !== target.averageBytes) return null;
  const found = matchedParts(new ChunkTable(base), new ChunkTable(target));
  const { hash, sizeBytes } = target;
  let { gapBytes } = limits;
  for (;;) {
    const parts = withoutGaps(found, gapBytes);
    const added = parts.filter(({ from }) => from === null);
    const newBytes = added.reduce((sum, { length }) => sum + length, 0);
    if (newBytes > sizeBytes * (1 - WORTHWHILE_PART)) return null;
    if (added.length <= limits.maxStretches) return { hash, sizeBytes, newBytes, parts };
    gapBytes = Math.max(1, gapBytes) * 2;
  }
}

/** Yields the target's parts as long as they can be. */
function matchedParts(base: ChunkTable, target: ChunkTable): readonly DeltaPart[] {
  const index = new ChunkIndex(base);
  const joined = new JoinedParts();
  let previous = -1;
  for (let chunk = 0; chunk < target.count; chunk++) {
    // What follows in the base is preferred: of equal chunks, as in a stretch of zeros, any would do.
    const next = previous < 0 ? -1 : previous + 1;
    const follows = next > 0 && next < base.count && base.equals(next, target, chunk);
    previous = follows ? next : index.find(target, chunk);
    const from = previous < 0 ? null : base.offsetOf(previous);
    joined.add({ from, offset: target.offsetOf(chunk), length: target.lengthOf(chunk) });
  }
  return joined.parts;
}

/** Takes copied stretches that are short, between two new ones, as new. */
function withoutGaps(parts: readonly DeltaPart[], gapBytes: number): readonly DeltaPart[] {
  const joined = new JoinedParts();
  parts.forEach((part, index) => {
    const isBetween = parts[index - 1]?.from === null && parts[index + 1]?.from === null;
    joined.add(isBetween && part.length < gapBytes ? { ...part, from: null } : part);
  });
  return joined.parts;
}

class JoinedParts {
  readonly parts: DeltaPart[] = [];

  add(part: DeltaPart): void {
    const last = this.parts.at(-1);
    if (part.length === 0) return;
    if (!last || !isContinued(last, part)) this.parts.push(part);
    else this.parts[this.parts.length - 1] = { ...last, length: last.length + part.length };
  }
}

function isContinued(last: DeltaPart, { from }: DeltaPart): boolean {
  return last.from === null || from === null
    ? last.from === from
    : last.from + last.length === from;
}
