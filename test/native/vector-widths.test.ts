import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { blake3 } from '@napi-rs/blake-hash';
import { availableBackends } from './backends.ts';
import { randomBytes } from './random-bytes.ts';

const PROGRAM = fileURLToPath(new URL('./vector-program.js', import.meta.url));

describe('The addon on processors with narrower vectors', () => {
  it('gives the same hashes and chunks', () => {
    if (!availableBackends().includes('native')) return;
    const outputs = ['128', '256', '512'].map((bits) =>
      execFileSync(process.execPath, [PROGRAM], {
        env: { ...process.env, FERRY_VECTOR_BITS: bits },
        encoding: 'utf8',
        timeout: 30_000,
      }),
    );
    expect(new Set(outputs).size).toBe(1);
    const { hash } = JSON.parse(outputs[0] ?? '') as { hash: string };
    expect(hash).toBe(blake3(randomBytes(12, 1_200_000)).toString('hex'));
  }, 60_000);
});
