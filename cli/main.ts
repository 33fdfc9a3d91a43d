#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { followSupervisor, ONE_REQUEST_MS, supervisionOf } from '../daemon/supervised.ts';
import { readVersion } from './version.ts';

/** Ends the whole process cleanly on the first Ctrl-C, and at once on the second. */
function interruptSignal(controller: AbortController): AbortSignal {
  const isSupervised = supervisionOf(process.env) !== null;
  let firstAtMs = Number.POSITIVE_INFINITY;
  const stop = () => {
    firstAtMs = Math.min(firstAtMs, Date.now());
    controller.abort();
  };
  const interrupt = () => {
    // What the supervisor says, and the signal that a terminal sends to both, are one.
    const isOneRequest = isSupervised && Date.now() - firstAtMs < ONE_REQUEST_MS;
    if (controller.signal.aborted && !isOneRequest) process.exit(130);
    stop();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  if (isSupervised) {
    followSupervisor(stop);
    process.on('SIGHUP', stop);
  }
  return controller.signal;
}

/** Tells whether these arguments run something that is watched over: the daemon, or a drive without it. */
function isWatchedOver(argv: readonly string[]): boolean {
  if (argv.includes('--help') || argv.includes('-h')) return false;
  const words = argv.filter(
    (word, index) => !word.startsWith('-') && argv[index - 1] !== '--config',
  );
  if (words[0] === 'mount') return argv.includes('--foreground');
  return words[0] === 'daemon' && words[1] === 'run';
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    // Not through process.stdout, whose set-up takes longer than all the rest of this.
    writeSync(1, `${readVersion()}\n`);
    return;
  }
  if (supervisionOf(process.env) === null && isWatchedOver(argv)) {
    const { supervise } = await import('./supervise.ts');
    process.exitCode = await supervise(argv);
    return;
  }
  const controller = new AbortController();
  // A reader that had enough (`ferry log | head`) is no error; what still goes on ends as with Ctrl-C.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') process.exit(1);
      controller.abort();
    });
  const { runProgram } = await import('./program.ts');
  process.exitCode = await runProgram({
    argv,
    environment: process.env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    version: readVersion(),
    signal: interruptSignal(controller),
  });
}

await main(process.argv.slice(2));
