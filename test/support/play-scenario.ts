import { type Direction, otherSide, type Side } from '../../core/model/entry.ts';
import type {
  Drawn,
  OpenScenarioPair,
  ScenarioPair,
  ScenarioRun,
  Step,
  StepScenario,
  UserEdit,
} from './scenario-steps.ts';

const SIDES = ['local', 'remote'] as const;

/** All that a user has written since the last run that ended well, by side. */
type Written = Readonly<Record<Side, Set<string>>>;

/**
 * Plays a scenario and returns what was broken, in words; empty when all held: both sides equal (one-way: the master
 * untouched and its changes arrived), nothing lost, and a second run that changes nothing.
 */
export async function playScenario(
  scenario: StepScenario,
  direction: Direction,
  open: OpenScenarioPair,
): Promise<readonly string[]> {
  const pair = await open(direction);
  try {
    return await new Player(scenario, direction, pair).play();
  } finally {
    await pair.close();
  }
}

class Player {
  readonly #scenario: StepScenario;
  readonly #direction: Direction;
  readonly #pair: ScenarioPair;
  readonly #broken: string[] = [];
  readonly #written: Written = { local: new Set(), remote: new Set() };
  #unholdable = new Set<string>();

  constructor(scenario: StepScenario, direction: Direction, pair: ScenarioPair) {
    this.#scenario = scenario;
    this.#direction = direction;
    this.#pair = pair;
  }

  async play(): Promise<readonly string[]> {
    const { base = {}, steps, ends } = this.#scenario;
    const first = this.#direction === 'remote-to-local' ? 'remote' : 'local';
    if (Object.keys(base).length > 0) {
      await this.#edit(first, drawing(base));
      await this.#sync('the first run');
    }
    for (const [index, step] of steps.entries()) await this.#step(step, `step ${index + 1}`);
    if (steps.at(-1) !== 'sync') await this.#sync('the last run');
    const again = await this.#run('the run after the last');
    if (again && again.changes.length > 0)
      this.#broken.push(`the run after the last one changed ${again.changes.join(', ')}`);
    const end = ends?.[this.#direction];
    if (end !== undefined) await this.#expectEnd(end);
    return this.#broken;
  }

  async #step(step: Step, label: string): Promise<void> {
    if (step === 'sync') await this.#sync(label);
    else if (step === 'restart') await this.#pair.restart();
    else if ('crash' in step) await this.#crash(step.crash);
    else if ('local' in step) await this.#edit('local', step.local);
    else await this.#edit('remote', step.remote);
  }

