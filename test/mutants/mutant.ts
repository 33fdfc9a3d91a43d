/** One planted bug: a short, characteristic piece of a source file, and what takes its place. */
export interface Mutant {
  /** Unique, kebab-case. */
  readonly id: string;
  /** Path of the source file from the top of the repository. */
  readonly file: string;
  /** What the bug is, in one line. */
  readonly bug: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Returns the mutants of one file. */
export function inFile(file: string, mutants: readonly Omit<Mutant, 'file'>[]): readonly Mutant[] {
  return mutants.map((mutant) => ({ file, ...mutant }));
}

/**
 * Returns the source with the bug in it.
 * @throws Error when the text to replace is not there, or not only once
 */
export function planted({ id, file, find, replace }: Mutant, source: string): string {
  const pieces = source.split(find);
  if (pieces.length !== 2)
    throw new Error(
      `mutant ${id}: its text is ${pieces.length - 1} times in ${file}, not once: ${JSON.stringify(find)}`,
    );
  return pieces.join(replace);
}
