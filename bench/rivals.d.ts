/** The rivals are installed in bench/node_modules by `npm run bench` only: types are checked without them. */
declare module '@jax-js/jax';
declare module '@tensorflow/tfjs';
declare module '@tensorflow/tfjs-backend-wasm';
declare module 'onnxruntime-web';
declare module 'tinybench';
