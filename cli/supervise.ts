import { writeSync } from 'node:fs';
import { resolveHome } from '../daemon/home.ts';
import { Supervisor } from '../daemon/supervisor.ts';
import { programFile } from './program-file.ts';

/** Runs the command of these arguments in a worker that is started again when it crashes; returns the exit code. */
export function supervise(argv: readonly string[]): Promise<number> {
  const isDaemon = argv.includes('daemon');
  const supervisor = new Supervisor({
    command: [programFile(), ...argv],
    what: isDaemon ? 'the daemon' : 'the drive',
    home: resolveHome(process.env),
    environment: process.env,
    isNoted: isDaemon,
    say: (line) => {
      writeSync(2, `${line}\n`);
    },
  });
  return supervisor.run();
}
