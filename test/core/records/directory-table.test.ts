import { describe, expect, it } from '@jest/globals';
import { DirectoryTable } from '../../../core/records/directory-table.ts';

const LISTING = { fingerprint: 'as listed', holdsIgnored: false };

describe('a directory that was moved', () => {
  it('is looked into again with all below it, as other names may be ignored at its new place', () => {
    const table = new DirectoryTable();
    table.attach(1, 0, 'd');
    table.attach(2, 1, 'below');
    for (const id of [0, 1, 2]) table.setKnown(id, 'local', LISTING);
    table.attach(1, 0, 'd');
    expect(table.get(1)?.known.local).toEqual(LISTING);
    table.attach(1, 0, 'renamed');
    expect([1, 2].map((id) => table.get(id)?.known.local)).toEqual([null, null]);
    expect(table.get(0)?.known.local).toEqual(LISTING);
  });
});
