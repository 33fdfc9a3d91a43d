import type { Site } from './site.ts';

/** Returns the extensions that Ferry's client looks for; see docs/server.md and docs/protocol.md. */
export function ferryExtensions({ feed, readOnly, root, versions }: Site): string {
  // The JavaScript backend sets times to the microsecond only.
  const times = root.timePrecisionNs === 1n ? 'mtime' : 'mtime mtime-us';
  const kept = versions === null ? '' : ' versions';
  const changes = readOnly ? '' : ' batch recipe resume';
  // Cutting a large file takes JavaScript too long to be worth it.
  const chunks = root.backend === 'native' ? ' chunks' : '';
  const followed = feed === null ? '' : ' feed events';
  return `1; ${times} mode if-empty move-etag root-id${kept}${changes} batch-get${chunks}${followed}`;
}
