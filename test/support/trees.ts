import type { EntryKind } from '../../core/model/entry.ts';
import { nameOf, parentPath, type SyncPath } from '../../core/model/path.ts';
import type { BaseNode, Policy, SideNode, SideTree } from '../../core/reconcile/plan.ts';

/**
 * A tree as a small literal: path to what is there. `A` is a file with content A; `/` a directory (`/ignored`: one
 * that holds ignored entries); `->x` a link to x; `?` a file of unknown content, as long as the letter after it; a `~`
 * before either of these files says that the content is only on the other side; `#1` at the end is the identity; `!` before that says that time or mode changed. Directories need no line of their
 * own where something is in them.
 */
export type TreeLiteral = Readonly<Record<string, string>>;

interface Spec {
  readonly kind: EntryKind;
  readonly content: string | null;
  readonly sizeBytes: number;
  readonly metadataChanged: boolean;
  readonly identity?: string;
  readonly holdsIgnored?: boolean;
  readonly isPlaceholder?: boolean;
}

function parseSpec(text: string): Spec {
  const [what = '', identity] = text.split('#');
  const own = identity === undefined ? {} : { identity };
  const metadataChanged = what.endsWith('!');
  const body = metadataChanged ? what.slice(0, -1) : what;
  if (body.startsWith('/'))
    return {
      kind: 'directory',
      content: '',
      sizeBytes: 0,
      metadataChanged,
      ...own,
      ...(body === '/ignored' ? { holdsIgnored: true } : {}),
    };
  if (body.startsWith('->'))
    return {
      kind: 'symlink',
      content: `link:${body.slice(2)}`,
      sizeBytes: 0,
      metadataChanged,
      ...own,
    };
  const isPlaceholder = body.startsWith('~');
  const file = isPlaceholder ? body.slice(1) : body;
  const isUnknown = file.startsWith('?');
  return {
    kind: 'file',
    content: isUnknown ? null : file,
    sizeBytes: isUnknown ? file.length - 1 : file.length,
    metadataChanged,
    ...own,
    ...(isPlaceholder ? { isPlaceholder } : {}),
  };
}

/** Adds the directories that the paths of a literal imply. */
function withDirectories(literal: TreeLiteral): Map<SyncPath, Spec> {
  const specs = new Map<SyncPath, Spec>();
  const directory = parseSpec('/');
  for (const path of Object.keys(literal).sort())
    for (let above = parentPath(path as SyncPath); above !== ''; above = parentPath(above))
      specs.set(above, directory);
  for (const [path, text] of Object.entries(literal)) specs.set(path as SyncPath, parseSpec(text));
  return new Map([...specs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Returns what a side was seen to hold; `frozen` paths could not be seen. */
export function sideTree(literal: TreeLiteral, frozen: readonly string[] = []): SideTree {
  const nodes = new Map<SyncPath, SideNode>();
  for (const [path, spec] of withDirectories(literal)) nodes.set(path, { path, ...spec });
  return { nodes, frozen: new Set(frozen as SyncPath[]) };
}

/** Returns the records of a tree; both sides have given each node the identity in the literal. */
export function baseTree(literal: TreeLiteral): readonly BaseNode[] {
  const ids = new Map<string, number>([['', 0]]);
  const nodes: BaseNode[] = [];
  for (const [path, { kind, content, sizeBytes, identity }] of withDirectories(literal)) {
    ids.set(path, ids.size);
    nodes.push({
      id: ids.get(path) ?? 0,
      parentId: ids.get(parentPath(path)) ?? 0,
      name: nameOf(path),
      kind,
      content: content ?? '',
      sizeBytes,
      identity: identity === undefined ? {} : { local: identity, remote: identity },
    });
  }
  return nodes;
}

/** How most runs are: deletions travel, nothing else is asked for. */
export const PLAIN: Policy = {
  deletes: 'propagate',
  mirror: false,
  transferEqual: false,
  device: 'laptop',
  timestamp: '2026-01-02 03-04-05',
};
