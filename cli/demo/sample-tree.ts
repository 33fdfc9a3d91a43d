import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const PROJECTS = ['boathouse', 'ledger', 'atlas'];
const DAY_S = 86_400;

/** Returns bytes that do not compress, the same ones each time. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let index = 0; index + 4 <= length; index += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes.writeInt32LE(state, index);
  }
  return bytes;
}

function* files(): Iterable<readonly [path: string, content: Buffer]> {
  yield ['Welcome.md', Buffer.from('# Welcome\n\nThis tree is on the server. Change something.\n')];
  for (const project of PROJECTS) {
    yield [`Projects/${project}/README.md`, Buffer.from(`# ${project}\n\nNotes on ${project}.\n`)];
    for (let part = 1; part <= 8; part++)
      yield [
        `Projects/${project}/src/part-${part}.ts`,
        Buffer.from(`export const part${part} = '${project}';\n`.repeat(part * 20)),
      ];
  }
  for (let photo = 1; photo <= 24; photo++)
    yield [`Photos/2026/Summer ${photo}.jpg`, noise(150_000 + photo * 9_000, photo)];
  for (const month of ['January', 'February', 'März'])
    yield [`Documents/Reports/${month}.csv`, Buffer.from('day,tons\n1,12\n2,14\n'.repeat(40))];
  yield ['Documents/Letter.txt', Buffer.from('Dear harbour master,\n\nthe ferry is on time.\n')];
}

/** Makes the demonstration's tree below `directory`; returns how much it is. */
export async function makeSampleTree(
  directory: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  let count = 0;
  let bytes = 0;
  for (const [path, content] of files()) {
    const absolutePath = join(directory, path);
    await mkdir(dirname(absolutePath), { recursive: true });
    await writeFile(absolutePath, content);
    const timeS = 1_780_000_000 + count * DAY_S;
    await utimes(absolutePath, timeS, timeS);
    count++;
    bytes += content.length;
  }
  return { files: count, bytes };
}
