import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DriveLog, readLog } from '../../../fs-adapter/cache/drive-log.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const ROUNDS = 300;

describe("a drive's log", () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    folder = await temporaryDirectory('ferry-log');
  });
  afterEach(() => folder.close());

  test('files that were given up are not closed under a flush that begins meanwhile', async () => {
    const log = await DriveLog.open(folder.path);
    for (let round = 0; round < ROUNDS; round += 1) {
      log.append([Buffer.from(`one ${round}`)]);
      const first = log.sync();
      log.append([Buffer.from(`other ${round}`)]);
      const dropped = log.drop(log.rotate());
      const second = log.sync();
      await Promise.all([first, dropped, second]);
    }
    log.append([Buffer.from('last')]);
    await log.sync();
    await log.close();
    const left: string[] = [];
    for await (const rows of readLog(folder.path)) left.push(rows.toString());
    expect(left).toEqual(['last']);
  });
});
