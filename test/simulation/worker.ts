import { parentPort, workerData } from 'node:worker_threads';
import { playSeeds, type SeedsOptions } from './seeds.ts';

/** Plays the seeds that the thread was given, and posts what came of them. */
parentPort?.postMessage(await playSeeds(workerData as SeedsOptions));
