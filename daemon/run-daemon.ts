import { openControlServer } from './control-server.ts';
import { Daemon } from './daemon.ts';
import type { Workshop } from './open-replicas.ts';
import { becomeOnlyInstance } from './single-instance.ts';

export interface RunDaemonOptions {
  readonly workshop: Workshop;
  readonly version: string;
  /** Raised once: end gracefully. */
  readonly stop: AbortSignal;
  /** Raised after that: do not wait for the last runs. */
  readonly hurry: AbortSignal;
  readonly onReady?: () => void;
}

/**
 * Runs the daemon until it is told to stop: then runs are cancelled, drives unmounted and records closed.
 * @throws RECORD_LOCKED when one runs already, CONFIG_INVALID
 */
export async function runDaemon(options: RunDaemonOptions): Promise<void> {
  const { workshop, version, stop, hurry } = options;
  const { home, logger } = workshop;
  const instance = await becomeOnlyInstance(home);
  try {
    const daemon = new Daemon(workshop, version);
    const asked = new AbortController();
    const ending = AbortSignal.any([stop, asked.signal]);
    await daemon.reload();
    const server = await openControlServer({
      daemon,
      home,
      logger,
      onShutdown: () => asked.abort(),
    });
    logger.info('daemon started', { version, pid: process.pid, socket: home.socketPath });
    options.onReady?.();
    await new Promise<void>((resolve) => {
      if (ending.aborted) resolve();
      else ending.addEventListener('abort', () => resolve(), { once: true });
    });
    logger.info('daemon stopping');
    await daemon.close(hurry);
    await server.close();
    logger.info('daemon stopped');
  } finally {
    await instance.release();
  }
}
