import { FerryError } from '../../core/model/errors.ts';

/**
 * What a program has such a name for: to keep others from the file that it is named after (`lock`), to write a content
 * before it takes its place (`temporary`), to keep the one before (`backup`), for a download that is not complete
 * (`partial`), or for the system's own use (`system`).
 */
export type TemporaryKind = 'lock' | 'temporary' | 'backup' | 'partial' | 'system';

/** A name that a program gives to what is not meant to stay. */
export interface TemporaryName {
  readonly kind: TemporaryKind;
  readonly madeBy: string;
}

interface KnownName extends TemporaryName {
  readonly pattern: RegExp;
  /** Where it is written that the program does so. */
  readonly origin: string;
  /** Of a directory; all others are of files and links. */
  readonly isDirectory?: true;
}

/**
 * The names that are kept on this device. Each is as narrow as its program lets it be, as a name here is not synced.
 * Names that could as well be somebody's are not here, such as Qt's `X.AbCdEf` (QSaveFile, so KDE and KeePassXC) and
 * `X.tmp`: the time that a new file beside `X` has to become `X` is enough for them. Nor are journals that hold data
 * (SQLite's `-wal` and `-journal`).
 */
const KNOWN_NAMES: readonly KnownName[] = [
  {
    pattern: /^\.~lock\..+#$/,
    kind: 'lock',
    madeBy: 'LibreOffice',
    origin: 'LibreOffice svl/source/misc/lockfilecommon.cxx',
  },
  {
    pattern: /^lu(?=.*\d)[0-9a-z]{4,}\.tmp$/,
    kind: 'temporary',
    madeBy: 'LibreOffice',
    origin: 'LibreOffice unotools/source/ucbhelper/tempfile.cxx',
  },
  {
    pattern: /^~\$.+/,
    kind: 'lock',
    madeBy: 'Microsoft Office',
    origin: 'Microsoft KB 211632, owner file',
  },
  {
    pattern: /^~.+\.tmp$/i,
    kind: 'temporary',
    madeBy: 'Microsoft Office',
    origin: 'Microsoft KB 211632: ~WRDnnnn.tmp, ~WRLnnnn.tmp, ~DFnnnn.tmp',
  },
  {
    pattern: /^(?:[0-9A-F]{7,8}|ppt[0-9A-F]{2,6})\.tmp$/,
    kind: 'temporary',
    madeBy: 'Microsoft Office',
    origin: 'Microsoft KB 814068 (Excel), ppt*.tmp of PowerPoint',
  },
  {
    pattern: /^\..+\.sw[a-p]$/,
    kind: 'lock',
    madeBy: 'Vim',
    origin: 'Vim :help swap-file; nano has the same for its locks',
  },
  {
    pattern: /^4913$/,
    kind: 'temporary',
    madeBy: 'Vim',
    origin: 'Vim src/bufwrite.c: whether a file can be made in the directory',
  },
  {
    pattern: /.~$/,
    kind: 'backup',
    madeBy: 'an editor',
    origin: "Vim :help 'backupext', Emacs manual, Backup Names; nano, gedit, Kate",
  },
  {
    pattern: /^#.+#$/,
    kind: 'temporary',
    madeBy: 'Emacs',
    origin: 'Emacs manual, Auto Save Files',
  },
  {
    pattern: /^\.#.+/,
    kind: 'lock',
    madeBy: 'Emacs',
    origin: 'Emacs manual, Interlocking: a link that leads nowhere',
  },
  {
    pattern: /^\.goutputstream-[A-Z0-9]{6}$/,
    kind: 'temporary',
    madeBy: 'a GNOME program',
    origin: 'GLib gio/glocalfileoutputstream.c',
  },
  {
    pattern: /^\.xdp-.+-[A-Za-z0-9]{6}$/,
    kind: 'temporary',
    madeBy: 'a sandboxed program',
    origin: 'xdg-desktop-portal document-portal/document-portal-fuse.c',
  },
  {
    pattern: /^\..+\.kate-swp$/,
    kind: 'lock',
    madeBy: 'Kate',
    origin: 'KTextEditor src/swapfile/kateswapfile.cpp',
  },
  {
    pattern: /.\.(?:part|crdownload|opdownload|partial|filepart)$/,
    kind: 'partial',
    madeBy: 'a download or copy that is not complete',
    origin: 'KIO and Firefox (.part), Chromium (.crdownload), Opera, rclone (.partial), WinSCP',
  },
  {
    pattern: /^\..+\.(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6}$/,
    kind: 'temporary',
    madeBy: 'rsync',
    origin: 'rsync receiver.c get_tmpname(), where the six are not all small letters',
  },
  {
    pattern: /^\.~tmp~$/,
    isDirectory: true,
    kind: 'temporary',
    madeBy: 'rsync',
    origin: 'rsync --delay-updates',
  },
  {
    pattern: /^sed(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6}$/,
    kind: 'temporary',
    madeBy: 'sed -i',
    origin: 'GNU sed sed/execute.c, where the six are not all small letters',
  },
  {
    pattern: /^tmp\.[A-Za-z0-9]{10}$/,
    kind: 'temporary',
    madeBy: 'mktemp',
    origin: 'GNU coreutils src/mktemp.c',
  },
  {
    pattern: /^tmp(?=[a-z]*[0-9_])[a-z0-9_]{8}$/,
    kind: 'temporary',
    madeBy: 'a Python program',
    origin: 'Python Lib/tempfile.py, where the eight are not all letters',
  },
  {
    pattern: /.\.blend@$/,
    kind: 'temporary',
    madeBy: 'Blender',
    origin: 'Blender source/blender/blenloader/intern/writefile.cc',
  },
  {
    pattern: /.___jb_(?:tmp|old|bak)___$/,
    kind: 'temporary',
    madeBy: 'a JetBrains editor',
    origin: 'IntelliJ platform/util SafeFileOutputStream',
  },
  {
    pattern: /^\.subl[0-9a-f]+\.tmp$/,
    kind: 'temporary',
    madeBy: 'Sublime Text',
    origin: 'Sublime Text, atomic_save',
  },
  {
    pattern: /.\.sb-[0-9a-f]{8}-[A-Za-z0-9]{6}$/,
    kind: 'temporary',
    madeBy: 'a macOS program',
    origin: 'macOS safe saves of sandboxed programs',
  },
  {
    pattern: /^(?:\.syncthing\..+|~syncthing~.+)\.tmp$/,
    kind: 'partial',
    madeBy: 'Syncthing',
    origin: 'Syncthing lib/fs/tempname.go',
  },
  {
    pattern: /^\.nfs[0-9a-f]{8,24}$/,
    kind: 'system',
    madeBy: 'an NFS client',
    origin: 'Linux fs/nfs/unlink.c',
  },
  {
    pattern: /^\.fuse_hidden[0-9a-f]{16}$/,
    kind: 'system',
    madeBy: 'libfuse',
    origin: 'libfuse lib/fuse.c',
  },
  {
    pattern: /^(?:\.DS_Store|\._\.DS_Store|Thumbs\.db|ehthumbs\.db|desktop\.ini)$/,
    kind: 'system',
    madeBy: "a system's file manager",
    origin: 'macOS Finder, Windows Explorer',
  },
  {
    pattern: /^\.Trash(?:-\d+)?$/,
    isDirectory: true,
    kind: 'system',
    madeBy: 'the desktop, for deleted files',
    origin: 'freedesktop.org Trash specification',
  },
];

