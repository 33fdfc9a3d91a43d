import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MountedDrive, reasonWithoutMount } from '../support/mounted-drive.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { featuresOf, SHOWN_WAYS, type ShownWay } from './capabilities.ts';
import { PosixCases, type PosixResult } from './posix-cases.ts';

const TEST_TIMEOUT_MS = 60_000;

const compiled = await temporaryDirectory('ferry-posix');
const cases = await PosixCases.compile(compiled.path).catch(async (error) => {
  await compiled.close();
  if (process.env['FERRY_REQUIRE_FUSE'] === '1') throw error;
  process.stderr.write(`skipped: ${String(error)}\n`);
  return null;
});
afterAll(() => compiled.close());

/** Where the table is held against one way of showing files. */
async function openPlace({
  backend,
  capabilities,
}: ShownWay): Promise<{ readonly path: string; close(): Promise<void> }> {
  if (backend === null || backend === 'folder') return temporaryDirectory('ferry-disk');
  const allowOthers = process.getuid?.() === 0;
  const { passthrough } = capabilities;
  const drive = await MountedDrive.start({ backend, allowOthers, passthrough });
  return { path: drive.mountPoint, close: () => drive.dispose() };
}

function line({ name, verdict, reason }: PosixResult): string {
  return verdict === 'ok' ? `ok ${name}` : `${verdict} ${name}: ${reason}`;
}

for (const [name, way] of Object.entries(SHOWN_WAYS)) {
  const { backend } = way;
  const isMounted = backend !== null && backend !== 'folder';
  const isPossible = cases !== null && !(isMounted && (await reasonWithoutMount(backend)) !== null);
  (isPossible ? describe : describe.skip)(`POSIX on ${name}`, () => {
    let place: { readonly path: string; close(): Promise<void> };
    beforeAll(async () => {
      place = await openPlace(way);
    });
    afterAll(() => place.close());

    test.each(cases?.groups ?? ['-'])(
      '%s behaves as it must',
      async (group) => {
        const found = (await cases?.run(place.path, featuresOf(way), group)) ?? [];
        const expected = found.map(({ name: one, verdict, reason }): PosixResult => {
          const isEither = verdict === 'skip' || way.passing?.includes(one) === true;
          if (isEither) return { group, name: one, verdict, reason };
          return way.gaps[one] === undefined
            ? { group, name: one, verdict: 'ok', reason: '' }
            : { group, name: one, verdict: 'not ok', reason };
        });
        expect(found.map(line)).toEqual(expected.map(line));
      },
      TEST_TIMEOUT_MS,
    );
  });
}
