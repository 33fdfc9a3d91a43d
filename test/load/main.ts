// npm run load-test -- --clients 50 --files 10000
import { parseArgs } from 'node:util';
import { type LoadReport, runLoad } from './run-load.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '50' },
    files: { type: 'string', default: '10000' },
    slow: { type: 'string', default: '20' },
    processes: { type: 'string', default: '4' },
  },
});
const clients = Number(values.clients);
const files = Number(values.files);
const report = await runLoad({
  clients,
  files,
  slow: Number(values.slow),
  processes: Math.min(clients, Number(values.processes)),
  say: (line) => process.stdout.write(`${line}\n`),
});
print(report);
const isWell =
  report.results.every(({ failure, compared }) => failure === null && compared === 'equal') &&
  report.strays.length === 0 &&
  report.failedPings === 0;
process.exit(isWell ? 0 : 1);

function print({ results, seconds, latenciesMs, ...rest }: LoadReport): void {
  const times = results.map((result) => result.seconds).sort((one, other) => one - other);
  const rows: readonly (readonly [what: string, value: string])[] = [
    [
      'clients that finished with equal trees',
      `${results.filter((one) => one.compared === 'equal' && one.failure === null).length} of ${clients}`,
    ],
    ['files', `${clients * files}`],
    ['seconds for all, comparison included', seconds.toFixed(1)],
    [
      'seconds of a client: first, median, last',
      [times[0], at(times, 0.5), times.at(-1)].map((time) => time?.toFixed(1)).join(', '),
    ],
    [
      'memory of the server at most (VmHWM)',
      `${Math.round(rest.serverPeakBytes / 1024 / 1024)} MiB`,
    ],
    ['slow and endless connections beside it', `${rest.slowConnections}`],
    [
      'another client’s GET: median, 95 %, worst',
      `${[0.5, 0.95, 1]
        .map((part) =>
          at(
            [...latenciesMs].sort((one, other) => one - other),
            part,
          )?.toFixed(1),
        )
        .join(', ')} ms (${latenciesMs.length} asked, ${rest.failedPings} failed)`,
    ],
    ['names outside all roots', rest.strays.join(', ') || 'none'],
  ];
  for (const [what, value] of rows) process.stdout.write(`${what.padEnd(44)} ${value}\n`);
  for (const { user, failure, compared } of results)
    if (failure !== null || compared !== 'equal')
      process.stdout.write(`${user}: ${compared} ${failure ?? ''}\n`);
}

function at(sorted: readonly number[], part: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
