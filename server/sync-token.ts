/** What a cursor of the change feed begins with as a `DAV:sync-token`. */
export const TOKEN_PREFIX = 'urn:ferry:cursor:';
