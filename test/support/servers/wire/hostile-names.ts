const UPWARDS = ['..', '%2e%2e', '%2E%2E', '.%2e', '%2e.', '%2E.'];
const SLASHES = ['/', '%2f', '%2F'];
const TARGETS = ['evil', 'etc/passwd', '.ssh/authorized_keys', ''];
const BEFORE = ['/', '/docs/', '/keep/../'];

/** Addresses that no path below the root may ever come of. */
export const NEVER: readonly string[] = [
  ...BEFORE.flatMap((before) =>
    UPWARDS.flatMap((up) =>
      SLASHES.flatMap((slash) => TARGETS.map((target) => `${before}${up}${slash}${target}`)),
    ),
  ),
  ...['%00', 'nul%00', '%00nul', 'a%00.txt', 'docs%00/a', '.%00.'].map((name) => `/${name}`),
  ...['a%2Fb', '%2F', '%2Fetc%2Fpasswd', 'docs%2F..%2F..%2Fx', 'a%2f%2fb'].map(
    (name) => `/${name}`,
  ),
  // Bytes that are no UTF-8: overlong forms of `.` and `/`, halves of pairs, stray ones.
  ...['%c0%ae', '%c0%ae%c0%ae', '%c0%af', '%e0%80%ae', '%f0%80%80%ae', '%c1%9c', '%c0%80'].map(
    (name) => `/${name}/x`,
  ),
  ...['%ff', '%fe', '%ff%fe', '%80', '%bf', '%c3', '%e2%82', '%f0%9f', '%f8%88%80%80%80'].map(
    (name) => `/${name}`,
  ),
  ...['%ED%A0%80', '%ED%BF%BF', '%f5%80%80%80', 'caf%E9', 'x%'].map((name) => `/${name}`),
  ...['100%', '%zz', '%1', '%u002e', '%'].map((name) => `/${name}`),
  ...['/docs//x', '///', '/./x', '/docs/./x', '/%2e/x', '/docs/%2E/x'],
  ...['http://elsewhere.example/../x', 'file:///../../etc/passwd', 'https://h/%2e%2e/x'],
];

/** Addresses that look dangerous, somewhere, and are names like any other here: below the root or not at all. */
export const PERHAPS: readonly string[] = [
  ...['..%5Cevil', '%5C', '%5C%5Cserver%5Cshare', 'a%5C..%5C..%5Cb', '%252e%252e%252fevil'],
  ...['C%3A', 'C:', 'C:%5Cwindows', 'c%3Aevil', 'file.txt%3Astream', 'a:b', '%3A%3A$DATA'],
  ...['CON', 'NUL', 'AUX', 'PRN', 'COM1', 'LPT9', 'con.txt', 'nul.tar.gz', 'CONIN$', 'CLOCK$'],
  ...['dot.', 'dots...', 'space%20', '%20space', '%20', '...', '....', '.. ', '..%20', '..%09'],
  ...['%0A', 'a%0Ab', '%0D%0A', '%1B%5B2J', '%1B]0;evil%07', '%7F', '%01', '%08%08%08', '%C2%85'],
  ...[
    '%E2%88%95evil',
    '..%E2%88%95..%E2%88%95evil',
    '%EF%BC%8F',
    '%EF%BC%8E%EF%BC%8E',
    '%E2%81%84',
  ],
  ...[
    '%E2%80%AEcod.exe',
    '%E2%80%8B',
    '%EF%BB%BFbom',
    'a%CC%88',
    '%C3%A4',
    '%E2%80%A8',
    '%F0%9F%9A%A2',
  ],
  ...[
    '-rf',
    '--help',
    '~',
    '~root',
    '$(reboot)',
    '%60reboot%60',
    '|cat',
    ';ls',
    '*',
    '%3F',
    "'",
    '"',
  ],
  ...[
    '.ferry',
    '.ferry-tmp-x',
    '.ferry%2Fmarker',
    '.ferryignore',
    '.git',
    '.htaccess',
    'desktop.ini',
  ],
  ...[`${'x'.repeat(255)}`, 'x'.repeat(256), 'x'.repeat(1000), '%E2%82%AC'.repeat(100)],
  ...['%25', '%2525', '%252F', '%25252e', 'a%23b', 'a%3Fb', 'a%26b', '%3Cscript%3E', '&amp;'],
].map((name) => `/${name}`);
