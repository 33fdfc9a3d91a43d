import type { ApiPair, ApiPassthrough } from '../../daemon/api.ts';

const PASSTHROUGH: Readonly<Record<Exclude<ApiPassthrough, 'untried'>, string>> = {
  yes: 'the kernel reads what is on this device by itself',
  'not-permitted': 'the kernel may read by itself for root only',
  'not-supported': 'the kernel does not read by itself',
};

/** Returns what `ferry status` and `ferry doctor` say of how a drive is shown; null: it is none, or not shown. */
export function mountNote({ mountBackend, mountNote, passthrough }: ApiPair): string | null {
  if (mountBackend === undefined) return null;
  if (mountBackend === 'folder')
    return mountNote === undefined ? 'shown as a folder' : `shown as a folder: ${mountNote}`;
  if (mountBackend === 'fuse-native')
    return 'shown through fuse-native, the portable way (docs/drive.md says what it lacks)';
  const isKnown = passthrough !== undefined && passthrough !== 'untried';
  return `shown natively${isKnown ? `: ${PASSTHROUGH[passthrough]}` : ''}`;
}
