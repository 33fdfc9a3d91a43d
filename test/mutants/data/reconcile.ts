import { inFile, type Mutant } from '../mutant.ts';

/** Bugs in how the plan is made: comparing, pairing, freezing. */
export const RECONCILE_MUTANTS: readonly Mutant[] = [
  ...inFile('core/reconcile/change.ts', [
    {
      id: 'same-size-is-no-edit',
      bug: 'an unread content of the recorded size counts as unchanged',
      find: "return seen.sizeBytes === base.sizeBytes ? 'unknown'",
      replace: "return seen.sizeBytes === base.sizeBytes ? 'equal'",
    },
    {
      id: 'same-size-is-equal',
      bug: 'unread contents of the same size on both sides count as equal',
      find: "return one.sizeBytes === other.sizeBytes ? 'unknown'",
      replace: "return one.sizeBytes === other.sizeBytes ? 'equal'",
    },
    {
      id: 'park-name-is-a-move',
      bug: 'a parked name that was left behind counts as a move by the user',
      find: '|| node.base === null || isParked(spot)) return false;',
      replace: '|| node.base === null) return false;',
    },
    {
      id: 'edit-not-compared',
      bug: 'a known content that differs from the record counts as unchanged',
      find: "return seen.content === base.content ? 'equal' : 'different';",
      replace: "return seen.content === base.content ? 'equal' : 'equal';",
    },
  ]),
  ...inFile('core/reconcile/match.ts', [
    {
      id: 'move-not-paired',
      bug: 'a move is not recognised by identity: a deletion and a creation',
      find: 'addUnique(nodes, identity, node);',
      replace: 'void addUnique(nodes, `lost ${identity}`, node);',
    },
    {
      id: 'half-made-copy-is-a-move',
      bug: 'a conflict copy that an interrupted run made counts as a rename by the user',
      find: ' && !isHalfMadeCopy(node, spot))',
      replace: ')',
    },
    {
      id: 'identity-of-another-kind',
      bug: 'a directory with the reused identity of a file takes its record',
      find: '|| spot?.seen?.kind !== node.kind) return false;',
      replace: '|| spot === undefined) return false;',
    },
    {
      id: 'frozen-place-is-known',
      bug: 'what has a recorded name below an unlisted directory is taken as seen',
      find: 'if (spot !== null) return spot.frozen;',
      replace: 'if (spot !== null) return false;',
    },
    {
      id: 'unlisted-is-deleted',
      bug: 'the record of what the other side deleted below an unlisted directory is removed',
      find: 'return baseParent !== null && (baseParent.spots[side]?.frozen === true || hidden.has(baseParent));',
      replace: 'return baseParent !== null && baseParent.frozen && hidden.size < 0;',
    },
    {
      id: 'unlisted-far-below-is-deleted',
      bug: 'only the first level below an unlisted directory is protected',
      find: '(baseParent.spots[side]?.frozen === true || hidden.has(baseParent));',
      replace: 'baseParent.spots[side]?.frozen === true;',
    },
    {
      id: 'ambiguous-pairs',
      bug: 'identities and contents that occur twice are paired all the same',
      find: 'map.set(key, map.has(key) ? null : value);',
      replace: 'map.set(key, value);',
    },
    {
      id: 'content-pairs-identities',
      bug: 'a new file with another identity but equal content is taken for the moved one',
      find: 'if (!bothIdentitiesKnown(node, spot, side)) claim(node, spot);',
      replace: 'claim(node, spot);',
    },
  ]),
  ...inFile('core/reconcile/tree.ts', [
    {
      id: 'partial-listing-is-complete',
      bug: 'a listing that failed is taken as complete',
      find: 'seen === null || tree.frozen.has(path);',
      replace: 'seen === null;',
    },
    {
      id: 'merged-directory-lost',
      bug: 'what was placed into a directory that was merged goes to the old one',
      find: 'while (current.mergedInto !== null) current = current.mergedInto;',
      replace: 'if (current.kind === null) current = node;',
    },
  ]),
  ...inFile('core/reconcile/freeze.ts', [
    {
      id: 'dependents-not-frozen',
      bug: 'what needs the place of something unseen is done all the same',
      find: 'if (queue.length === 0) return;',
      replace: 'if (queue.length >= 0) return;',
    },
    {
      id: 'held-in-deleted-directory',
      bug: 'a directory goes although something in it must stay',
      find: "if (node.fate !== 'held') continue;",
      replace: "if (node.fate !== 'doomed') continue;",
    },
  ]),
  ...inFile('core/reconcile/reconcile.ts', [
    {
      id: 'unlisted-root-is-empty',
      bug: 'a root that could not be listed is planned with as if it were empty',
      find: 'if (SIDES.some((side) => input[side].frozen.has(ROOT))) return emptyPlan();',
      replace: 'if (SIDES.every((side) => input[side].frozen.has(ROOT))) return emptyPlan();',
    },
    {
      id: 'reset-adopts-uploads',
      bug: 'a reset adopts equal files instead of uploading them again',
      find: "if (roles?.master === 'local' && policy.transferEqual) node.content = 'to-remote';",
      replace: '',
    },
    {
      id: 'own-times-overwritten',
      bug: 'a time that only the destination changed is given to the master',
      find: 'const isOwnMatter = roles !== null && !roles.mirror;',
      replace: 'const isOwnMatter = roles !== null && roles.mirror;',
    },
    {
      id: 'doomed-not-removed',
      bug: 'a mirror leaves what only the destination has',
      find: "if (node.fate === 'doomed') {",
      replace: "if (node.fate === 'doomed' && node.base !== null) {",
    },
  ]),
  ...inFile('core/reconcile/folding.ts', [
    {
      id: 'case-is-told-apart',
      bug: 'names that differ only in case are both created where they are one',
      find: ".normalize('NFKC').toLowerCase()",
      replace: ".normalize('NFKC')",
    },
    {
      id: 'newcomer-takes-folded-name',
      bug: 'a new name displaces the one that a folding side has already',
      find: 'if (present !== 0) return present;',
      replace: 'if (present !== 0) return -present;',
    },
  ]),
  ...inFile('core/reconcile/kept-old-version.ts', [
    {
      id: 'safe-save-loses-edit',
      bug: 'the other side’s edit follows the renamed old version of an editor’s safe save',
      find: "if (change === 'equal') continue;",
      replace: "if (change !== 'equal') continue;",
    },
  ]),
  ...inFile('core/reconcile/outcome.ts', [
    {
      id: 'held-record-dropped',
      bug: 'the record of what is left alone in this run is removed',
      find: "if (node.fate === 'held') return 'keep';",
      replace: "if (node.fate === 'held') return node.base === null ? 'keep' : 'drop';",
    },
    {
      id: 'new-identity-not-recorded',
      bug: 'a file that was written anew keeps the identity of the old one in its record',
      find: 'return identity !== undefined && identity !== base?.identity[side];',
      replace: 'return identity !== undefined && base?.identity[side] === undefined;',
    },
    {
      id: 'remote-deletions-not-counted',
      bug: 'the guard does not see deletions on the remote',
      find: "if (isDeletion(node, 'remote')) counts.deletedRemote++;",
      replace: "if (isDeletion(node, 'remote')) counts.deletedRemote += 0;",
    },
    {
      id: 'moves-counted-as-deletions',
      bug: 'the guard counts what moves leave behind',
      find: "isRemoved(node, side) && (changes[otherSide(side)] === 'deleted' || changes[side] === 'new')",
      replace: "isRenamed(node, side) || isRemoved(node, side) || changes[side] === 'new'",
    },
  ]),
  ...inFile('core/reconcile/match-moves.ts', [
    {
      id: 'swap-of-both-sides-undone',
      bug: 'a swap that both sides made is undone where one of them gives no identities',
      find: "if (isHere === 'different' && isThere === 'equal') claim(node, there);",
      replace: '',
    },
    {
      id: 'half-a-directory-is-moved',
      bug: 'a directory counts as moved although not all that was in it is at the new place',
      find: 'if (found.some(({ at }) => at === null)) continue;',
      replace: '',
    },
  ]),
  ...inFile('core/reconcile/kept-old-version.ts', [
    {
      id: 'edit-goes-into-the-old-version',
      bug: 'an edit goes into the version that an editor on the other side has renamed',
      find: "if (change === 'equal') continue;",
      replace: 'if (change !== undefined) continue;',
    },
  ]),
];
