/** @file What bench/ and the scripts use; not a part of the package's interface. */
export { loadModelProto } from '../interop/onnx/protobuf.js';
export { sinusoids } from '../nn/positions.js';
export { machineTime, takenByOthers, watch } from './conditions.js';
export { adamSettings, buildLm, decoderShapes, lmBatch, lmShapes, lmStep, textSum } from './models.js';
export { checkResults } from './results.js';
export { makeRow, missingRow } from './row.js';
export { parts } from './suite.js';
export { formatNumber, formatTarget, formatVerdict, markdownTable, summarize } from './table.js';
export { targets } from './targets.js';
export { CLOCKS, intervalOf, NARROW, quartiles, untilNarrow } from './timing.js';
