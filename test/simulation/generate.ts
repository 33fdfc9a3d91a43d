import { DIRECTIONS, otherSide, type Side } from '../../core/model/entry.ts';
import type { ErrorCode } from '../../core/model/errors.ts';
import { isPrivateName } from '../../core/model/path.ts';
import type { Configuration } from './configuration.ts';
import type { FaultEvent, ScheduleEvent, UserEvent, WorldEvent } from './events.ts';
import type { EventSource } from './play.ts';
import { Random } from './random.ts';
import type { Inode } from './tree.ts';
import type { SimWorld } from './world.ts';

const FAILURES: readonly ErrorCode[] = [
  'REMOTE_UNREACHABLE',
  'REMOTE_LOCKED',
  'REMOTE_QUOTA',
  'REMOTE_FORBIDDEN',
  'REMOTE_PROTOCOL',
  'REMOTE_RATE_LIMITED',
  'LOCAL_PERMISSION',
  'LOCAL_NO_SPACE',
  'LOCAL_IO',
];

/** A run that has more to do than the one before it has so many calls more, mostly. */
const MORE_CALLS = 16;

/** Draws the events of a seed, one after the other, with the world as it is then in view. */
export function drawnEvents(seed: number, configuration: Configuration): EventSource {
  const author = new Author(seed, configuration);
  return (world) => author.next(world);
}

class Author {
  readonly #configuration: Configuration;
  readonly #workload: Random;
  readonly #faults: Random;
  readonly #schedule: Random;
  readonly #queue: ((world: SimWorld) => ScheduleEvent | null)[] = [];
  #roundsLeft: number;
  #lastText = 0;
  #recent: UserEvent | null = null;

  constructor(seed: number, configuration: Configuration) {
    this.#configuration = configuration;
    this.#workload = Random.of(seed, 'workload');
    this.#faults = Random.of(seed, 'faults');
    this.#schedule = Random.of(seed, 'schedule');
    this.#roundsLeft = configuration.rounds;
  }

  next(world: SimWorld): ScheduleEvent | null {
    for (;;) {
      const draw = this.#queue.shift();
      const event = draw?.(world) ?? null;
      if (event !== null) return event;
      if (draw === undefined && !this.#planRound()) return null;
    }
  }

  #planRound(): boolean {
    if (this.#roundsLeft <= 0) return false;
    const isFirst = this.#roundsLeft === this.#configuration.rounds;
    this.#roundsLeft--;
    const { faults, faultsPerRun } = this.#configuration;
    const count = isFirst ? this.#workload.between(1, 4) : this.#workload.between(0, 3);
    for (let left = count; left > 0; left--)
      this.#queue.push((world) => this.#userEvent(world, isFirst));
    this.#queue.push(() => this.#worldEvent(isFirst));
    if (faults.size > 0 && !isFirst)
      for (let left = this.#faults.between(0, faultsPerRun); left > 0; left--)
        this.#queue.push((world) => this.#timedEvent(world));
    this.#queue.push(() => this.#runEvent());
    return true;
  }

  #runEvent(): ScheduleEvent {
    const isReset = this.#configuration.resets && this.#faults.chance(0.3);
    return { do: isReset ? 'reset' : 'sync', picks: this.#schedule.next() };
  }

  #worldEvent(isFirst: boolean): WorldEvent | null {
    const { faults, changesDirection } = this.#configuration;
    const random = this.#faults;
    if (changesDirection && random.chance(0.4))
      return { do: 'direction', direction: random.pick(DIRECTIONS) };
    if (random.chance(0.1)) return { do: 'restart' };
    if (faults.has('crash') && random.chance(0.25)) return { do: 'outage', loss: random.next() };
    if (faults.has('server')) {
      if (random.chance(isFirst ? 0.6 : 0.2)) return { do: 'snapshot' };
      if (random.chance(0.3)) return { do: random.chance(0.5) ? 'restore' : 'wipe' };
    }
    if (faults.has('records') && !isFirst && random.chance(0.4)) return this.#recordsEvent();
    return null;
  }

  #recordsEvent(): WorldEvent {
    const random = this.#faults;
    const kind = random.below(3);
    if (kind === 0) return { do: 'lose-suffix', batches: random.between(1, 3) };
    return kind === 1 ? { do: 'lose-store' } : { do: 'damage-row', row: random.below(8) };
  }

