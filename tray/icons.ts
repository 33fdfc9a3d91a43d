import { crc32, deflateSync } from 'node:zlib';
import type { IconState } from './menu.ts';

/** One shape for each state, so that it is told apart without colour; `#` is drawn. */
const SHAPES: Readonly<Record<IconState, readonly string[]>> = {
  ok: [
    '...........',
    '.........##',
    '........###',
    '.......###.',
    '......###..',
    '##...###...',
    '###.###....',
    '.#####.....',
    '..###......',
    '...#.......',
    '...........',
  ],
  scanning: [
    '..####.....',
    '.##..##....',
    '##....##...',
    '#......#...',
    '#......#...',
    '##....##...',
    '.##..###...',
    '..#######..',
    '.......###.',
    '........###',
    '.........##',
  ],
  syncing: [
    '...#####...',
    '..##...##.#',
    '.##.....###',
    '.#.....####',
    '...........',
    '...........',
    '...........',
    '####.....#.',
    '###.....##.',
    '#.##...##..',
    '...#####...',
  ],
  paused: [
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
    '.###...###.',
  ],
  offline: [
    '##.........',
    '.##.###....',
    '..##..##...',
    '.###...##..',
    '##.##...##.',
    '#...##...##',
    '##...##...#',
    '.#######.##',
    '.......##..',
    '........##.',
    '.........##',
  ],
  'signed-out': [
    '....###....',
    '...#...#...',
    '..#.....#..',
    '..#.....#..',
    '.#########.',
    '.#########.',
    '.####.####.',
    '.####.####.',
    '.####.####.',
    '.#########.',
    '.#########.',
  ],
  conflict: [
    '.....#.....',
    '....###....',
    '....#.#....',
    '...##.##...',
    '...#.#.#...',
    '..##.#.##..',
    '..#..#..#..',
    '.##.....##.',
    '.#...#...#.',
    '##.......##',
    '###########',
  ],
  error: [
    '##.......##',
    '###.....###',
    '.###...###.',
    '..###.###..',
    '...#####...',
    '....###....',
    '...#####...',
    '..###.###..',
    '.###...###.',
    '###.....###',
    '##.......##',
  ],
};

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const GRAY_WITH_ALPHA = 4;

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** Returns a square PNG (black on transparent, as macOS wants its templates) of 11 × `scale` pixels. */
export function iconPng(state: IconState, scale: number): Buffer {
  const shape = SHAPES[state];
  const size = shape.length * scale;
  const rows = shape.flatMap((line) => {
    const row = Buffer.alloc(1 + size * 2);
    for (let x = 0; x < size; x += 1)
      row[2 + x * 2] = line[Math.floor(x / scale)] === '#' ? 0xff : 0;
    return Array.from({ length: scale }, () => row);
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header[8] = 8;
  header[9] = GRAY_WITH_ALPHA;
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
