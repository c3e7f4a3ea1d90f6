/** @file What a program with trained weights does: loads them and continues a text. No `init`: the caller's. */
import { lmStepper, sample } from 'prenorm/generate';
import { decodeSafetensors } from 'prenorm/io';
import { CausalLM } from 'prenorm/nn';
import { CharTokenizer } from 'prenorm/text';

export const options = { dModel: 32, numHeads: 4, numLayers: 2, maxSeqLen: 48 };

/** `weights`: bytes of a safetensors file; `saved`: the tokenizer's JSON. */
export function continueText(weights, saved) {
  const tokenizer = CharTokenizer.fromJSON(saved);
  const model = new CausalLM({ ...options, vocabSize: tokenizer.vocabSize });
  model.loadStateDict(decodeSafetensors(weights, 'weights.safetensors').tensors);
  model.eval();
  const drawn = { length: 40, seed: 7, temperature: 0.8 };
  return tokenizer.decode(sample(lmStepper(model, 1), { ...drawn, prompt: tokenizer.encode('to be') }));
}
