import type { ApiProgress } from '../daemon/api.ts';
import { formatBytes, formatDuration } from './format.ts';
import type { Terminal } from './terminal.ts';

/** Shows how far one run is. */
export interface ProgressDisplay {
  update(progress: ApiProgress): void;
  /** Takes the bar away, so that what is printed next stands alone. */
  end(): void;
}

const TTY_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 10_000;
const EVENT_INTERVAL_MS = 1000;
const BAR_WIDTH = 20;
/** The rate shown is that of about the last so many seconds. */
const RATE_WINDOW_MS = 5000;

/** Returns the rate in bytes per second from samples that come in, the newest weighing most. */
export function createRateMeter(): (nowMs: number, bytesDone: number) => number {
  let last: { readonly atMs: number; readonly bytes: number } | null = null;
  let rate = 0;
  return (nowMs, bytesDone) => {
    const elapsedMs = last === null ? 0 : nowMs - last.atMs;
    if (last !== null && elapsedMs > 0) {
      const latest = (Math.max(0, bytesDone - last.bytes) * 1000) / elapsedMs;
      const weight = rate === 0 ? 1 : 1 - Math.exp(-elapsedMs / RATE_WINDOW_MS);
      rate += (latest - rate) * weight;
    }
    if (last === null || elapsedMs > 0) last = { atMs: nowMs, bytes: bytesDone };
    return rate;
  };
}

/** Returns one line that says how far a run is. */
export function progressLine(pair: string, progress: ApiProgress, bytesPerS: number): string {
  const { phase, filesDone, filesTotal, bytesDone, bytesTotal } = progress;
  if (phase !== 'transferring' || filesTotal === 0) return `${pair}: ${phase}`;
  const files = `${filesDone}/${filesTotal} files`;
  const bytes = `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
  const etaMs = bytesPerS > 0 ? ((bytesTotal - bytesDone) / bytesPerS) * 1000 : 0;
  const eta = bytesPerS > 0 ? `, ${formatBytes(bytesPerS)}/s, ${formatDuration(etaMs)} left` : '';
  return `${pair}: ${files}, ${bytes}${eta}`;
}

function bar(progress: ApiProgress): string {
  const { bytesDone, bytesTotal, filesDone, filesTotal } = progress;
  const part = bytesTotal > 0 ? bytesDone / bytesTotal : filesDone / Math.max(1, filesTotal);
  const full = Math.round(Math.min(1, part) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

/**
 * Returns the display that suits the terminal: a bar on a TTY, a line every ten seconds otherwise, events with
 * --json, nothing with --quiet.
 */
export function createProgress(
  terminal: Terminal,
  pair: string,
  now: () => number = Date.now,
): ProgressDisplay {
  const rateOf = createRateMeter();
  const { stderr } = terminal;
  const isBar = stderr.isTTY === true && !terminal.json;
  const intervalMs = terminal.json ? EVENT_INTERVAL_MS : isBar ? TTY_INTERVAL_MS : LINE_INTERVAL_MS;
  let shownAtMs = isBar || terminal.json ? 0 : now();
  let shownPhase = '';
  let isShown = false;

  const show = (progress: ApiProgress, bytesPerS: number) => {
    if (terminal.json) {
      terminal.document({ event: 'progress', pair, ...progress, bytesPerS: Math.round(bytesPerS) });
      return;
    }
    const line = progressLine(pair, progress, bytesPerS);
    if (!isBar) {
      terminal.note(line);
      return;
    }
    const text = progress.phase === 'transferring' ? `${bar(progress)} ${line}` : line;
    stderr.write(`\r\u001b[K${text.slice(0, Math.max(10, (stderr.columns ?? 80) - 1))}`);
    isShown = true;
  };

  return {
    update(progress) {
      if (terminal.quiet && !terminal.json) return;
      const nowMs = now();
      const bytesPerS = rateOf(nowMs, progress.bytesDone);
      const isNewPhase = progress.phase !== shownPhase && (isBar || terminal.json);
      if (!isNewPhase && nowMs - shownAtMs < intervalMs) return;
      shownAtMs = nowMs;
      shownPhase = progress.phase;
      show(progress, bytesPerS);
    },
    end() {
      if (isShown) stderr.write('\r\u001b[K');
      isShown = false;
    },
  };
}
