/** @file A short training by prenorm/worker: its losses and threads, as every host must have them. */
export async function trainInWorker(WorkerTrainer, options = {}) {
  let trainer;
  try {
    trainer = new WorkerTrainer({
      model: { kind: 'causalLM', dModel: 32, numHeads: 2, numLayers: 2 },
      optimizer: { kind: 'adamw', lr: 0.003 },
      data: {
        kind: 'text',
        text: 'to be or not to be, that is the question. '.repeat(20),
        batchSize: 4,
        seqLen: 16,
      },
      steps: 5,
      runtime: { threads: 2 },
      ...options,
    });
    const losses = [];
    for await (const { loss } of trainer.run()) losses.push(loss);
    const { capabilities } = await trainer.ready;
    return { losses, threads: capabilities.threads, reason: capabilities.threadsReason };
  } catch (error) {
    return { error: `${error.name} ${error.code ?? ''} ${error.message}` };
  } finally {
    trainer?.close();
  }
}
