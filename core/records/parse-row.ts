import { FerryError } from '../model/errors.ts';

/** Returns the JSON document in a row. @throws RECORD_CORRUPT when it is none */
export function parseRow<T>(key: string, value: string): T {
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new FerryError('RECORD_CORRUPT', `unreadable row ${JSON.stringify(key)}`, {
      cause: error,
    });
  }
}
