import type { Side } from '../../core/model/entry.ts';
import { isValidName, TEMPORARY_PREFIX } from '../../core/model/path.ts';
import type { Expectation } from '../../core/ports.ts';

/** What the replicas were asked to do; it is judged here, at the calls, and not by what came of it. */
export class Audit {
  /** Changes of one run, in words. */
  readonly changes: string[] = [];
  /** How often each text was written to a side, over all runs. */
  readonly written: Record<Side, Map<string, number>> = { local: new Map(), remote: new Map() };
  /** Contents that were read to be compared or copied in one run. */
  reads: Record<Side, number> = { local: 0, remote: 0 };
  readonly violations: string[] = [];
  /** A side on which nothing may ever be changed. */
  master: Side | null = null;
  readonly #reported: Record<Side, Set<string>> = { local: new Set(), remote: new Set() };

  beginRun(): void {
    this.changes.length = 0;
    this.reads = { local: 0, remote: 0 };
  }

  /** Takes note of a version that a replica has told the core. */
  report(side: Side, version: string): void {
    this.#reported[side].add(version);
  }

  /** Checks a change before it is carried out (I4, I5). */
  change(side: Side, what: string, path: string, expected?: Expectation | 'directory'): void {
    this.changes.push(`${what} ${side} ${path}`);
    if (this.master === side) this.#violate('I5', `${what} ${path} on the master's side`);
    if (!path.split('/').every(isValidName)) this.#violate('I4', `${what} outside: ${path}`);
    if (path.startsWith('.ferry') && !path.startsWith(TEMPORARY_PREFIX))
      this.#violate('I4', `${what} in the private folder: ${path}`);
    if (expected === undefined || expected === 'absent' || expected === 'directory') return;
    if (!this.#reported[side].has(expected))
      this.#violate('I5', `${what} ${path} expects a version that ${side} never had`);
  }

  wrote(side: Side, text: string): void {
    this.written[side].set(text, (this.written[side].get(text) ?? 0) + 1);
  }

  #violate(invariant: string, text: string): void {
    this.violations.push(`${invariant}: ${text}`);
  }
}
