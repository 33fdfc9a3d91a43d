import { describe } from '@jest/globals';
import { reasonWithoutMount } from '../support/mounted-drive.ts';
import type { DriveWay } from './capabilities.ts';
import { lifecycle } from './conformance/lifecycle.ts';
import { namesAndAttributes } from './conformance/names-and-attributes.ts';
import { onDemand } from './conformance/on-demand.ts';
import { programs } from './conformance/programs.ts';
import { randomEdits } from './conformance/random-edits.ts';
import { syncing } from './conformance/syncing.ts';

/**
 * What users rely on, whatever way a drive is shown in (the contract in docs/drive.md). Where a way cannot do something,
 * its capabilities say so, and the tests of it are not there or expect what happens instead.
 */
export async function describeConformance(name: string, way: DriveWay): Promise<void> {
  const isMounted = way.backend !== 'folder';
  const isPossible = way.backend === 'folder' || (await reasonWithoutMount(way.backend)) === null;
  const describeWay = isPossible ? describe : describe.skip;
  describeWay(`programs on a drive (${name})`, () => programs(way));
  describeWay(`a drive and what sync does to it (${name})`, () => syncing(way));
  describeWay(`random edits on a drive (${name})`, () => randomEdits(way));
  if (!isMounted) return;
  describeWay(`content of a drive (${name})`, () => onDemand(way));
  describeWay(`names and attributes on a drive (${name})`, () => namesAndAttributes(way));
  describeWay(`mounting, unmounting and coming back (${name})`, () => lifecycle(way));
}
