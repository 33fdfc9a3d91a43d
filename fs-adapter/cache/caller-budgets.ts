import { readFileSync } from 'node:fs';
import { FerryError } from '../../core/model/errors.ts';
import type { SyncPath } from '../../core/model/path.ts';
import type { ContentRequest, Extent } from './drive-tree.ts';
import { bytesIn } from './extents.ts';
import { PosixError } from './posix-error.ts';

/**
 * Programs that look into every file they find, to index it or to make a picture of it: what the kernel calls them
 * (up to 15 bytes of their name), and, after a space, what must be in their command line. What copies files for a file
 * manager must not be among them: the worker of KDE that does is `kioslave5` or `kioworker` too.
 */
export const INDEXERS: readonly string[] = [
  'tracker-miner-fs',
  'tracker-extract',
  'localsearch-3',
  'localsearch',
  'localsearch-extractor-3',
  'baloo_file',
  'baloo_file_extractor',
  'baloorunner',
  'recollindex',
  'gnome-thumbnail-font',
  'gdk-pixbuf-thumbnailer',
  'glycin-thumbnailer',
  'totem-video-thumbnailer',
  'ffmpegthumbnailer',
  'evince-thumbnailer',
  'papers-thumbnailer',
  'gsf-office-thumbnailer',
  'gnome-epub-thumbnailer',
  'raw-thumbnailer',
  'tumblerd',
  'kioslave5 thumbnail',
  'kioworker thumbnail',
];

/** So much of one file may be fetched for such a program. */
export const INDEXER_BYTES = 256 * 1024;
const COMM_BYTES = 15;
const REMEMBERED_FILES = 10_000;

interface Rule {
  readonly comm: string;
  readonly argument: string;
}

export interface CallerBudgetOptions {
  /** Programs with a budget, as in `INDEXERS`. */
  readonly programs: readonly string[];
  readonly bytesPerFile?: number;
  readonly pathOf: (id: number) => SyncPath | null;
  /** Where processes are described; another place in tests. */
  readonly procDirectory?: string;
}

/**
 * Keeps programs that look into everything from pulling the whole account down: they get parts, nothing ahead of what
 * they read, and only so much of each file. What is on this device anyway they read as everybody does.
 */
export class CallerBudgets {
  readonly #options: CallerBudgetOptions;
  readonly #rules: readonly Rule[];
  /** Bytes that were fetched for such programs, by file; the file that was read last is the last one. */
  readonly #spent = new Map<number, number>();

  constructor(options: CallerBudgetOptions) {
    this.#options = options;
    this.#rules = options.programs.map((text) => {
      const [name = '', ...argument] = text.split(' ');
      return { comm: name.slice(0, COMM_BYTES), argument: argument.join(' ') };
    });
  }

  /** Tells whether a process is one with a budget. */
  isRestricted(pid: number): boolean {
    if (pid === 0 || this.#rules.length === 0) return false;
    const comm = this.#nameOf(pid);
    return this.#rules.some(
      (rule) =>
        rule.comm === comm &&
        (rule.argument === '' || this.#described(pid, 'cmdline').includes(rule.argument)),
    );
  }

  /** The kernel names the thread that asks, which can be called otherwise than its process. */
  #nameOf(pid: number): string {
    const status = this.#described(pid, 'status');
    const [, name = ''] = /^Name:\t(.*)$/m.exec(status) ?? [];
    const [, leader = ''] = /^Tgid:\t(\d+)$/m.exec(status) ?? [];
    if (leader === '' || Number(leader) === pid) return name;
    return this.#described(Number(leader), 'comm').trimEnd();
  }

  /** Takes what is to be fetched from the budget of the file. @throws LOCAL_PERMISSION when it does not suffice */
  spend({ id }: ContentRequest, missing: readonly Extent[]): void {
    const { bytesPerFile = INDEXER_BYTES, pathOf } = this.#options;
    const spent = (this.#spent.get(id) ?? 0) + bytesIn(missing);
    if (spent > bytesPerFile) {
      const path = pathOf(id) ?? '';
      const message = `${path}: not fetched for a program that indexes or makes thumbnails; open or pin it to have it here`;
      const cause = new PosixError('EACCES', message);
      throw new FerryError('LOCAL_PERMISSION', message, { path, cause });
    }
    this.#spent.delete(id);
    this.#spent.set(id, spent);
    if (this.#spent.size <= REMEMBERED_FILES) return;
    const [oldest] = this.#spent.keys();
    if (oldest !== undefined) this.#spent.delete(oldest);
  }

  #described(pid: number, what: 'comm' | 'cmdline' | 'status'): string {
    const { procDirectory = '/proc' } = this.#options;
    try {
      return readFileSync(`${procDirectory}/${pid}/${what}`, 'utf8');
    } catch {
      // It has ended, or there is no /proc here: then nothing is known of it.
      return '';
    }
  }
}