  async #edit(side: Side, edits: readonly UserEdit[]): Promise<void> {
    for (const edit of edits) {
      await this.#pair.sides[side].apply(edit);
      if (edit[0] === 'write') this.#written[side].add(edit[2]);
      if (edit[0] === 'link') this.#written[side].add(`-> ${edit[2]}`);
    }
  }

  async #crash(after: number): Promise<void> {
    const before = await this.#both();
    await this.#pair.crash(after);
    await this.#pair.restart();
    this.#expectNothingLost('the run that was cut off', before, await this.#both(), false);
  }

  async #sync(label: string): Promise<void> {
    const before = await this.#both();
    const run = await this.#run(label);
    if (run === null) return;
    if (!run.complete) this.#broken.push(`${label} is not complete`);
    for (const problem of run.problems) this.#broken.push(`${label}: ${problem}`);
    const after = await this.#both();
    this.#expectNothingLost(label, before, after, true);
    if (this.#direction === 'two-way') this.#expectEqual(label, after);
    else this.#expectMaster(label, before, after);
    for (const side of SIDES) this.#written[side].clear();
  }

  async #run(label: string): Promise<ScenarioRun | null> {
    try {
      const run = await this.#pair.sync();
      this.#unholdable = new Set(run.unholdable);
      return run;
    } catch (error) {
      this.#broken.push(`${label} failed: ${error instanceof Error ? error.message : error}`);
      return null;
    }
  }

  async #both(): Promise<Record<Side, Drawn>> {
    const { local, remote } = this.#pair.sides;
    return { local: await local.snapshot(), remote: await remote.snapshot() };
  }

  #expectEqual(label: string, { local, remote }: Record<Side, Drawn>): void {
    for (const path of new Set([...Object.keys(local), ...Object.keys(remote)])) {
      if (local[path] === remote[path] || this.#isUnholdable(path)) continue;
      this.#broken.push(
        `${label}: ${path} is ${local[path] ?? 'missing'} locally, ${remote[path] ?? 'missing'} remotely`,
      );
    }
  }

  #expectMaster(label: string, before: Record<Side, Drawn>, after: Record<Side, Drawn>): void {
    const master: Side = this.#direction === 'local-to-remote' ? 'local' : 'remote';
    const other = otherSide(master);
    const [was, is] = [lines(before[master]), lines(after[master])];
    if (was !== is) this.#broken.push(`${label}: the master was changed from\n${was}\nto\n${is}`);
    const arrived = contents(after[other]);
    const given = contents(after[master]);
    for (const content of this.#written[master])
      if (given.has(content) && !arrived.has(content) && !this.#isLeftOut(content, after[master]))
        this.#broken.push(`${label}: ${content} of the master did not arrive`);
  }

  /** What a user has written since the last run is kept by every run, and what nobody touched as well. */
  #expectNothingLost(
    label: string,
    before: Record<Side, Drawn>,
    after: Record<Side, Drawn>,
    isFinished: boolean,
  ): void {
    const there = { local: contents(after.local), remote: contents(after.remote) };
    for (const side of SIDES) {
      for (const content of contents(before[side])) {
        const isNew = this.#written[side].has(content);
        const isUntouched = contents(before[otherSide(side)]).has(content);
        if (!isNew && !isUntouched) continue;
        const kept =
          isFinished && this.#direction === 'two-way' && !this.#isLeftOut(content, before[side])
            ? there.local.has(content) && there.remote.has(content)
            : there.local.has(content) || there.remote.has(content);
        if (!kept) this.#broken.push(`${label} lost ${content}`);
      }
    }
  }

  async #expectEnd(end: Drawn): Promise<void> {
    const expected = lines(withParents(end));
    const { local, remote } = await this.#both();
    const destination = this.#direction === 'local-to-remote' ? remote : local;
    const held = Object.entries(destination).filter(([path]) => !this.#isUnholdable(path));
    const found = lines(withoutTimes(Object.fromEntries(held)));
    if (found !== expected) this.#broken.push(`it ends with\n${found}\ninstead of\n${expected}`);
  }

  #isUnholdable(path: string): boolean {
    return [...this.#unholdable].some((one) => path === one || path.startsWith(`${one}/`));
  }

  #isLeftOut(content: string, tree: Drawn): boolean {
    return Object.entries(tree).every(([path, own]) => own !== content || this.#isUnholdable(path));
  }
}

function drawing(tree: Drawn): readonly UserEdit[] {
  return Object.entries(tree).map(([path, content]): UserEdit => {
    if (content === '/') return ['make', path];
    if (content.startsWith('-> ')) return ['link', path, content.slice(3)];
    return ['write', path, content];
  });
}

function contents(tree: Drawn): Set<string> {
  return new Set(Object.values(tree).filter((content) => content !== '/'));
}

function lines(tree: Drawn): string {
  return Object.entries(tree)
    .map(([path, content]) => `  ${JSON.stringify(path)}: ${content}`)
    .sort()
    .join('\n');
}

function withParents(tree: Drawn): Drawn {
  const whole: Record<string, string> = {};
  for (const [path, content] of Object.entries(tree)) {
    const segments = path.split('/');
    for (let depth = 1; depth < segments.length; depth++)
      whole[segments.slice(0, depth).join('/')] = '/';
    whole[path] = content;
  }
  return whole;
}

function withoutTimes(tree: Drawn): Drawn {
  const short = (path: string): string =>
    path.replaceAll(/ \(conflict [^)]* \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\)/g, ' (conflict)');
  return Object.fromEntries(Object.entries(tree).map(([path, content]) => [short(path), content]));
}
