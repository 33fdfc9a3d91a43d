// Prints what the addon makes of fixed contents; FERRY_VECTOR_BITS says with which vectors.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHasher, openSafeRoot } from '../../native/index.ts';
import { randomBytes } from './random-bytes.ts';

const directory = mkdtempSync('/tmp/ferry-test-');
const content = randomBytes(12, 1_200_000);
writeFileSync(join(directory, 'content'), content);
const root = await openSafeRoot(directory);
const { hash, chunks } = await root.chunkFile('content', 700);
const hasher = createHasher();
await hasher.update(chunks.subarray(0, 200_000));
const lengths = [
  0, 1, 64, 1023, 1024, 1025, 2048, 3072, 5000, 9000, 16_384, 17_000, 33_000, 70_000,
];
const digests: string[] = [];
for (const length of lengths) {
  const one = createHasher();
  await one.update(content.subarray(0, length));
  digests.push(one.digest());
}
await root.close();
rmSync(directory, { recursive: true });
process.stdout.write(
  JSON.stringify({ hash, list: hasher.digest(), chunks: chunks.length, digests }),
);
