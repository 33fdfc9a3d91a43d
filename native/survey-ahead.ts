import type { DirectoryListing, SafeRoot, SurveyOptions, SurveyRequest } from './safe-root.ts';

/** Directories of one native call: enough to make the call cheap, few enough to hear of a cancellation. */
const DIRECTORIES_AT_ONCE = 64;
/** Calls under way: two threads are at work while the caller reads what came before. */
const SURVEYS_AHEAD = 3;

/**
 * Surveys the directories in `visits`, and those that the caller adds to it meanwhile, some ahead of what it takes.
 * Yields each with its listing, in the order in which they were added.
 */
export async function* surveyAhead<Visit>(
  root: SafeRoot,
  visits: Visit[],
  requestOf: (visit: Visit) => SurveyRequest,
  options: SurveyOptions,
): AsyncGenerator<readonly (readonly [Visit, DirectoryListing])[], void, undefined> {
  const ahead: Promise<readonly (readonly [Visit, DirectoryListing])[]>[] = [];
  const survey = async (taken: readonly Visit[]) => {
    const listings = await root.survey(taken.map(requestOf), options);
    return listings.map((listing, index) => [taken[index] as Visit, listing] as const);
  };
  for (;;) {
    while (visits.length > 0 && ahead.length < SURVEYS_AHEAD) {
      const next = survey(visits.splice(0, DIRECTORIES_AT_ONCE));
      next.catch(() => undefined); // whoever awaits it hears of it; nobody may, when another failed before
      ahead.push(next);
    }
    const surveyed = await ahead.shift();
    if (surveyed === undefined) return;
    yield surveyed;
  }
}
