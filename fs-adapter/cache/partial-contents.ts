import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../core/ports.ts';
import type { DriveFile, DriveTree } from './drive-tree.ts';
import { makeDurable } from './finish-fill.ts';

export interface PartialOptions {
  readonly tree: Pick<DriveTree, 'entry' | 'stored' | 'fillTarget' | 'discard'>;
  /** Where a note is kept while the drive is open. */
  readonly directory: string;
  readonly logger: Logger;
  /** Names the present run of the machine; null: not known. */
  readonly bootId?: () => Promise<string | null>;
}

const NOTE = 'parts';
const CLOSED = 'closed';

/**
 * Knows whether the parts of files that are said to be here can be believed. They are noted before they are durable, as
 * programs wait for them: a killed process harms nothing, as the kernel still has what it wrote, but after a power cut
 * some of them may hold zeros. So unless the drive was closed properly, or the machine has not been started since, what
 * is here in parts is given up.
 */
export class PartialContents {
  readonly #options: PartialOptions;
  readonly #filled = new Set<number>();

  constructor(options: PartialOptions) {
    this.#options = options;
  }

  /** Gives up what cannot be believed. */
  async begin(): Promise<void> {
    const { tree, logger, bootId = bootIdOfLinux } = this.#options;
    const boot = await bootId();
    const note = await readFile(this.#note, 'utf8').catch(() => null);
    if (note !== null && note !== CLOSED && (boot === null || note !== boot)) {
      const parts = [...tree.stored()].filter(isPartial);
      for (const { id } of parts) this.#giveUp(id);
      if (parts.length > 0)
        logger.warn('parts of files are fetched anew after a power cut', { files: parts.length });
    }
    await writeFile(this.#note, boot ?? '', { mode: 0o600 });
  }

  /** Notes that something of a file has come. */
  filled(id: number): void {
    this.#filled.add(id);
  }

  /** Makes durable what has come in parts. */
  async end(): Promise<void> {
    const { tree, logger } = this.#options;
    try {
      for (const id of this.#filled) {
        const entry = tree.entry(id);
        const target = entry?.kind === 'file' && isPartial(entry) ? tree.fillTarget(id) : null;
        if (target !== null) await makeDurable(target);
      }
      await writeFile(this.#note, CLOSED);
    } catch (error) {
      logger.warn('parts of files may have to be fetched anew', { error: String(error) });
    }
  }

  get #note(): string {
    return join(this.#options.directory, NOTE);
  }

  #giveUp(id: number): void {
    const { tree } = this.#options;
    const target = tree.fillTarget(id);
    if (target !== null) tree.discard(id, target.generation);
  }
}

function isPartial({ state, storedBytes }: DriveFile): boolean {
  return state === 'placeholder' && storedBytes > 0;
}

async function bootIdOfLinux(): Promise<string | null> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return text.trim() === '' ? null : text.trim();
}
