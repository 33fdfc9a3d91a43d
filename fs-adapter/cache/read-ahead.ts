import type { Extent } from './drive-tree.ts';

/** A file of up to this size is fetched whole: a second request would cost more than its bytes. */
export const WHOLE_FILE_BYTES = 1024 * 1024;
const FIRST_WINDOW_BYTES = 256 * 1024;
const LAST_WINDOW_BYTES = 16 * 1024 * 1024;
/** The kernel reads ahead by itself, several parts at a time and not always in their order. */
const DISORDER_BYTES = 256 * 1024;
/** So many places in one file are followed at a time. */
const PLACES = 4;

interface Place {
  /** Where the next read begins, if it goes on from here. */
  next: number;
  /** How far was fetched ahead. */
  fetchedTo: number;
  window: number;
}

/**
 * Says how much of one file to fetch when a part of it is wanted: only that part where programs jump about, more and
 * more where they read on.
 */
export class ReadAhead {
  readonly #sizeBytes: number;
  readonly #places: Place[] = [];

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  /** Returns what to fetch, from where `part` begins. */
  extend(part: Extent): Extent {
    if (this.#sizeBytes <= WHOLE_FILE_BYTES) return { offset: 0, length: this.#sizeBytes };
    const end = part.offset + part.length;
    const place = this.#placeOf(part);
    place.next = Math.max(place.next, end);
    // The next window begins before this one ends, so that a reader who keeps up with the network never waits for it.
    if (end > place.fetchedTo - place.window / 2) {
      place.window = Math.min(Math.max(FIRST_WINDOW_BYTES, place.window * 2), LAST_WINDOW_BYTES);
      place.fetchedTo = Math.max(end, place.next + place.window);
    }
    const to = Math.min(Math.max(end, place.fetchedTo), this.#sizeBytes);
    return { offset: part.offset, length: to - part.offset };
  }

  #placeOf(part: Extent): Place {
    const index = this.#places.findIndex(
      ({ next, fetchedTo }) =>
        part.offset >= next - DISORDER_BYTES && part.offset <= fetchedTo + DISORDER_BYTES,
    );
    const [found] = index < 0 ? [] : this.#places.splice(index, 1);
    const end = part.offset + part.length;
    // Who begins at the beginning most likely reads on; anywhere else nothing more than the part is wanted yet.
    const fetchedTo = part.offset === 0 ? FIRST_WINDOW_BYTES : end;
    const window = part.offset === 0 ? FIRST_WINDOW_BYTES : 0;
    const place = found ?? { next: end, fetchedTo: Math.max(end, fetchedTo), window };
    this.#places.unshift(place);
    this.#places.length = Math.min(this.#places.length, PLACES);
    return place;
  }
}
