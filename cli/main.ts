#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { readVersion } from './version.ts';

/** Ends the whole process cleanly on the first Ctrl-C, and at once on the second. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    // Not through process.stdout, whose set-up takes longer than all the rest of this.
    writeSync(1, `${readVersion()}\n`);
    return;
  }
  // A reader that had enough (`ferry log | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  const { runProgram } = await import('./program.ts');
  process.exitCode = await runProgram({
    argv,
    environment: process.env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    version: readVersion(),
    signal: interruptSignal(),
  });
}

await main(process.argv.slice(2));
