import { describe, expect, it } from '@jest/globals';
import { configDocument, EMPTY_CONFIG, parseConfig } from '../../daemon/config.ts';

const silent = () => undefined;
const pair = { local: '/home/me/Documents', remote: 'work' };

describe('parseConfig', () => {
  it('gives every pair its defaults', () => {
    const { pairs } = parseConfig({ pairs: { docs: pair } }, silent);
    expect(pairs.get('docs')).toEqual({
      ...pair,
      direction: 'two-way',
      schedule: { at: [], days: [], onStart: false, onExit: false, watch: false },
      deletes: 'propagate',
      mirror: false,
      ignore: [],
      maxDeleteFraction: 0.25,
      trustTimes: false,
    });
  });

  it('reads back what configDocument wrote', () => {
    const config = parseConfig(
      {
        deviceName: 'laptop',
        remotes: { work: { url: 'https://example.org/dav/', user: 'me', probe: { any: [1] } } },
        pairs: {
          docs: {
            ...pair,
            schedule: { everyMs: 900_000, at: ['02:30'], days: ['mon'], watch: true },
            guardFile: { path: 'here.txt', pattern: 'yes' },
            bandwidthBytesPerS: 2_000_000,
            keepVersions: { days: 7, fraction: 0.2 },
            pause: { untilMs: 5 },
          },
        },
        drives: { d: { remote: 'work', mountPoint: '/mnt/d', direction: 'remote-to-local' } },
      },
      silent,
    );
    const text = JSON.stringify(configDocument(config));
    expect(parseConfig(JSON.parse(text), silent)).toEqual(config);
  });

  it('takes an empty document for an empty configuration', () => {
    expect(parseConfig({}, silent)).toEqual(EMPTY_CONFIG);
  });

  it.each([
    ['a list', [], 'expected an object'],
    ['a pair without a remote', { pairs: { docs: { local: '/a' } } }, 'pairs.docs.remote'],
    ['a relative root', { pairs: { docs: { ...pair, local: 'a' } } }, 'pairs.docs.local'],
    [
      'an unknown direction',
      { pairs: { docs: { ...pair, direction: 'up' } } },
      'pairs.docs.direction',
    ],
    ['a name with a slash', { pairs: { 'a/b': pair } }, 'pairs.a/b'],
    [
      'an impossible time',
      { pairs: { docs: { ...pair, schedule: { at: ['02:30', '25:00'] } } } },
      'pairs.docs.schedule.at[1]',
    ],
    [
      'a fraction above one',
      { pairs: { docs: { ...pair, maxDeleteFraction: 25 } } },
      'pairs.docs.maxDeleteFraction',
    ],
    [
      'a pattern that is no text',
      { pairs: { docs: { ...pair, ignore: [1] } } },
      'pairs.docs.ignore[0]',
    ],
    ['a remote without a URL', { remotes: { work: {} } }, 'remotes.work.url'],
    ['a drive without a mount point', { drives: { d: { remote: 'work' } } }, 'drives.d.mountPoint'],
  ])('names the key of %s', (_what, document, key) => {
    expect(() => parseConfig(document, silent)).toThrow(key);
  });

  it('warns about unknown keys, naming them, and goes on', () => {
    const warnings: string[] = [];
    parseConfig({ pairs: { docs: { ...pair, intervall: 5 } }, extra: 1 }, (message) =>
      warnings.push(message),
    );
    expect(warnings).toEqual([
      'pairs.docs.intervall: unknown key, ignored',
      'extra: unknown key, ignored',
    ]);
  });

  it('does not take inherited members for keys', () => {
    expect(() => parseConfig(JSON.parse('{"pairs":{"__proto__":{"local":"/a"}}}'), silent)).toThrow(
      '__proto__',
    );
  });
});
