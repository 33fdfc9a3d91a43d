/** Lines around each change. */
const CONTEXT_LINES = 3;
/** Texts with more differing lines than this are shown as replaced as a whole: the search grows with its square. */
const MAX_EDITS = 1000;

type Edit = { readonly mark: ' ' | '-' | '+'; readonly line: string };

/**
 * Returns the differences of two texts as unified diff does (`@@ -1,3 +1,4 @@`), without the two header lines; empty
 * when they are equal.
 */
export function unifiedDiff(before: string, after: string): readonly string[] {
  if (before === after) return [];
  const edits = editsBetween(linesOf(before), linesOf(after));
  return hunksOf(edits).flatMap((hunk) => formatHunk(hunk, edits));
}

/** A last line without its line feed differs from one with it: it keeps a mark. */
function linesOf(text: string): readonly string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop();
  return last === '' || last === undefined ? lines : [...lines, `${last}\n`];
}

function editsBetween(before: readonly string[], after: readonly string[]): readonly Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (
    end < Math.min(before.length, after.length) - start &&
    before.at(-1 - end) === after.at(-1 - end)
  )
    end++;
  const one = before.slice(start, before.length - end);
  const other = after.slice(start, after.length - end);
  const same = (line: string): Edit => ({ mark: ' ', line });
  return [
    ...before.slice(0, start).map(same),
    ...(shortestEdits(one, other) ?? replacement(one, other)),
    ...before.slice(before.length - end).map(same),
  ];
}

function replacement(before: readonly string[], after: readonly string[]): readonly Edit[] {
  return [
    ...before.map((line): Edit => ({ mark: '-', line })),
    ...after.map((line): Edit => ({ mark: '+', line })),
  ];
}

/**
 * Finds the shortest script (E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986); null when it is too
 * long. `reached[k]` is how far diagonal k (index in `before` minus index in `after`) was followed.
 */
function shortestEdits(before: readonly string[], after: readonly string[]): Edit[] | null {
  const reached = new Map<number, number>([[1, 0]]);
  const trail: Map<number, number>[] = [];
  const most = Math.min(MAX_EDITS, before.length + after.length);
  for (let count = 0; count <= most; count++) {
    trail.push(new Map(reached));
    for (let k = -count; k <= count; k += 2) {
      let x = nextOn(reached, k, count);
      while (x < before.length && x - k < after.length && before[x] === after[x - k]) x++;
      reached.set(k, x);
      if (x >= before.length && x - k >= after.length) return walkBack(trail, before, after);
    }
  }
  return null;
}

function nextOn(reached: ReadonlyMap<number, number>, k: number, count: number): number {
  return isDown(reached, k, count) ? (reached.get(k + 1) ?? 0) : (reached.get(k - 1) ?? 0) + 1;
}

function isDown(reached: ReadonlyMap<number, number>, k: number, count: number): boolean {
  return k === -count || (k !== count && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1));
}

function walkBack(
  trail: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): Edit[] {
  const edits: Edit[] = [];
  let x = before.length;
  let y = after.length;
  const back = (mark: Edit['mark']): void => {
    if (mark !== '+') x--;
    if (mark !== '-') y--;
    edits.push({ mark, line: (mark === '+' ? after[y] : before[x]) ?? '' });
  };
  for (let count = trail.length - 1; count >= 0; count--) {
    const reached = trail[count] as ReadonlyMap<number, number>;
    const k = x - y;
    const down = isDown(reached, k, count);
    const fromK = down ? k + 1 : k - 1;
    const fromX = reached.get(fromK) ?? 0;
    while (x > fromX && y > fromX - fromK && x > 0 && y > 0) back(' ');
    if (count > 0) back(down ? '+' : '-');
  }
  return edits.reverse();
}

/** Returns which edits each hunk shows: changes with the lines around them, those near each other together. */
function hunksOf(
  edits: readonly Edit[],
): readonly { readonly from: number; readonly to: number }[] {
  const hunks: { from: number; to: number }[] = [];
  for (const [index, { mark }] of edits.entries()) {
    if (mark === ' ') continue;
    const from = Math.max(0, index - CONTEXT_LINES);
    const to = Math.min(edits.length, index + CONTEXT_LINES + 1);
    const last = hunks.at(-1);
    if (last && from <= last.to) last.to = to;
    else hunks.push({ from, to });
  }
  return hunks;
}

function formatHunk(
  { from, to }: { readonly from: number; readonly to: number },
  edits: readonly Edit[],
): readonly string[] {
  const count = (list: readonly Edit[], mark: '-' | '+'): number =>
    list.filter((edit) => edit.mark !== (mark === '-' ? '+' : '-')).length;
  const shown = edits.slice(from, to);
  const range = (mark: '-' | '+'): string => {
    const lines = count(shown, mark);
    const start = count(edits.slice(0, from), mark) + (lines === 0 ? 0 : 1);
    return `${mark}${start}${lines === 1 ? '' : `,${lines}`}`;
  };
  const lines = shown.flatMap(({ mark, line }) =>
    line.endsWith('\n')
      ? [`${mark}${line.slice(0, -1)}`, '\\ No newline at end of file']
      : [`${mark}${line}`],
  );
  return [`@@ ${range('-')} ${range('+')} @@`, ...lines];
}
