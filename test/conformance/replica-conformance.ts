import { afterEach, beforeEach, describe } from '@jest/globals';
import { changingBehaviour } from './changing.ts';
import { chunkingBehaviour } from './chunking.ts';
import { groupingBehaviour } from './grouping.ts';
import { knownListingsBehaviour } from './known-listings.ts';
import { observingBehaviour } from './observing.ts';
import { readingBehaviour } from './reading.ts';
import type { ConformanceFactory, ConformanceSetting } from './setting.ts';
import { writingBehaviour } from './writing.ts';

export type { ConformanceFactory, ConformanceSetting, OutsideAccess } from './setting.ts';

/**
 * Describes what every `Replica` does, whatever is behind it: one suite for the folder, the servers and memory.
 * `factory` is called for each test and gives an empty tree.
 */
export function describeReplicaConformance(name: string, factory: ConformanceFactory): void {
  describe(`replica conformance: ${name}`, () => {
    let setting: ConformanceSetting;
    beforeEach(async () => {
      setting = await factory();
    });
    afterEach(() => setting.close());

    const current = (): ConformanceSetting => setting;
    describe('observe and stat', () => observingBehaviour(current));
    describe('known listings', () => knownListingsBehaviour(current));
    describe('read', () => readingBehaviour(current));
    describe('writeMany', () => writingBehaviour(current));
    describe('chunks and recipes', () => chunkingBehaviour(current));
    describe('groups', () => groupingBehaviour(current));
    describe('directories, moves, removals and metadata', () => changingBehaviour(current));
  });
}
