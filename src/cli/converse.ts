/** @file `prenorm generate` without a prompt in a terminal: what is typed and what comes of it is one text that goes on. */
import { createInterface } from 'node:readline';
import { PrenormError } from '../errors.js';
import { type GenerateOptions, generate, type TextCodec } from '../generate/index.js';
import type { CausalLM } from '../nn/index.js';
import { put, tell } from '../terminal/write.js';
import { EXIT, note } from './errors.js';

/** Ctrl-C ends the answer under way, or else the conversation, as Ctrl-D does. */
export async function converse(
  model: CausalLM,
  tokenizer: TextCodec,
  options: Omit<GenerateOptions, 'signal'> & { seed?: number },
): Promise<number> {
  tell('what you type is continued; Ctrl-C stops an answer, Ctrl-D ends\n');
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  let answering: { aborted: boolean } | null = null;
  lines.on('SIGINT', () => {
    if (answering) answering.aborted = true;
    else lines.close();
  });
  let text = '';
  let turn = 0;
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() === '') {
      lines.prompt();
      continue;
    }
    const signal = { aborted: false };
    answering = signal;
    const begun = text + line;
    let answer = '';
    try {
      // Each answer draws from a stream of its own, and all of them follow from the seed.
      const seed = (options.seed ?? 0) + turn++;
      for await (const piece of generate(model, tokenizer, begun, { ...options, seed, signal })) {
        answer += piece;
        put(piece);
      }
      text = `${begun}${answer}\n`;
    } catch (error) {
      // A line that cannot be read ends no conversation.
      if (!(error instanceof PrenormError)) throw error;
      note(error.message);
    }
    answering = null;
    put('\n');
    lines.prompt();
  }
  put('\n');
  return EXIT.done;
}
