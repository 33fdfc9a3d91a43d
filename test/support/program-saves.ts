/** One way in which programs save a file that is there; `script` is Python that gets the file as `path` (a Path) and its new content as `new`. */
export interface ProgramSave {
  readonly name: string;
  readonly script: string;
}

/** Between the steps of a save, so that whoever looks on can look in the middle. */
const PAUSE = 'time.sleep(0.15)';

const WHOLE = 'write(path, new)';

/** The ways in which programs save, each with pauses between its steps. */
export const PROGRAM_SAVES: readonly ProgramSave[] = [
  {
    name: 'GNOME: temporary file, synced, renamed over',
    script: `
temporary = path.with_name('.goutputstream-A1B2C3')
write(temporary, new, sync=True); ${PAUSE}
temporary.replace(path)`,
  },
  {
    name: 'Qt and KDE: a suffix of six letters, renamed over',
    script: `
temporary = path.with_name(path.name + '.AbCdEf')
write(temporary, new, sync=True); ${PAUSE}
temporary.replace(path)`,
  },
  {
    name: 'LibreOffice: lock file, temporary file, renamed over',
    script: `
lock = path.with_name('.~lock.' + path.name + '#')
write(lock, b'somebody,host,somebody,now;'); ${PAUSE}
temporary = path.with_name('lu1234abcd.tmp')
write(temporary, new); ${PAUSE}
temporary.replace(path); ${PAUSE}
lock.unlink()`,
  },
  {
    name: 'atomic writers: a suffix of its own, renamed over',
    script: `
temporary = path.with_name(path.name + '.tmp')
write(temporary, new); ${PAUSE}
temporary.replace(path)`,
  },
  {
    name: 'Vim: probe, backup by rename, new file, backup removed',
    script: `
probe = path.with_name('4913'); write(probe, b''); probe.unlink()
swap = path.with_name('.' + path.name + '.swp'); write(swap, b'b0VIM')
backup = path.with_name(path.name + '~')
path.rename(backup); ${PAUSE}
${WHOLE}; ${PAUSE}
backup.unlink(); swap.unlink()`,
  },
  {
    name: 'Emacs: lock, automatic save, backup by rename that stays',
    script: `
lock = path.with_name('.#' + path.name)
try: lock.symlink_to('somebody@host.123')
except PermissionError: write(lock, b'somebody@host.123')
automatic = path.with_name('#' + path.name + '#'); write(automatic, new); ${PAUSE}
path.rename(path.with_name(path.name + '~')); ${PAUSE}
${WHOLE}; ${PAUSE}
automatic.unlink(); lock.unlink()`,
  },
  {
    name: 'Word: the old file renamed away, the new one to its place',
    script: `
owner = path.with_name('~$' + path.name[2:]); write(owner, b'somebody')
written = path.with_name('~WRD0001.tmp'); write(written, new); ${PAUSE}
kept = path.with_name('~WRL0002.tmp'); path.rename(kept); ${PAUSE}
written.rename(path); ${PAUSE}
kept.unlink(); owner.unlink()`,
  },
  {
    name: 'deletes the file and makes it anew',
    script: `
path.unlink(); ${PAUSE}
${WHOLE}`,
  },
  {
    name: 'cuts the file and writes it in place',
    script: WHOLE,
  },
  {
    name: 'writes a copy and copies it back',
    script: `
copy = path.with_name(path.name + '.new'); write(copy, new); ${PAUSE}
write(path, copy.read_bytes()); ${PAUSE}
copy.unlink()`,
  },
];

/** Returns a Python program that saves a file; arguments: the file, its new content. */
export function savingProgram({ script }: ProgramSave): string {
  return `
import os, sys, time
from pathlib import Path

def write(path, content, sync=False):
    half = len(content) // 2
    with open(path, 'wb', buffering=0) as file:
        file.write(content[:half])
        time.sleep(0.1)
        file.write(content[half:])
        if sync: os.fsync(file.fileno())

path = Path(sys.argv[1])
new = sys.argv[2].encode()
path.read_bytes()
${script}
`;
}
