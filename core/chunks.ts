import type { ContentHash, Version } from './model/entry.ts';

/**
 * A content cut into content-defined chunks: where two contents have the same bytes they have mostly the same chunks,
 * wherever in them. Only lists of one average can be compared.
 */
export interface ChunkList {
  readonly hash: ContentHash;
  readonly sizeBytes: number;
  /** How long a chunk is on average; see chunkAverageFor. */
  readonly averageBytes: number;
  /** 16 bytes for each chunk, in order: its length (4 bytes, big-endian) and the first 12 bytes of its BLAKE3. */
  readonly chunks: Uint8Array;
}

export interface ChunkOptions {
  /** Fails with `CHANGED` if the file is not this version, at the start or at the end. */
  readonly expected: Version;
  /** A wish: a side that has made its lists already gives them as they are. */
  readonly averageBytes?: number;
  readonly signal?: AbortSignal;
}

/** How a content comes out of another one. */
export interface Recipe {
  readonly sizeBytes: number;
  readonly hash: ContentHash;
  /** Parts of the content, in order: bytes of the file that the receiver has now, or new ones. */
  readonly instructions: AsyncIterable<RecipeInstruction>;
}

export type RecipeInstruction =
  | { readonly copy: { readonly offset: number; readonly length: number } }
  | { readonly data: Uint8Array };

/** The beginning of a content that the receiver has already. */
export interface KeptBeginning {
  readonly sizeBytes: number;
  /** Reads it, to be verified together with the rest. */
  read(): AsyncIterable<Uint8Array>;
}
