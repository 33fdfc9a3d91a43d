import type { ServerStats } from './listener.ts';
import type { RequestRecord } from './request-record.ts';
import type { Space } from './storage/space.ts';

/** Upper bounds of the latency histogram, in seconds. */
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What the parts of the server say of themselves when metrics are asked for. */
export interface Gauges {
  readonly stats: ServerStats;
  readonly locks: number;
  /** System calls that made a group of writes durable, and the writes that waited for them. */
  readonly sync: { readonly groups: number; readonly waited: number };
  readonly space: Space;
  /** The number of the latest change; null without a feed. */
  readonly feedSeq: number | null;
}

/** Counts requests, and writes everything in the text format of Prometheus (version 0.0.4). */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #buckets = BUCKETS_S.map(() => 0);
  #durations = 0;
  #durationSumS = 0;

  observe({ method, status, durationMs }: RequestRecord): void {
    // Node's parser knows a few dozen methods and refuses all others, so there are only so many series.
    const series = `method="${method}",status="${status}"`;
    this.#requests.set(series, (this.#requests.get(series) ?? 0) + 1);
    const seconds = durationMs / 1000;
    this.#durations++;
    this.#durationSumS += seconds;
    const bucket = BUCKETS_S.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  text(gauges: Gauges): string {
    const { stats, locks, sync, space, feedSeq } = gauges;
    const { rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const requests = [...this.#requests].map(([series, count]) => [`{${series}}`, count] as const);
    const families = [
      family('ferry_requests_total', 'counter', 'Requests answered or cut.', requests),
      this.#histogram(),
      single('ferry_received_bytes_total', 'counter', 'Bytes from clients.', stats.bytesReceived),
      single('ferry_sent_bytes_total', 'counter', 'Bytes to clients.', stats.bytesSent),
      single('ferry_connections', 'gauge', 'Open connections.', stats.connections),
      single('ferry_active_requests', 'gauge', 'Requests under way.', stats.activeRequests),
      single('ferry_locks', 'gauge', 'Locks in force.', locks),
      single('ferry_sync_groups_total', 'counter', 'Waits for the disk.', sync.groups),
      single('ferry_synced_total', 'counter', 'Writes that these waits covered.', sync.waited),
      single('ferry_free_bytes', 'gauge', 'Room for uploads.', space.freeBytes),
      ...(feedSeq === null
        ? []
        : [single('ferry_feed_sequence', 'gauge', 'Number of the latest change.', feedSeq)]),
      single('process_resident_memory_bytes', 'gauge', 'Resident memory.', rss),
      single('process_cpu_seconds_total', 'counter', 'Processor time.', (user + system) / 1e6),
    ];
    return families.join('');
  }

  #histogram(): string {
    const name = 'ferry_request_duration_seconds';
    let below = 0;
    const buckets = BUCKETS_S.map((bound, index) => {
      below += this.#buckets[index] ?? 0;
      return [`_bucket{le="${bound}"}`, below] as const;
    });
    return family(name, 'histogram', 'Time from a request to the end of its answer.', [
      ...buckets,
      ['_bucket{le="+Inf"}', this.#durations],
      ['_sum', this.#durationSumS],
      ['_count', this.#durations],
    ]);
  }
}

function single(name: string, kind: string, help: string, value: number): string {
  return family(name, kind, help, [['', value]]);
}

function family(
  name: string,
  kind: string,
  help: string,
  samples: readonly (readonly [suffix: string, value: number])[],
): string {
  const lines = samples.map(([suffix, value]) => `${name}${suffix} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${lines.join('')}`;
}