  #timedEvent(world: SimWorld): ScheduleEvent | null {
    const random = this.#faults;
    const kind = random.pick([...this.#configuration.faults]);
    const at = random.between(1, world.lastCalls + MORE_CALLS);
    if (kind === 'edit') {
      const edit = this.#userEvent(world, false, 0.7);
      return edit === null ? null : { ...edit, at };
    }
    const fault = this.#fault(kind);
    return fault === null ? null : { ...fault, at };
  }

  #fault(kind: string): FaultEvent | null {
    const random = this.#faults;
    switch (kind) {
      case 'error':
        return { do: 'fail', code: random.pick(FAILURES) };
      case 'network':
        if (random.chance(0.4)) return { do: 'lose-answer' };
        if (random.chance(0.5)) return { do: 'late', by: random.between(1, 40) };
        return { do: 'offline', calls: random.between(1, 6) };
      case 'crash':
        if (random.chance(0.5)) return { do: 'kill', after: random.chance(0.5) };
        return { do: 'power', after: random.chance(0.5), loss: random.next() };
      case 'cancel':
        return { do: 'cancel' };
      default:
        return null;
    }
  }

  /** Draws a deed; so often one at a path where somebody did something before, mostly on the other side. */
  #userEvent(world: SimWorld, isFirst: boolean, follows = 0.3): UserEvent | null {
    const event = this.#deed(world, isFirst, follows);
    if (!isFirst) this.#recent = event;
    return event;
  }

  #deed(world: SimWorld, isFirst: boolean, follows: number): UserEvent {
    const random = this.#workload;
    const recent = random.chance(follows) ? this.#recent : null;
    let side: Side = random.chance(0.5) ? 'local' : 'remote';
    if (recent !== null && random.chance(0.8)) side = otherSide(recent.side);
    const tree = side === 'local' ? world.disk.tree : world.server.tree;
    const paths = pathsIn(tree.root);
    const existing = (): string => {
      if (recent !== null && tree.at(recent.path)) return recent.path;
      return paths.length > 0 ? random.pick(paths) : this.#path();
    };
    const anywhere = (): string => (random.chance(0.5) ? existing() : this.#path());
    const choice = isFirst ? random.below(5) : random.below(20);
    if (choice < 4) return { do: 'write', side, path: this.#path(), text: this.#text(side) };
    if (isFirst) return { do: 'mkdir', side, path: this.#path() };
    if (choice < 7) return { do: 'write', side, path: existing(), text: this.#text(side) };
    if (choice < 8) return { do: 'append', side, path: existing(), text: this.#text(side) };
    if (choice < 9) return { do: 'save', side, path: existing(), text: this.#text(side) };
    if (choice < 10) return { do: 'same', side, path: anywhere() };
    if (choice < 13) return { do: 'move', side, path: existing(), to: anywhere() };
    if (choice < 14) return { do: 'swap', side, path: existing(), to: existing() };
    if (choice < 17) return { do: 'remove', side, path: existing() };
    if (choice < 18) return { do: 'mkdir', side, path: this.#path() };
    if (choice < 19) return { do: 'kind', side, path: existing(), text: this.#text(side) };
    if (this.#configuration.traits.symlinks && random.chance(0.4))
      return { do: 'link', side, path: this.#path() };
    return { do: 'touch', side, path: existing() };
  }

  #path(): string {
    const { names, maxDepth } = this.#configuration;
    const random = this.#workload;
    let path = random.pick(names);
    for (let depth = 1; depth < maxDepth && random.chance(0.45); depth++)
      path += `/${random.pick(names)}`;
    return path;
  }

  /** All of one length, so that only a look at the content tells versions apart. */
  #text(side: Side): string {
    this.#lastText++;
    return `${side === 'local' ? 'L' : 'R'}${`${this.#lastText}`.padStart(2, '0')}.`;
  }
}

/** Returns what a user could point at, parents first. */
function pathsIn(root: Inode): string[] {
  const paths: string[] = [];
  const visit = (directory: Inode, prefix: string): void => {
    for (const [name, node] of directory.children) {
      if (isPrivateName(name)) continue;
      paths.push(prefix + name);
      visit(node, `${prefix}${name}/`);
    }
  };
  visit(root, '');
  return paths;
}
