import { inFile, type Mutant } from '../mutant.ts';

/** Bugs in what the server says has changed: a client that follows it would miss something. */
export const FEED_MUTANTS: readonly Mutant[] = [
  ...inFile('server/feed/change-tree.ts', [
    {
      id: 'feed-move-during-answer',
      bug: 'a directory that moves while an answer is looked up is told as moved, though the answer may have said it is gone',
      find: 'else directory.each((one) => Object.assign(one, { appeared: seq }));',
      replace: 'else this.#remember({ seq, from, path, directory, around });',
    },
    {
      id: 'feed-names-forgotten-silently',
      bug: 'names that are forgotten for lack of room are not told any more',
      find: 'directory.listed = directory.own;',
      replace: '',
    },
    {
      id: 'feed-dirty-not-written',
      bug: 'a restart believes listings that have changed since their fingerprint was taken',
      find: 'this.#dirty(parent);',
      replace: '',
    },
    {
      id: 'feed-moves-forgotten-silently',
      bug: 'moves that are forgotten for lack of room are not told in another way',
      find: 'this.#movesFloor = dropped.at(-1)?.seq ?? this.#movesFloor;',
      replace: '',
    },
  ]),
  ...inFile('server/feed/changes-since.ts', [
    {
      id: 'feed-moved-through-new',
      bug: 'what went through a directory that is new is told as moved from a path that nobody knows',
      find: ' || move.around > seq',
      replace: '',
    },
    {
      id: 'feed-came-along',
      bug: 'what came into a collection with its parent, and left that, is told as moved from a path that nobody knows',
      find: 'isNew || cameAlong ||',
      replace: 'isNew ||',
    },
    {
      id: 'feed-moved-top',
      bug: 'the cursor of a collection is followed though another one has its path by now',
      find: 'if (at.placed > seq && at.parent !== null) return null;',
      replace: 'if (at.placed < 0) return null;',
    },
    {
      id: 'feed-found-later',
      bug: 'a directory that came while the answer was looked up is told without what is in it',
      find: 'if (directory === undefined || directory.placed > seq) return false;',
      replace: 'if (directory === undefined) return false;',
    },
  ]),
  ...inFile('server/feed/tree-observer.ts', [
    {
      id: 'feed-changed-taken-for-new',
      bug: 'a directory that has changed unheard since it came is taken for one that has just come',
      find: '      directory.fingerprint === null &&\n',
      replace: '',
    },
    {
      id: 'feed-gone-unseen',
      bug: 'directories that went while the server was down are still there',
      find: '      if (isTop && one.seenIn !== this.#generation) unseen.push(one);',
      replace: '      if (isTop && one.seenIn < 0) unseen.push(one);',
    },
  ]),
  ...inFile('server/feed/cursors.ts', [
    {
      id: 'feed-cursor-of-another',
      bug: 'a cursor is followed for whoever presents it',
      find: '[log.epoch, asker.principal, asker.path, text]',
      replace: '[log.epoch, asker.path, text]',
    },
    {
      id: 'feed-rolled-back',
      bug: 'a cursor from a past that is gone is followed',
      find: "return latest <= run.given ? point : 'ahead';",
      replace: 'return point;',
    },
  ]),
  ...inFile('server/feed/feed-log.ts', [
    {
      id: 'feed-copied-back',
      bug: 'a record that was copied back from a backup is believed',
      find: "return this.#refuse(tree, 'it was copied back from elsewhere');",
      replace: 'this.#runs = [];',
    },
    {
      id: 'feed-given-unwritten',
      bug: 'a killed server has forgotten which cursors it gave',
      find: "      lines.push(['s', seq]);\n",
      replace: '',
    },
  ]),
];
