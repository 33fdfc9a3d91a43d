import { inFile, type Mutant } from '../mutant.ts';

/** Bugs in carrying out a plan: order, conditions, what is recorded when. */
export const TRANSFER_MUTANTS: readonly Mutant[] = [
  ...inFile('core/transfer/execute-plan.ts', [
    {
      id: 'recorded-unflushed',
      bug: 'changed names are recorded although they are not durable',
      find: 'await Promise.all(SIDES.map((side) => replicas[side].flush()));',
      replace: '',
    },
    {
      id: 'recorded-before-flush',
      bug: 'the records are committed before the names are durable',
      find: 'await Promise.all(SIDES.map((side) => replicas[side].flush()));\n    ledger.stageFinished();',
      replace:
        'ledger.stageFinished();\n    await records.commit();\n    await Promise.all(SIDES.map((side) => replicas[side].flush()));',
    },
    {
      id: 'names-not-recorded-before-contents',
      bug: 'moves and removals are recorded only when all contents have arrived',
      find: '  await record();\n  if (!ledger.fatal) await onBoth((side) => writeContents(',
      replace: '  if (!ledger.fatal) await onBoth((side) => writeContents(',
    },
    {
      id: 'another-pass-lost',
      bug: 'a plan that could not be carried out as made is not made again',
      find: 'needsAnotherPass: ledger.needsAnotherPass || ledger.isAnythingLeft,',
      replace: 'needsAnotherPass: false,',
    },
    {
      id: 'fatal-swallowed',
      bug: 'an error that ends one side’s transfers is not reported',
      find: "if (result.status === 'rejected') ledger.fatal ??= toFerryError(result.reason);",
      replace: "if (result.status === 'rejected') void toFerryError(result.reason);",
    },
  ]),
  ...inFile('core/transfer/contents.ts', [
    {
      id: 'write-unconditional',
      bug: 'a write replaces whatever is there, not the version that was planned with',
      find: 'const given = items(operations, transfers, context);',
      replace: `const given = (async function* () {
    for (const item of items(operations, transfers, context)) {
      const now = await replicas[side].stat(item.path);
      yield Object.assign(item, { expected: now?.kind === 'file' ? now.version : 'absent' });
    }
  })();`,
    },
    {
      id: 'content-unverified',
      bug: 'what arrives is not compared with the announced hash and length',
      find: '  const verified = new VerifiedStream(noted, {',
      replace:
        '  if (source.sizeBytes >= 0) return stream;\n  const verified = new VerifiedStream(noted, {',
    },
    {
      id: 'group-not-committed',
      bug: 'a durable group of files is not recorded before the next one',
      find: 'await tellCounterparts(replicas, ledger.takeEqual());\n    await records.commit();',
      replace: 'await tellCounterparts(replicas, ledger.takeEqual());',
    },
    {
      id: 'cache-not-told',
      bug: 'a drive is not told that its file was uploaded',
      find: 'await tellCounterparts(replicas, ledger.takeEqual());\n    await records.commit();',
      replace: 'ledger.takeEqual();\n    await records.commit();',
    },
    {
      id: 'replaced-without-keeping',
      bug: 'the version store is not told why a file is replaced',
      find: '...(current === undefined ? {} : context.displacementOf(side, key)),',
      replace: '',
    },
    {
      id: 'failed-write-is-done',
      bug: 'a failed write is counted as done',
      find: 'ledger.fail(side, key, path, result.error);\n        context.onFailed(transfer.operation, side, result.error);\n        continue;',
      replace: 'ledger.done(side, key);\n        finished.push(key);\n        continue;',
    },
    {
      id: 'times-not-sent',
      bug: 'a transferred file gets the time of its transfer',
      find: '...(entry.mtimeNs === undefined ? {} : { mtimeNs: entry.mtimeNs }),',
      replace: '',
    },
    {
      id: 'link-replaced-without-removal',
      bug: 'a link that points elsewhere now stays as it was',
      find: 'current.target === source.target) {',
      replace: "current.target !== '') {",
    },
  ]),
  ...inFile('core/transfer/structural.ts', [
    {
      id: 'park-not-journalled',
      bug: 'what is put aside is not noted before it is',
      find: 'if (any) await records.commit();',
      replace: '',
    },
    {
      id: 'parks-not-noted',
      bug: 'no journal of parks is written at all',
      find: 'records.putParked({ side, parked: operation.to, from: operation.from, to });',
      replace: 'void to;',
    },
    {
      id: 'removal-unconditional',
      bug: 'a removal takes whatever is there, not the version that was planned with',
      find: "case 'remove':\n      await replica.remove(operation.path, {\n        expected: expectation(current, operation.path),",
      replace:
        "case 'remove':\n      await replica.remove(operation.path, {\n        expected: expectation((await replica.stat(operation.path)) ?? current, operation.path),",
    },
    {
      id: 'move-unconditional',
      bug: 'a move takes whatever is there, not the version that was planned with',
      find: 'expected: expectation(current, operation.from),',
      replace:
        'expected: expectation((await replica.stat(operation.from)) ?? current, operation.from),',
    },
    {
      id: 'removed-without-keeping',
      bug: 'the version store is not told why an entry is removed',
      find: '...displacementOf(side, operation.key),\n        signal,',
      replace: 'signal,',
    },
    {
      id: 'step-failure-swallowed',
      bug: 'a failed step is counted as done',
      find: "ledger.fail(side, operation.key, operation.op === 'remove' ? path : target, error);",
      replace: 'ledger.done(side, operation.key);',
    },
    {
      id: 'directories-made-bottom-up',
      bug: 'directories are made before those they are in',
      find: "return byDepth(run as MakeDirectory[], 'ascending');",
      replace: "return byDepth(run as MakeDirectory[], 'descending');",
    },
    {
      id: 'directories-removed-first',
      bug: 'directories are removed before those in them',
      find: "...byDepth(directories, 'descending')]",
      replace: "...byDepth(directories, 'ascending')]",
    },
  ]),
  ...inFile('core/transfer/read-groups.ts', [
    {
      id: 'group-unverified',
      bug: 'small contents that were read together are not compared with what was announced',
      find: 'const announced = { path, sizeBytes, ...(hash === undefined ? {} : { hash }) };',
      replace: 'const announced = { path, sizeBytes: hash ? result.content.length : sizeBytes };',
    },
    {
      id: 'group-change-unheard',
      bug: 'a file of a group that changed while it was read is not tried again when it was quiet',
      find: "if (error.code === 'CHANGED') onChanged();",
      replace: "if (error.code !== 'CHANGED') onChanged();",
    },
  ]),
  ...inFile('core/transfer/structural-groups.ts', [
    {
      id: 'group-failure-swallowed',
      bug: 'a directory of a group that could not be made counts as made',
      find: '      ledger.fail(side, step.key, step.path, answer);',
      replace: '      ledger.done(side, step.key);',
    },
  ]),
  ...inFile('core/transfer/ledger.ts', [
    {
      id: 'changed-swallowed',
      bug: 'a step that met a change does not lead to another pass',
      find: 'this.needsAnotherPass = true;\n      this.unsettled.push',
      replace: 'this.unsettled.push',
    },
    {
      id: 'side-lost-is-a-problem-of-one-file',
      bug: 'a side that is gone fails each file by itself',
      find: "  'REMOTE_UNREACHABLE',\n",
      replace: '',
    },
    {
      id: 'problem-swallowed',
      bug: 'a failed entry is not named in the summary',
      find: 'else this.problems.push(problemOf(error, path, side));',
      replace: 'else void problemOf(error, path, side);',
    },
    {
      id: 'recorded-before-arrival',
      bug: 'a node is recorded before all its steps are done',
      find: 'return !this.#failed.has(key) && (this.#left.get(key) ?? 0) <= 0;',
      replace: 'return !this.#failed.has(key) && (this.#left.get(key) ?? 0) <= 1;',
    },
    {
      id: 'failed-is-recorded',
      bug: 'a node is recorded although one of its steps failed',
      find: 'return !this.#failed.has(key) && (this.#left.get(key) ?? 0) <= 0;',
      replace: 'return this.#failed.has(key) || (this.#left.get(key) ?? 0) <= 0;',
    },
    {
      id: 'move-lost-before-content',
      bug: 'a move is not recorded while the content of the same file is still to come',
      find: 'if (keys === undefined) this.#stageMovedBeforeContent();',
      replace: '',
    },
    {
      id: 'moved-edit-recorded',
      bug: 'a file that was moved and edited is recorded with the edit before that has arrived',
      find: '...(isAsRecorded ? { [receiving]: recordedSide(entry) } : {}),',
      replace: '...(isAsRecorded || true ? { [receiving]: recordedSide(entry) } : {}),',
    },
    {
      id: 'divergence-recorded',
      bug: 'an edit of the destination is recorded as if the master had it, too',
      find: 'return own && agrees ? recordedSide(own)',
      replace: 'return own && (agrees || true) ? recordedSide(own)',
    },
    {
      id: 'old-hash-recorded',
      bug: 'the record of a received file keeps the hash of the old content',
      find: 'if (received) return received.hash;',
      replace: 'if (received) return base?.hash ?? received.hash;',
    },
    {
      id: 'records-dropped-top-down',
      bug: 'the records of a deleted directory stay',
      find: 'dropped.sort((a, b) => b.key - a.key)',
      replace: 'dropped.sort((a, b) => a.key - b.key)',
    },
    {
      id: 'equality-of-unequal-noted',
      bug: 'a cache is told that two different files are equal',
      find: '|| !this.#contentAgrees(node)) return;',
      replace: ') return;',
    },
    {
      id: 'cut-off-is-complete',
      bug: 'steps that were never begun do not keep a run from being complete',
      find: 'if (left > 0 && !this.#failed.has(key)) return true;',
      replace: 'if (left > 9 && !this.#failed.has(key)) return true;',
    },
  ]),
  ...inFile('core/transfer/verified-stream.ts', [
    {
      id: 'digest-not-checked',
      bug: 'content with another hash than announced is accepted',
      find: 'if (hash !== undefined && hash !== found)',
      replace: 'if (hash !== undefined && hash !== found && length < 0)',
    },
    {
      id: 'cut-body-accepted',
      bug: 'a body that ends early is accepted',
      find: 'if (length !== sizeBytes)',
      replace: 'if (length > sizeBytes)',
    },
  ]),
  ...inFile('core/transfer/pool.ts', [
    {
      id: 'parallel-failure-swallowed',
      bug: 'the failure of work that runs beside others is lost',
      find: 'if (failures.length > 0) throw failures[0];',
      replace: '',
    },
  ]),
  ...inFile('core/transfer/tell-counterparts.ts', [
    {
      id: 'cache-not-durable',
      bug: 'what a cache was told is recorded before it is durable',
      find: '    await replica.flush();',
      replace: '',
    },
  ]),
];
