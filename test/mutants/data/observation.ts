import { inFile, type Mutant } from '../mutant.ts';

/** Bugs in what a run looks at: directories that are as they were need no look, all others do. */
export const OBSERVATION_MUTANTS: readonly Mutant[] = [
  ...inFile('core/engine/survey.ts', [
    {
      id: 'changed-listing-is-known',
      bug: 'a directory whose listing has changed is not looked into',
      find: 'if (known(directory) !== fingerprint) return;',
      replace: 'if (known(directory) === undefined) return;',
    },
  ]),
  ...inFile('core/engine/observe-pair.ts', [
    {
      id: 'conflicts-not-watched',
      bug: 'a quiet run does not see that a conflict was decided',
      find: 'alwaysOpen.has(at.path) || SIDES',
      replace: 'SIDES',
    },
    {
      id: 'one-quiet-side-is-enough',
      bug: 'a directory that has changed on one side only is not looked into',
      find: '|| SIDES.some((side) => !surveys[side].asRecorded.has(at.path));',
      replace: '|| SIDES.every((side) => !surveys[side].asRecorded.has(at.path));',
    },
    {
      id: 'quiet-parent-of-changes',
      bug: 'a directory is not looked into although one in it has changed',
      find: 'if (collectOpen(given, { path, id }, found)) isOpen = true;',
      replace: 'collectOpen(given, { path, id }, found);',
    },
    {
      id: 'known-ignored-forgotten',
      bug: 'the ignored entries of a directory that was not listed anew are forgotten',
      find: 'if (listing?.holdsIgnored) view.noteIgnoredIn(directory);',
      replace: '',
    },
    {
      id: 'reset-trusts-hashes',
      bug: 'a reset compares announced hashes instead of contents',
      find: 'ignoresAnnouncedHashes: records.state.resetting,',
      replace: 'ignoresAnnouncedHashes: false,',
    },
  ]),
  ...inFile('core/engine/note-listings.ts', [
    {
      id: 'unreadable-listing-is-known',
      bug: 'a directory with something unreadable in it is not looked into again',
      find: '!unclear.has(directory) &&',
      replace: '',
    },
    {
      id: 'failed-deletion-is-not-tried-again',
      bug: 'a directory with a deletion that could not be carried over is not looked into again',
      find: 'if (others.length !== byPath.size) return false;',
      replace: '',
    },
    {
      id: 'pending-change-is-known',
      bug: 'a directory with a change that could not be carried over is not looked into again',
      find: 'record[side].version === entry.version &&',
      replace: '',
    },
  ]),
  ...inFile('core/engine/doubtful-source.ts', [
    {
      id: 'emptied-directory-deletes',
      bug: 'a remote directory that is empty all of a sudden is emptied here',
      find: 'if (removed.length <= FREE_DELETIONS) return;',
      replace: 'if (removed.length >= FREE_DELETIONS) return;',
    },
    {
      id: 'restored-backup-overwrites',
      bug: 'a server that went back in time overwrites what is newer here',
      find: 'if (given.length < ROLLED_BACK_FROM ||',
      replace: 'if (given.length >= 0 ||',
    },
  ]),
  ...inFile('core/engine/confirm-replacements.ts', [
    {
      id: 'new-versions-not-confirmed',
      bug: 'unchanged files with new versions are counted as replaced',
      find: 'if (!replacesMany(plan, records.files)) return false;',
      replace: 'if (replacesMany(plan, records.files)) return false;',
    },
  ]),
];
