/**
 * Holds a mounted drive in a process of its own, as a call on one's own mount never comes back. Driven over the IPC
 * channel: each request names a command and gets one reply.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Version } from '../../core/model/entry.ts';
import type { FerryError } from '../../core/model/errors.ts';
import { parseSyncPath } from '../../core/model/path.ts';
import type { Logger, WriteItem } from '../../core/ports.ts';
import { type DriveOptions, openDrive } from '../../fs-adapter/mount/drive.ts';
import { type HeldDrive, openFolderAsDrive } from './folder-as-drive.ts';
import { type Network, PretendedRemote } from './pretended-remote.ts';
import { type GeneratedFile, UploadsInStep } from './uploads-in-step.ts';

export interface HostOptions {
  readonly mountPoint: string;
  readonly stateDirectory: string;
  readonly readOnly?: boolean;
  readonly allowOthers?: boolean;
  readonly passthrough?: boolean;
  readonly allowSymlinks?: boolean;
  readonly hydrateStallMs?: number;
  readonly temporaryNames?: readonly string[];
  /** `folder`: the folder that stands for a drive where nothing can be mounted. */
  readonly backend?: NonNullable<DriveOptions['backend']> | 'folder';
  /** Nobody is waited for: each of the drive's pauses is over at once, so that much happens in a short time. */
  readonly impatient?: boolean;
  /** Where the pretended other side keeps its contents; absent: in memory, gone with the process. */
  readonly remoteDirectory?: string;
}

/** A file of the pretended other side. */
export interface RemoteFile {
  readonly path: string;
  readonly content: string;
  readonly version: string;
  readonly mtimeNs?: string;
  readonly mode?: number;
}

export type HostCommand =
  | { readonly do: 'open'; readonly options: HostOptions }
  | { readonly do: 'mount' }
  | { readonly do: 'unmount'; readonly lazy?: boolean }
  | { readonly do: 'close' }
  /** Puts files on the other side and tells the drive about them, over what it has there now. */
  | { readonly do: 'arrive'; readonly files: readonly RemoteFile[] }
  /** Puts a file there that is in no memory; its bytes are made by `generatedBytes` when they are fetched. */
  | { readonly do: 'arrive-generated'; readonly files: readonly GeneratedFile[] }
  /** Brings new content over the version that is named; answers with the code it fails with, or null. */
  | { readonly do: 'replace'; readonly path: string; readonly expected: string }
  | { readonly do: 'make-directory'; readonly path: string }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'move'; readonly from: string; readonly to: string }
  | { readonly do: 'network'; readonly state: Network }
  | { readonly do: 'observe' }
  /** Reads every file that is dirty and says that it is uploaded. */
  | { readonly do: 'upload' }
  /** As `upload`, but only what the other side does not have; answers with size and crc32 of each. */
  | { readonly do: 'upload-changed' }
  | { readonly do: 'free'; readonly path: string }
  | { readonly do: 'stats' };

export interface ObservedFile {
  readonly kind: string;
  readonly version: string;
  readonly identity?: string;
  readonly sizeBytes?: number;
  readonly mtimeNs?: string;
  readonly mode?: number;
}

const silent: Logger = {
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  warn: (message, fields) => {
    if (process.env['FERRY_HOST_WARNS'] === '1')
      process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  },
  info: () => {},
  debug: () => {},
  child: () => silent,
};

/** The version of each path on the other side. */
const versions = new Map<string, string>();
const remote = new PretendedRemote();
let inStep = new UploadsInStep(remote);
let drive: HeldDrive | null = null;

function opened(): HeldDrive {
  if (drive === null) throw new Error('no drive is open');
  return drive;
}

/** Only a folder takes it; a drive enters a placeholder. */
async function contentOf(path: string, version: string): Promise<AsyncIterable<Uint8Array>> {
  if (opened().replica.capabilities.placeholders) throw new Error('a placeholder needs no content');
  return (await remote.read(path, version)).stream;
}

async function arrive(files: readonly RemoteFile[]): Promise<unknown> {
  const { replica } = opened();
  const items: WriteItem[] = [];
  for (const { path, content, version, mtimeNs, mode } of files) {
    const at = parseSyncPath(path);
    const bytes = Buffer.from(content, 'base64');
    versions.set(path, version);
    await remote.put(version, bytes);
    items.push({
      path: at,
      expected: (await replica.stat(at))?.version ?? 'absent',
      sizeBytes: bytes.length,
      sourceVersion: version as Version,
      ...(mtimeNs === undefined ? {} : { mtimeNs: BigInt(mtimeNs) }),
      ...(mode === undefined ? {} : { mode }),
      open: () => contentOf(path, version),
    });
  }
  const errors: Record<string, string> = {};
  for await (const group of replica.writeMany(items))
    for (const result of group) if ('error' in result) errors[result.item.path] = result.error.code;
  return errors;
}

