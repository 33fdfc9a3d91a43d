import { parseArgs } from 'node:util';
import { damageStores, isRight, tableOf } from './campaign.ts';

/** `npm run store-damage [-- --cases N --seed S]`: damages records of a pair; fails when a case ends other than it must. */
const { values } = parseArgs({
  options: { cases: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const results = await damageStores(cases, seed, (result, number) => {
  if (isRight(result)) return;
  print(`case ${number} (--seed ${seed + number} --cases 1): ${JSON.stringify(result)}`);
});
print(tableOf(results));
const right = results.filter(isRight).length;
print(`${right} of ${results.length} right`);
process.exitCode = right === results.length && right > 0 ? 0 : 1;
