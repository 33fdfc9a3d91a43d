// Puts what the command line loads into a few files: reading some hundred modules takes longer than a run that finds nothing to do.
import { readFile, rm } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { build } from 'esbuild';

const OUTPUT = 'dist/bundle';

/** Lets a module go on finding files beside itself, although it lies in another file now. */
const keepsPlace = {
  name: 'keeps-place',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/].*\.js$/ }, async ({ path }) => {
      if (path.includes('node_modules')) return undefined;
      const place = JSON.stringify(relative(OUTPUT, path));
      const text = await readFile(path, 'utf8');
      return {
        contents: text.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`),
        loader: 'js',
      };
    });
  },
};

await rm(OUTPUT, { recursive: true, force: true });
await build({
  entryPoints: { main: 'dist/cli/main.js' },
  outdir: OUTPUT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifyWhitespace: true,
  minifySyntax: true,
  // Its other form, which Node would take, cannot be cut down to what is used.
  alias: { rxjs: resolve('node_modules/rxjs/dist/esm/index.js') },
  logLevel: 'warning',
  // They bring binaries that they look for beside themselves.
  external: [
    'classic-level',
    'fuse-native',
    '@parcel/watcher',
    '@napi-rs/blake-hash',
    '@node-rs/argon2',
    'electron',
  ],
  banner: {
    js: "import { createRequire as ferryRequire } from 'node:module'; const require = ferryRequire(import.meta.url);",
  },
  plugins: [keepsPlace],
});
