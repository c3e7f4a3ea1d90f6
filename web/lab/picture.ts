/** @file The loss chart as a picture, in the colours of paper, with the link and the fingerprint under it. */
import type { LabView } from './view.js';

const WIDTH = 1200;
const HEIGHT = 600;

/** Null where the browser makes none, or there is nothing to show. */
export async function pictureOf({ run, link, looks }: LabView): Promise<Blob | null> {
  const loss = document.querySelector<HTMLCanvasElement>('.lines.loss canvas');
  if (!run || !loss || loss.width === 0) return null;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const context = canvas.getContext('2d');
  if (!context) return null;
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  context.fillStyle = token('background');
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const place = { left: 60, top: 60, width: WIDTH - 100, height: HEIGHT - 190 };
  context.drawImage(loss, place.left, place.top, place.width, place.height);
  context.font = '600 22px system-ui, sans-serif';
  context.fillStyle = token('text');
  context.fillText(document.getElementById('title')?.textContent ?? '', place.left, 38);
  context.font = '16px system-ui, sans-serif';
  let x = place.left;
  for (const [at, { name, history }] of run.lanes.entries()) {
    const value = history?.loss(run.step);
    const text = `${name} ${value === undefined ? '' : value.toFixed(2)}`;
    context.fillStyle = token(looks[at].token);
    context.fillRect(x, HEIGHT - 112, 26, 5);
    context.fillStyle = token('text');
    context.fillText(text, x + 34, HEIGHT - 102);
    x += 60 + context.measureText(text).width;
  }
  context.fillStyle = token('quiet');
  context.fillText(
    `Training loss up to step ${run.newest} of ${run.lab.steps}.${run.fingerprint ? ` Fingerprint ${run.fingerprint}.` : ''}`,
    place.left,
    HEIGHT - 66,
  );
  context.fillText(link.slice(link.indexOf('#')), place.left, HEIGHT - 36);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}