/** Tells the names of temporary files from those of people's files. */
export class TemporaryNames {
  readonly #own: readonly OwnPattern[];

  /**
   * `lines` are patterns of the user for the last name of a path, with `*`, `?` and `[…]`: what fits one is temporary
   * too, and what fits one that begins with `!` is not; the last one that fits counts. One that ends with `/` is for
   * directories.
   * @throws CONFIG_INVALID
   */
  constructor(lines: readonly string[] = []) {
    this.#own = lines.map(compile).reverse();
  }

  /** Returns what a name says of its entry; null: nothing. */
  find(name: string, isDirectory: boolean): TemporaryName | null {
    for (const { pattern, isTemporary, isOfDirectories } of this.#own) {
      if (isOfDirectories !== isDirectory || !pattern.test(name)) continue;
      return isTemporary ? { kind: 'temporary', madeBy: 'a program' } : null;
    }
    for (const known of KNOWN_NAMES)
      if ((known.isDirectory ?? false) === isDirectory && known.pattern.test(name)) return known;
    return null;
  }
}

interface OwnPattern {
  readonly pattern: RegExp;
  readonly isTemporary: boolean;
  readonly isOfDirectories: boolean;
}

function compile(line: string): OwnPattern {
  const isTemporary = !line.startsWith('!');
  const isOfDirectories = line.endsWith('/');
  const glob = line.slice(isTemporary ? 0 : 1, isOfDirectories ? -1 : undefined);
  if (glob === '' || glob.includes('/'))
    throw new FerryError(
      'CONFIG_INVALID',
      `the temporary name ${JSON.stringify(line)} is no pattern for one name; write it without folders`,
    );
  try {
    return { pattern: expressionOf(glob), isTemporary, isOfDirectories };
  } catch (cause) {
    throw new FerryError(
      'CONFIG_INVALID',
      `the temporary name ${JSON.stringify(line)} is no pattern; correct what is in its brackets`,
      { cause },
    );
  }
}

/** Returns the regular expression for a pattern of one name. */
function expressionOf(glob: string): RegExp {
  const source = glob.replaceAll(/\[[^\]]*\]|[\s\S]/gu, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 2 && part.startsWith('['))
      return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 'su');
}
