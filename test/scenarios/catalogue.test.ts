import { describe, expect, it } from '@jest/globals';
import type { Direction } from '../../core/model/entry.ts';
import type { MemoryReplicaOptions } from '../../remotes/memory/memory-replica.ts';
import { openMemoryScenario } from '../support/memory-scenario.ts';
import { playScenario } from '../support/play-scenario.ts';
import { CAPABLE_REMOTE } from '../support/sync-world.ts';
import { CATALOGUE } from './catalogue/index.ts';

const DIRECTIONS: readonly Direction[] = ['two-way', 'remote-to-local', 'local-to-remote'];
const REMOTES: readonly (readonly [string, MemoryReplicaOptions])[] = [
  ['a plain server', {}],
  ['a server with hashes and file ids', CAPABLE_REMOTE],
];

describe.each(REMOTES)('with %s', (_name, remote) => {
  describe.each(DIRECTIONS)('%s, a run with', (direction) => {
    const scenarios = CATALOGUE.filter(({ directions = DIRECTIONS }) =>
      directions.includes(direction),
    );
    it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
      '%s keeps everything and comes to rest',
      async (_story, scenario) => {
        const open = () => openMemoryScenario(direction, remote);
        expect(await playScenario(scenario, direction, open)).toEqual([]);
      },
    );
  });
});
