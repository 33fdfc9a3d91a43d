import { describe, expect, test } from '@jest/globals';
import { TemporaryNames } from '../../../fs-adapter/cache/temporary-names.ts';

const MADE_BY_PROGRAMS = [
  ['.~lock.letter.odt#', 'lock'],
  ['lu20841jz5c4.tmp', 'temporary'],
  ['~$report.docx', 'lock'],
  ['~WRD0001.tmp', 'temporary'],
  ['~WRL2718.tmp', 'temporary'],
  ['~DF3A4F.TMP', 'temporary'],
  ['7AB53C00.tmp', 'temporary'],
  ['ppt8A2F.tmp', 'temporary'],
  ['.notes.txt.swp', 'lock'],
  ['.notes.txt.swo', 'lock'],
  ['4913', 'temporary'],
  ['notes.txt~', 'backup'],
  ['notes.txt.~3~', 'backup'],
  ['.notes.txt.un~', 'backup'],
  ['#notes.txt#', 'temporary'],
  ['.#notes.txt', 'lock'],
  ['.goutputstream-1O5QV2', 'temporary'],
  ['.xdp-letter.odt-Fq3kZ1', 'temporary'],
  ['.main.cpp.kate-swp', 'lock'],
  ['movie.mkv.part', 'partial'],
  ['Unconfirmed 12345.crdownload', 'partial'],
  ['disk.img.1a2b3c4d.partial', 'partial'],
  ['.photo.jpg.Xk3RzQ', 'temporary'],
  ['sedK2jW9x', 'temporary'],
  ['tmp.Xk3RzQab12', 'temporary'],
  ['tmpq1k_x8zz', 'temporary'],
  ['scene.blend@', 'temporary'],
  ['App.java___jb_tmp___', 'temporary'],
  ['.subl3f.tmp', 'temporary'],
  ['letter.txt.sb-1a2b3c4d-Ab12Cd', 'temporary'],
  ['.syncthing.photo.jpg.tmp', 'partial'],
  ['.nfs00000000012c4a6b00000001', 'system'],
  ['.fuse_hidden0000000c00000001', 'system'],
  ['.DS_Store', 'system'],
  ['Thumbs.db', 'system'],
  ['desktop.ini', 'system'],
] as const;

/** Names of people's files that come near to those of programs. */
const OF_PEOPLE = [
  'report.docx',
  'report.tmp',
  'lunch.tmp',
  'notes.bak',
  'notes.orig',
  '4914',
  '49130',
  '~notes.txt',
  '~',
  '#1 hit.mp3',
  'C#',
  '#',
  '.#',
  '.bashrc',
  '.env.config',
  '.app.backup',
  '.logo.svg',
  'a.swp',
  'sedation',
  'sediments',
  'tmpfolders',
  'tmpstorage.zip',
  'tmp.txt',
  'archive.part1.rar',
  'spare part',
  '.part',
  'scene.blend1',
  'db.sqlite-wal',
  'db.sqlite-journal',
  'DEADBEEF',
  '20231121',
  'goutputstream-1O5QV2',
  'Vault.kdbx',
  'lock.odt#',
] as const;

describe('names of temporary files', () => {
  const names = new TemporaryNames();

  test.each(MADE_BY_PROGRAMS)('%s is a program’s own (%s)', (name, kind) => {
    expect(names.find(name, false)?.kind).toBe(kind);
  });

  test.each(OF_PEOPLE)('%s is somebody’s file', (name) => {
    expect(names.find(name, false)).toBeNull();
  });

  test('of directories only those that the desktop and rsync keep for themselves are', () => {
    for (const name of ['.Trash-1000', '.Trash', '.~tmp~'])
      expect([name, names.find(name, true)?.kind ?? null]).toEqual([name, expect.any(String)]);
    for (const name of ['backup~', '4913', 'sedK2jW9x', 'album.part', '.Trashcan', 'Trash'])
      expect([name, names.find(name, true)]).toEqual([name, null]);
    expect(names.find('.Trash-1000', false)).toBeNull();
  });

  test('the user’s patterns come before the list, and the last one that fits counts', () => {
    const own = new TemporaryNames(['*.scratch', '!keep.scratch', '!*.part', 'cache-?[0-9]/']);
    expect(own.find('a.scratch', false)?.kind).toBe('temporary');
    expect(own.find('keep.scratch', false)).toBeNull();
    expect(own.find('movie.part', false)).toBeNull();
    expect(own.find('movie.crdownload', false)?.kind).toBe('partial');
    expect(own.find('cache-a1', true)?.kind).toBe('temporary');
    expect(own.find('cache-a1', false)).toBeNull();
    expect(own.find('cache-aa', true)).toBeNull();
  });

  test('a pattern is taken literally apart from its wildcards', () => {
    const own = new TemporaryNames(['a.b+(c)$', '[!x]y', 'z{1}[.]']);
    for (const name of ['a.b+(c)$', 'zy', 'z{1}.'])
      expect([name, own.find(name, false) === null]).toEqual([name, false]);
    for (const name of ['aXb+(c)$', 'xy', 'z.', 'z{1}x'])
      expect([name, own.find(name, false)]).toEqual([name, null]);
  });

  test('a pattern with folders in it is refused with its text', () => {
    for (const line of ['a/b', '', '!', '/'])
      expect(() => new TemporaryNames([line])).toThrow(JSON.stringify(line));
    expect(() => new TemporaryNames(['[z-a]'])).toThrow(/brackets/);
  });
});
