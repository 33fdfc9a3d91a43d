import { inFile, type Mutant } from '../mutant.ts';

/** Bugs in the records: what is durable, what is noticed when it is not. */
export const RECORD_MUTANTS: readonly Mutant[] = [
  ...inFile('core/records/records.ts', [
    {
      id: 'lost-directories-unnoticed',
      bug: 'records of which whole directories are missing are taken as complete',
      find: 'if (!isComplete)',
      replace: 'if (!isComplete && size > expected.directories)',
    },
    {
      id: 'commit-not-synced',
      bug: 'a commit does not survive a power cut',
      find: '[...staged.values()], { sync: true }',
      replace: '[...staged.values()], { sync: false }',
    },
    {
      id: 'lost-rows-unnoticed',
      bug: 'records with missing rows are taken as complete',
      find: 'if (sum.digest.count !== expected.count || sum.digest.sum !== expected.sum)',
      replace: 'if (sum.digest.count > expected.count)',
    },
    {
      id: 'changed-rows-unnoticed',
      bug: 'only the number of rows is checked, not what is in them',
      find: 'if (sum.digest.count !== expected.count || sum.digest.sum !== expected.sum)',
      replace: 'if (sum.digest.count !== expected.count)',
    },
    {
      id: 'journal-not-read',
      bug: 'what an interrupted run had put aside is forgotten with a restart',
      find: 'for await (const rows of store.scan(PARKED_PREFIX))',
      replace: 'for await (const rows of store.scan(`no${PARKED_PREFIX}`))',
    },
    {
      id: 'conflicts-not-read',
      bug: 'conflicts are forgotten with a restart',
      find: 'for await (const rows of store.scan(CONFLICT_PREFIX))',
      replace: 'for await (const rows of store.scan(`no${CONFLICT_PREFIX}`))',
    },
    {
      id: 'staged-lost-on-failure',
      bug: 'what could not be committed is forgotten',
      find: '        this.#staged = staged;\n        throw error;',
      replace: '        throw error;',
    },
    {
      id: 'commit-failure-swallowed',
      bug: 'a commit that failed counts as done',
      find: '        this.#staged = staged;\n        throw error;',
      replace: '        this.#staged = staged;',
    },
    {
      id: 'full-directory-dropped',
      bug: 'the record of a directory goes although something is recorded in it',
      find: 'if (record && this.hasChildren(id)) return false;',
      replace: '',
    },
    {
      id: 'old-row-stays',
      bug: 'a moved record stays under its old name, too',
      find: 'if (before) this.#unindex(before);',
      replace: '',
    },
  ]),
  ...inFile('core/records/records-state.ts', [
    {
      id: 'newer-layout-read',
      bug: 'records of a newer layout are read as if they were known',
      find: 'if (state.schema > SCHEMA_VERSION)',
      replace: 'if (state.schema < 0)',
    },
  ]),
  ...inFile('core/records/directory-table.ts', [
    {
      id: 'moved-listing-stays-known',
      bug: 'a directory that was moved is not judged by the ignore rules of its new place',
      find: 'if (isMoved) this.#forgetListings(directory);',
      replace: 'if (isMoved) this.#changed.add(id);',
    },
    {
      id: 'rules-change-nothing',
      bug: 'listings stay known although other names are ignored from now on',
      find: "      this.setKnown(id, 'remote', null);",
      replace: "      this.setKnown(-1 - id, 'remote', null);",
    },
  ]),
  ...inFile('core/records/open-records.ts', [
    {
      id: 'rollback-unnoticed',
      bug: 'records whose end was lost are taken as current',
      find: 'if (records.state.sequence < noted)',
      replace: 'if (records.state.sequence < noted - 1)',
    },
    {
      id: 'refusal-is-damage',
      bug: 'records that cannot be opened now are set aside as if they were damaged',
      find: "if (!(error instanceof FerryError) || error.code !== 'RECORD_CORRUPT') throw error;",
      replace: 'if (!(error instanceof FerryError)) throw error;',
    },
    {
      id: 'reset-not-marked',
      bug: 'a reset does not keep runs from deleting until it is complete',
      find: 'generation: generation + 1, resetting: true,',
      replace: 'generation: generation + 1, resetting: false,',
    },
    {
      id: 'generation-stays',
      bug: 'a reset does not begin a new generation',
      find: 'generation: generation + 1,',
      replace: 'generation,',
    },
    {
      id: 'parked-lost-by-reset',
      bug: 'a reset forgets what is still put aside under a temporary name',
      find: 'for (const move of records.parked()) fresh.putParked(move);',
      replace: '',
    },
    {
      id: 'conflicts-lost-by-reset',
      bug: 'a reset forgets the conflicts that nobody has decided yet',
      find: 'of conflictsWithoutIds(records)) fresh.putConflict(conflict);',
      replace: 'of conflictsWithoutIds(records)) void conflict;',
    },
    {
      id: 'reset-without-copy',
      bug: 'a reset keeps no copy of the records',
      find: "await home.setAside('bak', nowMs);",
      replace: "await home.setAside('damaged', nowMs);",
    },
  ]),
  ...inFile('core/records/record.ts', [
    {
      id: 'old-times-garbled',
      bug: 'times before 1970 are read back as later ones',
      find: "return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`)",
      replace: "return text.startsWith('-') ? BigInt(`0x${text.slice(1)}`)",
    },
    {
      id: 'unread-contents-are-equal',
      bug: 'recorded contents that nobody has read count as one and the same',
      find: 'return record.hash ?? `record:${record.id}`;',
      replace: 'return record.hash ?? `record:${record.sizeBytes}`;',
    },
  ]),
  ...inFile('core/records/checked-store.ts', [
    {
      id: 'flipped-bit-believed',
      bug: 'a row that was damaged on the disk is believed as it reads',
      find: 'if (stored.slice(end + 1) !== checkOf(key, value))',
      replace: 'if (end < -1)',
    },
  ]),
];
