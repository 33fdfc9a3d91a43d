/** Work that programs do in a directory, on a disk and on a drive alike. */
export interface ProgramCase {
  readonly name: string;
  /** Where they do it; `saved` holds SAVED_FILES, which the server has already. */
  readonly directory: string;
  readonly needs: readonly string[];
  /** What it prints must be the same. In it $SHARED holds `tree`, `tree.tar` and `repository.git`. */
  readonly script: string;
  /** The program sets times, so that they must be the same, to the nanosecond. */
  readonly times: boolean;
  /** Parts of names of what is not the same twice, or says what the file system can (git's `core.symlinks`). */
  readonly without: readonly string[];
  /** Takes long; done where FERRY_LONG=1. */
  readonly isLong?: boolean;
}

/** Each is saved once, by one of the programs. */
export const SAVED_FILES = ['vim.txt', 'sed.txt', 'python.txt', 'ed in place.txt'] as const;

/** Two processes that write to one database at once, as SQLite lets them in its WAL mode. */
const TWO_WRITERS = `
import multiprocessing, sqlite3
def write(first):
    connection = sqlite3.connect('data.db', timeout=60)
    for each in range(first, 200, 2):
        with connection: connection.execute('insert into numbers values (?, ?)', (each, 'x' * each))
    connection.close()
connection = sqlite3.connect('data.db')
print(connection.execute('pragma journal_mode=wal').fetchone())
connection.execute('create table numbers (n integer primary key, t text)')
connection.commit()
writers = [multiprocessing.Process(target=write, args=(first,)) for first in (0, 1)]
for writer in writers: writer.start()
for writer in writers: writer.join()
print([writer.exitcode for writer in writers])
print(connection.execute('select count(*), sum(n), sum(length(t)) from numbers').fetchone())
print(connection.execute('pragma integrity_check').fetchone())
connection.execute('vacuum')
connection.close()
print(sqlite3.connect('file:data.db?mode=ro', uri=True).execute('pragma integrity_check').fetchone())
`;

const REPLACE = `
import os, tempfile
with open('python.txt') as old: text = old.read()
with tempfile.NamedTemporaryFile('w', dir='.', delete=False) as new:
    new.write(text.replace('before', 'after'))
    new.flush()
    os.fsync(new.fileno())
os.chmod(new.name, 0o644)
os.replace(new.name, 'python.txt')
`;

const plain = { times: false, without: [] };

export const PROGRAM_CASES: readonly ProgramCase[] = [
  {
    name: 'git: clone, commit, gc, fsck',
    directory: 'git',
    needs: ['git'],
    script: `git clone -q $SHARED/repository.git clone && cd clone
for each in $(seq 8); do seq $each 300 > "file $each.txt"; git add . ; git commit -qm "number $each"; done
git checkout -qb side HEAD~3 && seq 9 > side.txt && git add . && git commit -qm side && git checkout -q -
git merge -q --no-edit side && git -c pack.threads=1 gc -q && git fsck --strict 2>&1
git status --porcelain && git rev-parse HEAD && git log --oneline | wc -l`,
    times: false,
    without: [
      '.git/config',
      '.git/index',
      '.git/objects',
      '.git/info',
      '.git/logs',
      '.git/packed-refs',
    ],
  },
  {
    name: 'SQLite: two writers at once in WAL mode',
    directory: 'sqlite',
    needs: ['python3'],
    script: `python3 -c "${TWO_WRITERS}" && ls`,
    times: false,
    without: ['data.db'],
  },
  {
    name: 'Vim',
    directory: 'saved',
    needs: ['vi'],
    script: "vi -es -u NONE -c 'normal ihello ' -c wq vim.txt && cat vim.txt",
    ...plain,
  },
  {
    name: 'sed -i',
    directory: 'saved',
    needs: ['sed'],
    script: 'sed -i s/before/after/ sed.txt && cat sed.txt',
    ...plain,
  },
  {
    name: 'Python: tempfile and os.replace',
    directory: 'saved',
    needs: ['python3'],
    script: `python3 -c "${REPLACE}" && cat python.txt`,
    ...plain,
  },
  {
    name: 'a shell that writes in place',
    directory: 'saved',
    needs: ['bash'],
    script: "printf 'anew\\n' > 'ed in place.txt'",
    ...plain,
  },
  {
    name: 'tar: extraction with times and modes, and an archive of it',
    directory: 'tar',
    needs: ['tar'],
    script: 'tar xpf $SHARED/tree.tar && tar cf - --sort=name tree | tar tvf - --full-time',
    times: true,
    without: [],
  },
  {
    name: 'cp -a and cp -p',
    directory: 'cp',
    needs: ['cp'],
    script:
      'cp -a $SHARED/tree all && cp -p "$SHARED/tree/dir 2/file 2.txt" one && cp -a all again',
    times: true,
    without: [],
  },
  {
    name: 'rsync -a, and once more with nothing to do',
    directory: 'rsync',
    needs: ['rsync'],
    script:
      'rsync -a $SHARED/tree . && rsync -ai $SHARED/tree . && rsync -ac --inplace $SHARED/tree/ tree',
    times: true,
    without: [],
  },
  {
    name: 'LibreOffice: a document made and saved again over itself',
    directory: 'office',
    needs: ['soffice'],
    script: `printf 'a letter\\n' > letter.txt
office() { soffice -env:UserInstallation=file://$SHARED/office-profile --headless --convert-to "$1" --outdir . "$2" >/dev/null 2>&1; }
office odt letter.txt && office odt letter.odt && office txt:Text letter.odt
cat letter.txt && python3 -c "import zipfile; print(zipfile.ZipFile('letter.odt').testzip())" && ls`,
    times: false,
    without: ['letter.odt'],
    isLong: true,
  },
];
