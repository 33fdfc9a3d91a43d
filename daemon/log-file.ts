import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { LogFields, Logger } from '../core/ports.ts';

/** Log levels, the gravest first. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

const MAX_BYTES = 10_000_000;
const KEPT_FILES = 5;
const SECRET_KEY = /pass(word|phrase)?$|secret|token|authorization|cookie|credential/i;
const USER_INFO_IN_URL = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/@\s"]+@/gi;

/** Returns the level that a word names; `info` for anything else. */
export function logLevelOf(word: string | undefined): LogLevel {
  return LOG_LEVELS.find((level) => level === word) ?? 'info';
}

function shown(key: string, value: unknown): unknown {
  if (SECRET_KEY.test(key)) return '(hidden)';
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error)
    return { name: value.name, message: value.message, code: (value as { code?: unknown }).code };
  return value;
}

/** Returns the JSON line for one event; passwords, and those in URLs, are left out. */
export function logLine(level: LogLevel, timeMs: number, message: string, fields: LogFields) {
  const text = JSON.stringify(
    { time: new Date(timeMs).toISOString(), level, message, ...fields },
    shown,
  );
  return `${text.replace(USER_INFO_IN_URL, '$1')}\n`;
}

/** Takes log lines; a Logger is made from it. */
export interface LogSink {
  readonly level: LogLevel;
  write(line: string): void;
}

/** Returns a Logger whose lines go to `sink`, as far as its level wants them. */
export function createLogger(sink: LogSink, now: () => number, fields: LogFields = {}): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, more: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(sink.level))
        sink.write(logLine(level, now(), message, { ...fields, ...more }));
    };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (more) => createLogger(sink, now, { ...fields, ...more }),
  };
}

export interface LogFile extends LogSink {
  close(): void;
}

function openForAppend(path: string): { fd: number; sizeBytes: number } {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fd = openSync(path, 'a', 0o600);
  return { fd, sizeBytes: fstatSync(fd).size };
}

/**
 * Opens a log of JSON lines that is kept in a few files of limited size: `PATH`, `PATH.1` (older), `PATH.2`, …
 * Writing is synchronous, so that the last line before a crash is there; a full disk loses lines, never the program.
 */
export function openLogFile(
  path: string,
  level: LogLevel,
  limits: { readonly maxBytes?: number; readonly files?: number } = {},
): LogFile {
  const maxBytes = limits.maxBytes ?? MAX_BYTES;
  const files = limits.files ?? KEPT_FILES;
  let current = openForAppend(path);

  const rotate = () => {
    closeSync(current.fd);
    rmSync(`${path}.${files - 1}`, { force: true });
    for (let n = files - 2; n >= 0; n -= 1) {
      const older = n === 0 ? path : `${path}.${n}`;
      if (existsSync(older)) renameSync(older, `${path}.${n + 1}`);
    }
    current = openForAppend(path);
  };

  return {
    level,
    write(line) {
      try {
        const bytes = Buffer.byteLength(line);
        if (current.sizeBytes > 0 && current.sizeBytes + bytes > maxBytes) rotate();
        writeSync(current.fd, line);
        current.sizeBytes += bytes;
      } catch {
        // Nowhere to report that the report cannot be written.
      }
    },
    close: () => closeSync(current.fd),
  };
}

/** A Logger that says nothing. */
export const SILENT: Logger = createLogger({ level: 'error', write: () => undefined }, () => 0);
