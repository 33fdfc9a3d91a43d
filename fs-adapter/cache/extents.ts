import type { Extent } from './drive-tree.ts';

/** Returns the place after the last byte. */
export function endOf(extent: Extent): number {
  return extent.offset + extent.length;
}

/** Tells whether two parts have a byte in common. */
export function meet(one: Extent, other: Extent): boolean {
  return one.offset < endOf(other) && other.offset < endOf(one);
}

/** Returns how many bytes the parts have together. */
export function bytesIn(extents: readonly Extent[]): number {
  return extents.reduce((sum, { length }) => sum + length, 0);
}
