/** @file Files dropped anywhere on the page: a text, or pairs, becomes what all lanes train on. */
import type { Content } from './content.js';
import { readContent } from './content.js';

export function setUpDrop(taken: (content: Content) => void, refused: (why: string) => void): void {
  const hasFiles = ({ dataTransfer }: DragEvent): boolean =>
    [...(dataTransfer?.types ?? [])].includes('Files');
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.documentElement.classList.add('dropping');
  });
  const leave = (): void => document.documentElement.classList.remove('dropping');
  addEventListener('dragleave', ({ relatedTarget }) => relatedTarget === null && leave());
  addEventListener('drop', (event) => {
    leave();
    if (!hasFiles(event)) return;
    event.preventDefault();
    const [file, second] = event.dataTransfer?.files ?? [];
    if (second) refused('Drop one file at a time.');
    else if (file) readContent(file).then(taken, (error: Error) => refused(error.message));
  });
}
