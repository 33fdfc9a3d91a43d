import { Agent, type OutgoingHttpHeaders, request } from 'node:http';

/** What the served tree holds: path to content, or to `directory`. */
export type Holdings = ReadonlyMap<string, string>;

/** One request that changes the served tree. */
interface Step {
  readonly method: 'PUT' | 'MKCOL' | 'DELETE' | 'MOVE' | 'COPY';
  readonly path: string;
  readonly to?: string;
  readonly body?: string;
  /** Sent with the ETag that the file has, which makes the server look at what it displaces. */
  readonly isBound?: boolean;
}

const LARGE = 300_000;

const bodyOf = (path: string, version: number, length = 300): string =>
  `version ${version} of ${path}; `.repeat(length).slice(0, length);
const put = (path: string, version: number, length?: number): Step => ({
  method: 'PUT',
  path,
  body: bodyOf(path, version, length),
});
const over = (path: string, version: number, length?: number): Step => ({
  ...put(path, version, length),
  isBound: true,
});
const all = (folder: string, count: number, version: number): Step[] =>
  Array.from({ length: count }, (_, index) => put(`${folder}/${index}`, version));

/** Requests in groups: those of a group are sent at once, and the next group when all of them are answered. */
export const SERVER_WORK: readonly (readonly Step[])[] = [
  [{ method: 'MKCOL', path: 'a' }],
  [{ method: 'MKCOL', path: 'a/b' }, put('top', 1)],
  all('a', 4, 1),
  [put('a/large', 1, LARGE)],
  [over('a/0', 2), put('a/1', 2), over('a/large', 2, LARGE + 5)],
  [{ method: 'MOVE', path: 'a/2', to: 'a/b/2' }],
  [{ method: 'DELETE', path: 'a/3' }],
  [{ method: 'DELETE', path: 'a/0', isBound: true }],
  [{ method: 'COPY', path: 'a', to: 'c' }],
  [{ method: 'MOVE', path: 'a/b', to: 'd' }],
  [{ method: 'MOVE', path: 'top', to: 'a/1' }],
  [over('d/2', 3), put('empty', 1, 0)],
  [{ method: 'DELETE', path: 'c' }],
];

/** Returns what there is after one more step. */
function after(before: Holdings, { method, path, to, body }: Step): Holdings {
  const next = new Map(before);
  if (method === 'PUT') next.set(path, body ?? '');
  if (method === 'MKCOL') next.set(path, 'directory');
  for (const [at, content] of before) {
    if (at !== path && !at.startsWith(`${path}/`)) continue;
    if (method === 'DELETE' || method === 'MOVE') next.delete(at);
    if (to !== undefined) next.set(`${to}${at.slice(path.length)}`, content);
  }
  return next;
}

/** Returns what there must be after the first groups. */
export function holdingsAfter(groups: number): Holdings {
  return SERVER_WORK.slice(0, groups).flat().reduce<Holdings>(after, new Map());
}

/**
 * Tells whether the tree is what it may be when `groups` groups were answered and some requests of the next one were
 * on their way: each of them is carried out or not. Only a directory may be removed in part.
 */
export function isPossible(found: Holdings, groups: number): boolean {
  const [first, ...rest] = SERVER_WORK[groups] ?? [];
  let candidates: readonly Holdings[] = [holdingsAfter(groups)];
  for (const step of first === undefined ? [] : [first, ...rest])
    candidates = [...candidates, ...candidates.map((before) => after(before, step))];
  const removed = [first, ...rest].find((step) => step?.method === 'DELETE')?.path;
  return candidates.some((candidate) => isSame(found, candidate, removed));
}

function isSame(found: Holdings, expected: Holdings, removed: string | undefined): boolean {
  const isFree = (path: string): boolean =>
    removed !== undefined && (path === removed || path.startsWith(`${removed}/`));
  const isIn = (one: Holdings, path: string, content: string): boolean =>
    isFree(path) || one.get(path) === content;
  const isWithin = (one: Holdings, other: Holdings): boolean =>
    [...one].every(([path, content]) => isIn(other, path, content));
  return isWithin(found, expected) && isWithin(expected, found);
}

/** Sends the work to a server and returns how many groups it has answered; fewer than all when it died. */
export async function sendWork(
  url: string,
  onAnswered: (groups: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const etags = new Map<string, string>();
  try {
    for (const [index, group] of SERVER_WORK.entries()) {
      const answers = group.map(async (step) => {
        const etag = await send(url, agent, step, etags.get(step.path));
        if (etag !== undefined) etags.set(step.path, etag);
      });
      const results = await Promise.allSettled(answers);
      if (results.some(({ status }) => status === 'rejected')) return index;
      await onAnswered(index + 1);
    }
    return SERVER_WORK.length;
  } finally {
    agent.destroy();
  }
}

function send(
  url: string,
  agent: Agent,
  { method, path, to, body, isBound }: Step,
  etag: string | undefined,
): Promise<string | undefined> {
  const headers: OutgoingHttpHeaders = {
    ...(to === undefined ? {} : { destination: new URL(to, url).href }),
    ...(isBound && etag !== undefined ? { 'if-match': etag } : {}),
    ...(body === undefined ? {} : { 'content-length': body.length }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), { method, agent, headers }, (answer) => {
      answer.resume();
      answer.on('error', reject);
      const isDone = (answer.statusCode ?? 0) < 300;
      // A refusal is a fault of this work, and nothing that a crash explains.
      if (!isDone) process.stderr.write(`${method} ${path}: ${answer.statusCode}\n`);
      answer.on('end', () =>
        isDone ? resolve(answer.headers.etag) : reject(new Error('refused')),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
