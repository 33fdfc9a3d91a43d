import { inFile, type Mutant } from '../mutant.ts';

/** Bugs in the rules of the directions, in contests for names, and in the order of the operations. */
export const RULE_MUTANTS: readonly Mutant[] = [
  ...inFile('core/reconcile/two-way.ts', [
    {
      id: 'rings-stay',
      bug: 'two directories that were moved into each other are not told apart',
      find: '  breakRings(nodes);',
      replace: '  void breakRings;',
    },
    {
      id: 'deletion-beats-edit',
      bug: 'a deletion on one side removes what the other side has edited',
      find: "return change !== 'equal';\n}",
      replace: "return change === 'unknown';\n}",
    },
    {
      id: 'deletion-beats-move',
      bug: 'a deletion on one side removes what the other side has moved',
      find: 'if (isMoved(node, holder) || (isInKept',
      replace: 'if ((isInKept',
    },
    {
      id: 'local-name-wins',
      bug: 'the local name wins when both sides have moved a file',
      find: "chosenPlace(node, 'remote') ?? chosenPlace(node, 'local')",
      replace: "chosenPlace(node, 'local') ?? chosenPlace(node, 'remote')",
    },
    {
      id: 'remote-edit-overwrites',
      bug: 'a file that both sides edited gets the remote content, without a copy of the local one',
      find: "askForBoth(node, comparison, looks);\n  return 'conflict';",
      replace: "askForBoth(node, comparison, looks);\n  return 'to-local';",
    },
    {
      id: 'placeholder-in-conflict',
      bug: 'a file whose content was never here is in conflict with a newer one',
      find: "  if (local.seen.isPlaceholder) return 'to-local';\n",
      replace: '',
    },
    {
      id: 'stale-content-wins',
      bug: 'the recorded content is sent over the edited one',
      find: "return there === 'equal' ? 'none' : 'to-local';",
      replace: "return there === 'equal' ? 'none' : 'to-remote';",
    },
    {
      id: 'wrong-base-side',
      bug: 'the local change is judged by what the remote holds',
      find: "const here = contentChange(node, 'local');",
      replace: "const here = contentChange(node, 'remote');",
    },
    {
      id: 'ignored-entries-removed',
      bug: 'a directory with ignored entries is removed in a two-way pair',
      find: "if (policy.deletes !== 'propagate' || spot?.seen?.holdsIgnored) node.fate = 'held';",
      replace: "if (policy.deletes !== 'propagate') node.fate = 'held';",
    },
    {
      id: 'reset-deletes',
      bug: 'a two-way run deletes while a reset is not complete',
      find: "if (policy.deletes !== 'propagate' || spot",
      replace: 'if (spot',
    },
    {
      id: 'deleted-parent-of-survivor',
      bug: 'a directory stays deleted although something in it lives on',
      find: "if (node.fate === 'live') reviveAncestors(forest, node);",
      replace: '',
    },
    {
      id: 'unseen-lives-in-two-way',
      bug: 'what could not be seen is planned with in two-way pairs',
      find: "if (node.frozen) node.fate = 'held';\n    else if",
      replace: 'if',
    },
  ]),
  ...inFile('core/reconcile/one-way.ts', [
    {
      id: 'removed-here-comes-back',
      bug: 'what the destination removed is brought back although the master did not change it',
      find: "return change === 'equal' ? 'held' : 'live';",
      replace: "return change === 'equal' ? 'live' : 'live';",
    },
    {
      id: 'deletion-beats-own-edit',
      bug: 'the master’s deletion removes what the destination has edited',
      find: "return change === 'equal' ? 'gone' : 'own';",
      replace: "return change === 'equal' ? 'gone' : 'gone';",
    },
    {
      id: 'keep-is-ignored',
      bug: 'a pair that keeps deletions to itself deletes',
      find: "if (deletes === 'keep') return 'own';",
      replace: '',
    },
    {
      id: 'hold-is-ignored',
      bug: 'a one-way run deletes while a reset is not complete',
      find: "if (deletes === 'hold') return 'held';",
      replace: '',
    },
    {
      id: 'ignored-entries-of-the-master',
      bug: 'a directory with ignored entries is removed on the destination',
      find: 'const isIgnoring = node.spots[roles.destination]?.seen?.holdsIgnored;',
      replace: 'const isIgnoring = node.spots[roles.master]?.seen?.holdsIgnored;',
    },
    {
      id: 'edits-overwritten-without-copy',
      bug: 'the destination’s edit is overwritten without a copy',
      find: "return mirror ? 'transfer' : 'aside';",
      replace: "return 'transfer';",
    },
    {
      id: 'own-edit-reverted',
      bug: 'the destination’s edit is reverted although the master did nothing',
      find: "return mirror ? 'transfer' : 'diverged';",
      replace: "return 'transfer';",
    },
    {
      id: 'root-counts-as-own',
      bug: 'a new file in the destination’s root drops the records of what is held beside it',
      find: "spot.parent !== null && spot.owner.fate === 'gone'",
      replace: "spot.owner.fate === 'gone'",
    },
    {
      id: 'own-file-in-deleted-directory',
      bug: 'a directory that the master deleted goes although the destination has something in it',
      find: "if (node.fate === 'own') keepAncestors(node, roles);",
      replace: '',
    },
    {
      id: 'written-anew-is-removed',
      bug: 'a file that the destination wrote anew counts as removed there and as a stranger',
      find: 'for (const node of recorded) takeSuccessor(forest, node, roles);',
      replace: '',
    },
  ]),
  ...inFile('core/reconcile/names.ts', [
    {
      id: 'wrong-side-keeps-name',
      bug: 'the local version keeps the name in a conflict',
      find: "winner: 'remote',\n      loser: 'local',",
      replace: "winner: 'local',\n      loser: 'remote',",
    },
    {
      id: 'copy-dropped',
      bug: 'the losing version of a conflict gets no copy',
      find: 'copy.fate = loserFate;\n    for (const side of renamedOn) copy.goals[side] = place;\n    this.#rename(copy, place);',
      replace: "copy.fate = 'gone';",
    },
    {
      id: 'adopted-without-equality',
      bug: 'two new files of the same size are adopted as equal',
      find: "return comparison === 'equal';",
      replace: 'return won.sizeBytes === lost.sizeBytes;',
    },
    {
      id: 'copy-names-collide',
      bug: 'a conflict copy takes the name of another copy',
      find: 'taken.has(name) ||\n      SIDES',
      replace: 'SIDES',
    },
    {
      id: 'copy-takes-present-name',
      bug: 'a conflict copy takes a name that a side has',
      find: 'return at !== null && this.#forest.spots[side].has(childPath(at.path, name));',
      replace: "return at === null && name === '';",
    },
    {
      id: 'moved-directory-merged',
      bug: 'a directory that was moved onto a new one loses what it was on the other side',
      find: "if (first.kind === 'directory' ? leftovers.length > 0 :",
      replace: "if (first.kind === 'directory' ? leftovers.length > 1 :",
    },
    {
      id: 'members-of-merged-lost',
      bug: 'names in a merged directory are not contested',
      find: 'for (const member of this.#members.get(from) ?? []) this.#add(into, member);',
      replace: '',
    },
  ]),
  ...inFile('core/reconcile/operations.ts', [
    {
      id: 'removed-top-down',
      bug: 'directories are removed before what is in them',
      find: 'due.sort((a, b) => (a.path < b.path ? 1 : -1));',
      replace: 'due.sort((a, b) => (a.path < b.path ? -1 : 1));',
    },
    {
      id: 'occupant-not-parked',
      bug: 'a name that is taken is moved onto instead of being freed first',
      find: '} else this.#park(occupant);',
      replace: '} else this.#place(node, goal);',
    },
    {
      id: 'placed-bottom-up',
      bug: 'entries are placed before the directories they go into',
      find: 'waiting.sort((a, b) => a.depth - b.depth ||',
      replace: 'waiting.sort((a, b) => b.depth - a.depth ||',
    },
    {
      id: 'removed-with-what-moves-out',
      bug: 'a directory is removed before what is moved out of it',
      find: 'this.#remove((node) => !this.#late.has(node));',
      replace: 'this.#remove(() => true);',
    },
  ]),
];
