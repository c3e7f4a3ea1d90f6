import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export default {
  mode: 'production',
  entry: './src/main.js',
  // One bundle for Node and for the page.
  target: ['web', 'es2022'],
  output: { path: path('dist'), filename: 'main.mjs', module: true, chunkFormat: 'module' },
  experiments: { outputModule: true },
  performance: { hints: false },
  module: {
    rules: [
      {
        test: /\.ts$/,
        include: path('../../assembly'),
        // The binary becomes a data: URL inside the bundle; leave out `raw`, `type` and `generator` to get a file.
        type: 'asset/inline',
        generator: { dataUrl: { encoding: 'base64', mimetype: 'application/wasm' } },
        loader: 'as-loader',
        options: {
          raw: true,
          optimizeLevel: 3,
          shrinkLevel: 0,
          noAssert: true,
          runtime: 'stub',
          exportRuntime: false,
          importMemory: true,
          noExportMemory: true,
          initialMemory: 1,
          maximumMemory: 65536,
          enable: ['simd', 'bulk-memory', 'threads'],
        },
      },
    ],
  },
};
