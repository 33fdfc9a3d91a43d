import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { of } from 'rxjs';
import { EMPTY_CONFIG } from '../../daemon/config.ts';
import { pairDirectory } from '../../daemon/home.ts';
import { DriveParts } from '../../daemon/open-drive.ts';
import type { HostedDrive } from '../../daemon/parts.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { createMemoryParts, memoryWorkshop } from './memory-parts.ts';

describe('the parts of a drive', () => {
  let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    folder = await temporaryDirectory('ferry-drive-parts');
  });
  afterEach(() => folder.close());

  it('take the drive off its mount point also when nothing can be noted about it', async () => {
    const memory = createMemoryParts();
    let isClosed = false;
    const drive: Partial<HostedDrive> = {
      replica: memory.at('/drive'),
      pending$: of(0),
      stats: { backend: 'native', operations: 0 },
      mount: async () => null,
      close: async () => {
        isClosed = true;
      },
    };
    const workshop = memoryWorkshop(folder.path, {
      ...memory,
      isMountAvailable: async () => ({ available: true }),
      openDrive: async () => drive as HostedDrive,
    });
    const mountPoint = join(folder.path, 'mount');
    const remote = join(folder.path, 'remote');
    const config = { remote, mountPoint, direction: 'two-way', fallback: false } as const;
    const parts = new DriveParts(workshop, EMPTY_CONFIG, 'docs', config);
    const shown = await parts.show();
    const note = join(pairDirectory(workshop.home, 'docs'), 'drive-of.json');
    await rm(note);
    await mkdir(join(note, 'in the way'), { recursive: true });
    await expect(shown.close()).rejects.toThrow();
    expect(isClosed).toBe(true);
  });
});
