import { openWebdavReplica } from '../../remotes/webdav/webdav-replica.ts';
import { quietLogger, realClock } from './quiet.ts';
import { WELL_BEHAVED } from './servers/misbehaving.ts';

const SAMPLE_MS = 20;

/** Observes the server at argv[2] as a program of its own, so that its memory can be measured; argv[3]: entry budget. */
async function main([url = '', budget = '']: readonly string[]): Promise<void> {
  const open = (address: string) =>
    openWebdavReplica({
      url: address,
      ownerId: 'measured',
      probe: WELL_BEHAVED,
      clock: realClock,
      logger: quietLogger,
      ...(budget === '' ? {} : { entryBudget: Number(budget) }),
    });
  const warm = await open(`${url}warm/`);
  for await (const _ of warm.observe());
  await warm.close();
  const before = process.memoryUsage.rss();
  let most = before;
  const sample = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(sample, SAMPLE_MS);
  const replica = await open(url);
  let entries = 0;
  let code: unknown = null;
  try {
    for await (const batch of replica.observe()) entries += batch.length;
  } catch (error) {
    code = (error as { readonly code?: unknown }).code;
  }
  sample();
  clearInterval(timer);
  await replica.close();
  process.stdout.write(JSON.stringify({ code, entries, grownBytes: most - before }));
}

await main(process.argv.slice(2));