async function replace(path: string, expected: string): Promise<string | null> {
  const sourceVersion = 'late' as Version;
  await remote.put(sourceVersion, Buffer.from('late'));
  const open = () => contentOf(path, sourceVersion);
  const at = parseSyncPath(path);
  const item = { path: at, expected: expected as Version, sizeBytes: 4, sourceVersion, open };
  for await (const [result] of opened().replica.writeMany([item]))
    return result !== undefined && 'error' in result ? result.error.code : null;
  return null;
}

async function observe(): Promise<Record<string, ObservedFile | string>> {
  const seen: Record<string, ObservedFile | string> = {};
  for await (const batch of opened().replica.observe())
    for (const one of batch) {
      if (one.type === 'problem') seen[one.path] = one.error.code;
      else {
        const { path, ...entry } = one.entry;
        seen[path] =
          entry.kind === 'file'
            ? { ...entry, mtimeNs: String(entry.mtimeNs) }
            : (entry as ObservedFile);
      }
    }
  return seen;
}

async function upload(): Promise<Record<string, string>> {
  const { replica } = opened();
  const uploaded: Record<string, string> = {};
  for (const [path, entry] of Object.entries(await observe())) {
    if (typeof entry === 'string' || entry.kind !== 'file') continue;
    const at = parseSyncPath(path);
    const expected = entry.version as Version;
    if (versions.get(path) === entry.version) continue;
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of (await replica.read(at, { expected })).stream) chunks.push(chunk);
    } catch (error) {
      uploaded[path] = (error as FerryError).code;
      continue;
    }
    const content = Buffer.concat(chunks);
    versions.set(path, entry.version);
    await remote.put(entry.version, content);
    await replica.noteCounterpart?.(at, expected, expected);
    uploaded[path] = content.toString('base64');
  }
  await replica.flush();
  return uploaded;
}

async function answer(command: HostCommand): Promise<unknown> {
  switch (command.do) {
    case 'open': {
      const { remoteDirectory, backend, impatient = false, ...options } = command.options;
      const clock = {
        now: () => Date.now(),
        sleep: (ms: number) => (impatient ? nextTurn() : delay(ms)),
      };
      if (remoteDirectory !== undefined) await remote.keepIn(remoteDirectory);
      inStep = new UploadsInStep(remote);
      if (backend === 'folder') {
        drive = await openFolderAsDrive({ ...options, clock, logger: silent });
        return null;
      }
      drive = await openDrive({
        name: 'test',
        clock,
        logger: silent,
        hydrate: (path, version, wanted) => remote.read(path, version, wanted),
        ...(backend === undefined ? {} : { backend }),
        ...options,
      });
      return null;
    }
    case 'mount':
      return opened().mount();
    case 'unmount':
      return opened().unmount({ lazy: command.lazy ?? false });
    case 'close':
      return opened().close();
    case 'arrive':
      return arrive(command.files);
    case 'arrive-generated':
      return inStep.arrive(opened().replica, command.files);
    case 'upload-changed':
      return inStep.upload(opened().replica);
    case 'replace':
      return replace(command.path, command.expected);
    case 'make-directory':
      return void (await opened().replica.makeDirectory(parseSyncPath(command.path)));
    case 'remove': {
      const entry = await opened().replica.stat(parseSyncPath(command.path));
      if (entry === null) return null;
      const expected = entry.kind === 'directory' ? 'directory' : entry.version;
      return opened().replica.remove(entry.path, { expected });
    }
    case 'move': {
      const entry = await opened().replica.stat(parseSyncPath(command.from));
      if (entry === null) return null;
      const expected = entry.kind === 'directory' ? 'directory' : entry.version;
      return void (await opened().replica.move(entry.path, parseSyncPath(command.to), {
        expected,
      }));
    }
    case 'network':
      remote.network = command.state;
      return null;
    case 'observe':
      return observe();
    case 'upload':
      return upload();
    case 'free':
      return opened().cache.free([parseSyncPath(command.path)]);
    case 'stats': {
      const { pending, openHandles, hydrating, entries, operations } = opened().stats;
      const { fetched, fetchedBytes } = remote.taken();
      return { pending, openHandles, hydrating, entries, operations, fetched, fetchedBytes };
    }
  }
}

process.on('message', ({ id, command }: { id: number; command: HostCommand }) => {
  answer(command).then(
    (value) => process.send?.({ id, value: value ?? null }),
    (error) => process.send?.({ id, error: { code: error.code, message: String(error) } }),
  );
});
process.on('disconnect', () => process.exit(0));
