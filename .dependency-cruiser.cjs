// The whole layer graph: a folder may import itself, the folders listed, and nothing else of ours.
const layers = {
  native: [],
  core: ['native'],
  'fs-adapter': ['core', 'native'],
  protocol: [],
  remotes: ['core', 'protocol'],
  server: ['core', 'native', 'protocol'],
  daemon: ['core', 'fs-adapter', 'remotes'],
  cli: ['core', 'daemon', 'server'],
  tray: ['daemon/api'],
};
const ours = `^(${Object.keys(layers).join('|')}|test|bench)/`;
const only = (name, packages, folders) => ({
  name,
  severity: 'error',
  from: { path: ours, pathNot: `^(${folders.join('|')}|test|bench)/` },
  to: { path: `node_modules/(${packages.join('|')})/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-undeclared-package',
      severity: 'error',
      from: { path: ours },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'] },
    },
    ...Object.entries(layers).map(([folder, below]) => ({
      name: `layer-${folder}`,
      severity: 'error',
      from: { path: `^${folder}/` },
      to: { path: ours, pathNot: `^(${[folder, ...below].join('|')})(/|\\.)` },
    })),
    {
      name: 'pure-core',
      severity: 'error',
      from: { path: '^core/(model|reconcile)/' },
      to: { pathNot: '^core/(model|reconcile)/' },
    },
    only('electron-in-tray', ['electron'], ['tray']),
    only('fuse-and-watcher-in-fs-adapter', ['fuse-native', '@parcel/watcher'], ['fs-adapter']),
    only('got-in-remotes', ['got'], ['remotes']),
    only('level-in-core', ['level'], ['core']),
    only('commander-in-cli', ['commander'], ['cli']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      conditionNames: ['node', 'import', 'default'],
      exportsFields: ['exports'],
    },
  },
};
