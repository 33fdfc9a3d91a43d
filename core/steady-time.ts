/**
 * Returns the time to measure by: in milliseconds, as `now` gives them, but it never goes back. A clock that is set back
 * (by the network's time, by hand, by another system on the machine) would let whoever waits for a time wait for that
 * much longer. Only differences mean something; what is shown or kept is told by the clock itself.
 */
export function steadyTime(now: () => number): () => number {
  let last = Number.NEGATIVE_INFINITY;
  let setBackMs = 0;
  return () => {
    const read = now();
    if (read < last) setBackMs += last - read;
    last = read;
    return read + setBackMs;
  };
}
