/**
 * @file Runs before the browser snippet, in a page and in Node: keeps every loss with all its bits, because the snippet
 * rounds it for the title.
 */
const { toFixed } = Number.prototype;
const losses = [];
globalThis.losses = losses;
Number.prototype.toFixed = function (digits) {
  losses.push(Number(this));
  return toFixed.call(this, digits);
};
