import { execFileSync } from 'node:child_process';

/** Bytes with the headers of TCP and IP; null where they cannot be counted. */
export interface WireBytes {
  readonly up: number | null;
  readonly down: number | null;
}

const TABLE = 'inet ferry_bench';

/** Counts what goes to and from a port of this machine, by counters of nftables (needs root). */
export class WireCounter {
  #isOn = false;

  start(port: number): void {
    this.stop();
    const rules = `table ${TABLE} {
      counter up { }
      counter down { }
      chain out {
        type filter hook output priority 0;
        tcp dport ${port} counter name up
        tcp sport ${port} counter name down
      }
    }`;
    try {
      execFileSync('nft', ['-f', '-'], { input: rules, stdio: ['pipe', 'ignore', 'ignore'] });
      this.#isOn = true;
    } catch {
      this.#isOn = false;
    }
  }

  read(): WireBytes {
    if (!this.#isOn) return { up: null, down: null };
    const text = execFileSync('nft', ['list', 'counters', 'table', ...TABLE.split(' ')], {
      encoding: 'utf8',
    });
    const bytes = (name: string): number | null => {
      const found = new RegExp(`counter ${name} \\{\\s*packets \\d+ bytes (\\d+)`).exec(text)?.[1];
      return found === undefined ? null : Number(found);
    };
    return { up: bytes('up'), down: bytes('down') };
  }

  stop(): void {
    if (!this.#isOn) return;
    execFileSync('nft', ['delete', 'table', ...TABLE.split(' ')], { stdio: 'ignore' });
    this.#isOn = false;
  }
}
