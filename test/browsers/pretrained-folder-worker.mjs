/** @file `useFolder` in a Web Worker. */
import { useFolder } from './pretrained-folder.mjs';

addEventListener('message', async ({ data: { dist, files } }) => {
  try {
    postMessage({ result: await useFolder(dist, files) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
});
