import { type CheckResult, checkedDirectory, runCheck } from './check-run.ts';
import type { CheckedPlace, Pressure } from './checked-drive.ts';
import type { CheckDriveOptions } from './options.ts';

/** Between two rounds of uploading and giving back. */
export const PRESSURE_EVERY_MS = 40;
const TIMEOUT_MS_PER_OPERATION = 20;
const TIMEOUT_MS = 120_000;
const NO_PRESSURE: Pressure = { uploaded: 0, freed: 0 };

export interface PlaceResult {
  readonly results: readonly CheckResult[];
  readonly pressure: Pressure;
  /** What was wrong with the place itself, such as how its process ended; null: nothing. */
  readonly trouble: string | null;
}

/** Runs the checker on one place, `parallel` seeds at a time, and returns what each found. */
export async function checkPlace(
  place: CheckedPlace,
  seeds: readonly number[],
  options: CheckDriveOptions & { readonly program: string },
): Promise<PlaceResult> {
  const release = options.calm ? null : place.pressure(PRESSURE_EVERY_MS);
  const runs = seeds.map((seed) =>
    runCheck({
      ...options,
      seed,
      directory: place.directory,
      control: place.control(checkedDirectory(seed)),
      timeoutMs: TIMEOUT_MS + options.operations * TIMEOUT_MS_PER_OPERATION,
    }),
  );
  const results = await Promise.all(runs).catch(async (error: unknown) => {
    await release?.().catch(() => undefined);
    throw error;
  });
  try {
    const pressure = (await release?.()) ?? NO_PRESSURE;
    return { results, pressure, trouble: place.ended };
  } catch (error) {
    return { results, pressure: NO_PRESSURE, trouble: place.ended ?? (error as Error).message };
  }
}
