import type { Clock, Logger } from '../../core/ports.ts';
import type { RequestRecord } from '../request-record.ts';
import { SignIn } from '../sign-in.ts';
import type { User } from '../users.ts';
import { AccessList } from './access-list.ts';
import type { ActiveRequests } from './active-requests.ts';
import { LastUse } from './last-use.ts';

/** Everything that decides who gets in, while a server runs. */
export interface Guard {
  readonly signIn: SignIn;
  /** Notes the app token that a request used. */
  note(record: Pick<RequestRecord, 'tokenId' | 'startedAtMs'>): void;
  close(): Promise<void>;
}

/**
 * Opens what decides who gets in; null when nobody has to sign in. Requests under way whose sign-in is taken back are
 * cut off.
 * @throws FerryError CONFIG_INVALID, LOCAL_PERMISSION when the access file cannot be used
 */
export async function openGuard(
  options: {
    readonly users: readonly User[] | null;
    readonly accessFile?: string;
    readonly logger: Logger;
  },
  clock: Pick<Clock, 'now'>,
  active: ActiveRequests,
): Promise<Guard | null> {
  const { accessFile: file, logger, users } = options;
  if (users === null && file === undefined) return null;
  const access = await AccessList.open({ users: users ?? [], file, logger });
  const lastUse = file === undefined ? null : await LastUse.open(file, logger);
  access.onChange(() => {
    const now = clock.now();
    const ended = active.cut((grant) => access.isCurrent(grant, now));
    if (ended > 0) logger.info('requests whose sign-in was taken back were cut', { count: ended });
  });
  return {
    signIn: new SignIn(access, clock, logger),
    note: ({ tokenId, startedAtMs }) => {
      if (tokenId !== null) lastUse?.note(tokenId, startedAtMs);
    },
    close: async () => {
      await access.close();
      await lastUse?.close();
    },
  };
}
