import { describe, expect, test } from '@jest/globals';
import { Extensions } from '../../../remotes/webdav/extensions.ts';

/** A server's extensions, as a client sees them that may ask for them. */
function seen(header: string | undefined, isCompanion = true) {
  const asked = { times: 0 };
  const extensions: Extensions = new Extensions(isCompanion, async () => {
    asked.times += 1;
    await Promise.resolve();
    extensions.note(header);
  });
  return { extensions, asked };
}

describe('what the companion server says it can do', () => {
  test('is not asked for when an answer said it', async () => {
    const { extensions, asked } = seen(undefined);
    extensions.note('1; mtime batch');
    expect([await extensions.has('batch'), await extensions.has('feed')]).toEqual([true, false]);
    expect(asked.times).toBe(0);
  });

  test('is asked for once by all that want to know', async () => {
    const { extensions, asked } = seen('1; batch-get');
    expect(await Promise.all([extensions.has('batch'), extensions.has('batch-get')])).toEqual([
      false,
      true,
    ]);
    expect(asked.times).toBe(1);
  });

  test('is what its latest answer says', async () => {
    const { extensions } = seen(undefined);
    extensions.note('1; batch');
    extensions.note(undefined);
    expect(await extensions.has('batch')).toBe(true);
    extensions.note('1; mtime');
    expect(await extensions.has('batch')).toBe(false);
  });

  test('is nothing that can be used where the protocol has another version', async () => {
    const { extensions } = seen('2; batch');
    expect(await extensions.has('batch')).toBe(false);
  });

  test('is nothing where it says nothing, and it is not asked again', async () => {
    const { extensions, asked } = seen(undefined);
    expect([await extensions.has('batch'), await extensions.has('batch')]).toEqual([false, false]);
    expect(asked.times).toBe(1);
  });

  test('is not asked of another server, and not used once it was refused on the way', async () => {
    const other = seen('1; batch', false);
    expect(await other.extensions.has('batch')).toBe(false);
    expect(other.asked.times).toBe(0);
    const { extensions } = seen('1; batch batch-get');
    extensions.refuse('batch');
    expect([await extensions.has('batch'), await extensions.has('batch-get')]).toEqual([
      false,
      true,
    ]);
  });
});
