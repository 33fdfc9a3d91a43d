import { inFile, type Mutant } from '../mutant.ts';

/** Bugs in what a run is: passes, guards, looks, reset, what it says of itself. */
export const ENGINE_MUTANTS: readonly Mutant[] = [
  ...inFile('core/engine/plan-pass.ts', [
    {
      id: 'reset-plans-deletions',
      bug: 'a run plans deletions while a reset is not complete',
      find: "deletes: records.state.resetting ? 'hold' : settings.deletes,",
      replace: 'deletes: settings.deletes,',
    },
    {
      id: 'reset-uploads-nothing',
      bug: 'a reset adopts what both sides have instead of uploading it',
      find: 'transferEqual: records.state.resetting,',
      replace: 'transferEqual: false,',
    },
  ]),
  ...inFile('core/engine/run.ts', [
    {
      id: 'parked-not-brought-back',
      bug: 'the journal of parks is not read: temporary names stay',
      find: '  await recoverParked(replicas, records, naming, signal);',
      replace: '  if (isDryRun) await recoverParked(replicas, records, naming, signal);',
    },
    {
      id: 'reset-ends-early',
      bug: 'a reset counts as complete although files are still missing',
      find: 'if (!again && !isWaiting) {',
      replace: 'if (!again) {',
    },
    {
      id: 'conflict-noted-after-renaming',
      bug: 'a conflict is not noted before its copy is made',
      find: 'const conflicts = noteConflicts(conflictOptions(context, pass));\n  await records.commit();',
      replace:
        'const conflicts = conflictsIn(conflictOptions(context, pass));\n  void noteConflicts;',
    },
    {
      id: 'failed-run-is-complete',
      bug: 'a run that was cut off ends as if it were complete',
      find: 'if (result.fatal) throw result.fatal;',
      replace: '',
    },
    {
      id: 'pass-not-repeated',
      bug: 'what was not as planned is not planned again',
      find: 'const again = postponed || result.needsAnotherPass ||',
      replace: 'const again = postponed ||',
    },
    {
      id: 'changed-while-read-forgotten',
      bug: 'a file that changed while it was compared is left out without another pass',
      find: '|| pass.unsettled.length > 0;',
      replace: ';',
    },
    {
      id: 'unsettled-swallowed',
      bug: 'what was not as planned in every pass is not named',
      find: 'if (again && isLast) {',
      replace: 'if (!again && isLast) {',
    },
    {
      id: 'unseen-not-named',
      bug: 'what could not be seen on the remote is not named',
      find: 'const met = [...views.local.problems, ...views.remote.problems, ...found];',
      replace: 'const met = [...views.local.problems, ...found];',
    },
    {
      id: 'last-pass-is-complete',
      bug: 'a run that gave up after its last pass says that it is complete',
      find: 'if (number === MAX_PASSES) return false;',
      replace: 'if (number === MAX_PASSES) return true;',
    },
    {
      id: 'hash-of-the-other-side',
      bug: 'a content that was read on one side is taken for the other one’s',
      find: 'knownHash: (side, path, version) => seen.get(`${side}\\n${version}\\n${path}`),',
      replace:
        'knownHash: (_side, path, version) =>\n      seen.get(`local\\n${version}\\n${path}`) ?? seen.get(`remote\\n${version}\\n${path}`),',
    },
    {
      id: 'new-direction-deletes',
      bug: 'what the rules of the old direction left out counts as deleted in the new one',
      find: 'while (hasNewDirection(context) && forgetDeletions',
      replace: 'while (hasNewDirection(context) && context.records.size < 0 && forgetDeletions',
    },
    {
      id: 'roots-not-noted',
      bug: 'the roots are not noted: another disk at the same place is not noticed',
      find: 'roots: { local: roots.local.id, remote: roots.remote.id },',
      replace: '',
    },
    {
      id: 'guard-file-not-checked',
      bug: 'the guard file is not looked at',
      find: 'await checkGuardFile(replicas.local, settings);',
      replace: '',
    },
    {
      id: 'trusted-times-in-two-way',
      bug: 'equal size and time are proof in a two-way pair, too',
      find: "settings.trustTimes && settings.direction !== 'two-way' &&",
      replace: 'settings.trustTimes &&',
    },
  ]),
  ...inFile('core/engine/guards.ts', [
    {
      id: 'another-disk-accepted',
      bug: 'another tree at the place of the root is synced with the old records',
      find: 'if (records.size > 0 && known !== null && found.id !== known)',
      replace: 'if (records.size > 0 && known !== null && found.id === null)',
    },
    {
      id: 'missing-root-made',
      bug: 'a root that is gone is made again and counts as empty',
      find: "const create = isFirst && !isDryRun && (!isMaster || side === 'local');",
      replace: "const create = !isDryRun && (!isMaster || side === 'local');",
    },
    {
      id: 'deletion-guard-off-by-one',
      bug: 'twenty deletions are asked about',
      find: 'if (deleted > FREE_DELETIONS &&',
      replace: 'if (deleted >= FREE_DELETIONS &&',
    },
    {
      id: 'deletion-guard-dropped',
      bug: 'no number of deletions is asked about',
      find: 'if (deleted > FREE_DELETIONS &&',
      replace: 'if (deleted < 0 &&',
    },
    {
      id: 'deletion-guard-first-pass-only',
      bug: 'deletions of a later pass are not asked about',
      find: 'if (!options.allowDeletes) checkDeletions(options);',
      replace: 'if (!options.allowDeletes && options.isFirstPass) checkDeletions(options);',
    },
    {
      id: 'ransomware-guard-off-by-one',
      bug: 'fifty replaced files are not asked about',
      find: 'return modified >= MODIFIED_FROM &&',
      replace: 'return modified > MODIFIED_FROM &&',
    },
    {
      id: 'conflict-guard-off-by-one',
      bug: 'twenty conflicts are asked about',
      find: 'if (conflicts > MAX_CONFLICTS)',
      replace: 'if (conflicts >= MAX_CONFLICTS)',
    },
    {
      id: 'allow-deletes-lets-all-through',
      bug: 'leave to delete is leave to replace everything',
      find: 'if (!options.yes) checkModifications(options);',
      replace: 'if (!options.yes && !options.allowDeletes) checkModifications(options);',
    },
  ]),
  ...inFile('core/engine/side-view.ts', [
    {
      id: 'empty-side-deletes',
      bug: 'a side that is empty all of a sudden deletes everything',
      find: 'return quietEntries === 0 && this.entries.size === 0 &&',
      replace: 'return quietEntries < 0 && this.entries.size === 0 &&',
    },
    {
      id: 'unlisted-not-frozen',
      bug: 'what could not be listed is named, but counts as deleted',
      find: 'this.#frozen.add(path);\n    if (error)',
      replace: 'if (error)',
    },
    {
      id: 'ignored-entries-forgotten',
      bug: 'a directory with ignored entries can be removed',
      find: '{ ...node, holdsIgnored: true }',
      replace: '{ ...node, holdsIgnored: false }',
    },
    {
      id: 'moved-and-edited-is-moved',
      bug: 'a moved file of the recorded size counts as unedited whatever its time is',
      find: 'return isExact && recorded.mtimeNs === mtimeNs && sizeBytes',
      replace: 'return isExact && recorded.mtimeNs !== undefined && sizeBytes',
    },
    {
      id: 'version-not-compared',
      bug: 'a file whose version has changed counts as unedited while its size is the recorded one',
      find: 'record[side].version === entry.version &&',
      replace: "entry.kind === 'file' &&\n      record.sizeBytes === entry.sizeBytes &&",
    },
    {
      id: 'links-lead-out',
      bug: 'links that lead out of the folder are synced',
      find: 'if (!staysInside(path, entry.target))',
      replace: "if (!staysInside(path, entry.target) && entry.target === '')",
    },
  ]),
  ...inFile('core/engine/look-at-contents.ts', [
    {
      id: 'first-run-adopts-unequal',
      bug: 'new files of the same path are adopted although their contents differ',
      find: "if (typeof hash !== 'string' || hash !== views.remote.tokenAt(path)) return false;",
      replace: "if (typeof hash !== 'string' || !views.remote.tokenAt(path)) return false;",
    },
    {
      id: 'times-of-synced-trusted',
      bug: 'equal size and time are proof for files that were synced before, too',
      find: 'if (records.at(path)) return false;\n  const local',
      replace: 'const local',
    },
    {
      id: 'side-lost-while-comparing',
      bug: 'a side that is gone while contents are compared is a problem of each file',
      find: 'if (isAboutTheSide(error.code)) throw error;',
      replace: '',
    },
    {
      id: 'adopted-not-committed',
      bug: 'an interruption loses what a first run has compared',
      find: '  await tellCounterparts(replicas, equal);\n  await records.commit();',
      replace: '  await tellCounterparts(replicas, equal);',
    },
  ]),
  ...inFile('core/engine/refresh-unchanged.ts', [
    {
      id: 'own-edit-recorded-as-known',
      bug: 'an edit that is left alone is recorded as if both sides had it',
      find: 'views[side].tokenAt(path) === baseToken(record);',
      replace: 'views[side].tokenAt(path) !== undefined;',
    },
  ]),
  ...inFile('core/engine/recover-parked.ts', [
    {
      id: 'journal-cleared-first',
      bug: 'the journal is cleared before what was put aside is back',
      find: '  for (const move of brought) await bringBack(',
      replace:
        '  for (const { parked } of brought) records.dropParked(parked);\n  await records.commit();\n  for (const move of brought) await bringBack(',
    },
    {
      id: 'brought-back-unflushed',
      bug: 'the journal is cleared before the name that was brought back is durable',
      find: 'await replicas[side].flush();',
      replace: 'void replicas[side];',
    },
  ]),
  ...inFile('core/engine/conflict-notes.ts', [
    {
      id: 'conflict-not-recorded',
      bug: 'a conflict is not noted',
      find: 'for (const note of notes.values()) options.records.putConflict(note);',
      replace: '',
    },
    {
      id: 'unmade-conflict-listed',
      bug: 'a conflict is listed although its copy was never made',
      find: 'if (placeOf(note.copyFrom, key) !== note.copyPath) {',
      replace: "if (note.copyPath === '') {",
    },
  ]),
  ...inFile('core/engine/create-pair-engine.ts', [
    {
      id: 'runs-overlap',
      bug: 'two runs of one pair go on at the same time',
      find: 'const next = this.#queue.then(ready, ready);',
      replace: 'const next = Promise.resolve().then(ready);',
    },
    {
      id: 'end-not-noted',
      bug: 'how far the records reached is not noted outside them',
      find: 'await recordsHome.noteSequence(this.#records.state.sequence);',
      replace: '',
    },
    {
      id: 'change-during-run-forgotten',
      bug: 'a pair whose files changed during the run says that it is in sync',
      find: 'inSync: isClean && !this.#changedSinceRun ?',
      replace: 'inSync: isClean ?',
    },
  ]),
  ...inFile('core/engine/ignore-files.ts', [
    {
      id: 'new-ignore-file-unseen',
      bug: 'an ignore file that was not there before counts from the next run on only',
      find: 'if (found.size === 0 || this.#rounds > MAX_ROUNDS) return false;',
      replace: 'if (found.size >= 0) return false;',
    },
  ]),
];
