import type { Entry, Version } from '../../core/model/entry.ts';
import { throwIfAborted } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { Metadata, MutationOptions } from '../../core/ports.ts';
import { expectAt } from './conditions.ts';
import { changedError } from './http-errors.ts';
import { lookAt } from './listing.ts';
import type { ProbeResult } from './probe-result.ts';
import { type FerryProperties, setPropertiesIfKept } from './properties.ts';
import { fileEntryOf, type Resource, storedMtimeText } from './resource.ts';
import type { Session } from './session.ts';
import { modeText } from './upload.ts';

/** Sets what the server keeps of a file's time and mode; the rest is left as it is. */
export async function setFileMetadata(
  session: Session,
  probe: ProbeResult,
  path: SyncPath,
  options: MutationOptions & { readonly expected: Version; readonly metadata: Metadata },
): Promise<Entry> {
  const { expected, metadata, signal } = options;
  throwIfAborted(signal);
  const before = await expectAt(session, path, expected, signal);
  const properties = propertiesFor(probe, before, metadata);
  if (properties === null) return fileEntryOf(before);
  await setPropertiesIfKept(session, path, properties, signal);
  const after = await lookAt(session, path, signal);
  if (after === null || after.resource.isCollection)
    throw changedError(path, 'it is gone after its time was set');
  return fileEntryOf(after.resource);
}

function propertiesFor(
  probe: ProbeResult,
  resource: Resource,
  { mtimeNs, mode }: Metadata,
): FerryProperties | null {
  const properties = {
    ...(mtimeNs === undefined ? {} : mtimeProperty(probe, resource, mtimeNs)),
    ...(probe.modes && mode !== undefined ? { mode: modeText(mode) } : {}),
  };
  return Object.keys(properties).length === 0 ? null : properties;
}

function mtimeProperty(probe: ProbeResult, resource: Resource, mtimeNs: bigint): FerryProperties {
  if (probe.companion) return { mtime: `${mtimeNs}` };
  if (!probe.deadProperties) return {};
  const second = 1_000_000_000n;
  const kept = probe.setsMtime === 'seconds' ? mtimeNs - (mtimeNs % second) : mtimeNs;
  return { mtime: storedMtimeText(kept, resource.version, resource.sizeBytes) };
}
