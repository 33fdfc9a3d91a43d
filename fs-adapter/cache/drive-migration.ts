import { crc32 } from 'node:zlib';
import type { ByteStore, StoreOperation } from '../../core/records/store.ts';
import { type DriveRow, digestOfRow, encodeRow } from './drive-row.ts';

const ROW_PREFIX = 'n/';
const META_KEY = 'm/drive';
const CHECK_KEY = 'm/check';
const NS_PER_MS = 1_000_000n;

/**
 * Rewrites the rows of schema 1, which were JSON, in one step. Where its check did not hold, the new one does not hold
 * either, so that rows that were lost are still noticed.
 */
export async function migrateRows(store: ByteStore): Promise<void> {
  const operations: StoreOperation<Buffer>[] = [];
  const old = { count: 0, digest: 0 };
  let digest = 0;
  for await (const batch of store.scan(ROW_PREFIX))
    for (const [key, bytes] of batch) {
      const id = Number(key.slice(ROW_PREFIX.length));
      const text = bytes.toString();
      const { row, parentId } = parseRow(id, text);
      const value = encodeRow(row, parentId);
      old.count += 1;
      old.digest = (old.digest + crc32(`${id} ${text}`)) >>> 0;
      digest = (digest + digestOfRow(value)) >>> 0;
      operations.push({ type: 'put', key, value });
    }
  const meta = JSON.parse(String(await store.get(META_KEY)));
  const check = JSON.parse(String((await store.get(CHECK_KEY)) ?? 'null'));
  const isWhole = check === null || (check.count === old.count && check.digest === old.digest);
  const put = (key: string, value: unknown): void =>
    void operations.push({ type: 'put', key, value: Buffer.from(JSON.stringify(value)) });
  put(META_KEY, { ...meta, schema: 2 });
  if (check !== null) put(CHECK_KEY, { ...check, digest: isWhole ? digest : ~digest >>> 0 });
  await store.batch(operations, { sync: true });
}

function parseRow(id: number, text: string): { row: DriveRow; parentId: number } {
  const [kind, parentId, name, mode, mtimeNs, ctimeMs, identity, counter, ...rest] =
    JSON.parse(text);
  const base = {
    id,
    name: name as string,
    nameBytes: null,
    mode: mode as number,
    mtimeNs: BigInt(mtimeNs),
    ctimeNs: BigInt(Math.trunc(ctimeMs)) * NS_PER_MS,
    atimeNs: BigInt(mtimeNs),
    identity: identity as number,
    counter: counter as number,
    isPinned: false,
    isPlaced: false,
    attributes: null,
  };
  if (kind === 'directory') return { row: { ...base, kind }, parentId };
  if (kind === 'symlink') return { row: { ...base, kind, target: rest[0] }, parentId };
  const [sizeBytes, state, source, hash, backing, stamp] = rest;
  const row: DriveRow = {
    ...base,
    kind: 'file',
    // A version of the other side means that sync has put it there, or has taken it up.
    isPlaced: source !== null,
    sizeBytes,
    state,
    source,
    hash,
    backing,
    stampNs: stamp === null ? null : BigInt(stamp),
    map: null,
  };
  return { row, parentId };
}
