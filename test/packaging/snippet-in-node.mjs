/** @file The browser snippet (snippet.mjs, as it is in the docs) in Node, with as much of a document as it touches. */
import './observe.mjs';

const document = { title: '', body: { append: (text) => Object.assign(document, { text }) } };
globalThis.document = document;
await import('./snippet.mjs');
console.log(JSON.stringify({ title: document.title, text: document.text, losses: globalThis.losses }));
