/** Password of every user of a load test. */
export const PASSWORD = 'load';

/** Returns the name of a user, which is that of their root and of their client's folder too. */
export function userName(index: number): string {
  return `user-${index}`;
}
