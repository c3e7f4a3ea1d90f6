// Written by `node scripts/pin-conformance.mjs`. A change of the total or of an item is a
// change of the bits: see docs/determinism.md.

/** The hashes that this version must give. */
export interface Pinned {
  /** SHA-256 of the compiled kernels. Other bytes need not mean other bits. */
  readonly kernels: { readonly strict: string; readonly relaxed: string };
  /** Version of the list of items. */
  readonly list: number;
  /** SHA-256 over all items of the list. */
  readonly total: string;
  /** Totals of earlier lists, whose items are all in this one with the same hashes: equal bits. */
  readonly earlier: readonly string[];
  /** SHA-256 by item. */
  readonly items: Readonly<Record<string, string>>;
}

/** The hashes of this version; docs/determinism.md says when they change. */
export const pinned: Pinned = {
  kernels: {
    strict: '9d78f83cdc5da8196ce6d9d5fcd7e66ed5d292ee9705926fdf0ed5d639b62d08',
    relaxed: '4121a152fcb250162ffd994ade3a1075901268f4b0a4337422d42d277bb02b8e',
  },
  list: 3,
  total: 'b96281cc45770da6229565f3b179ae9931a0e7a335f47f84f5310d676b9a532f',
  earlier: ['65313642630706df312d65140b929de6f52ea3ce09d357b46fe73ace6d6e2328'],
  items: {
    tokenizer: 'def7c97a5d75f5f7aaadcdde5944f97e1ea93f513ba7ff1657276032b4b5e46c',
    'causal-lm': '015cd37424f34015155fbfcb4e3a3b6617b44f6939c0f192d0e310dfb7a57f8c',
    alternating: 'ca32172cb7ff810e979595bdeaa7bddc7481594c981c98d10c48bee5b7afc690',
    'translation-post': 'fddf15587fc76650d675d682762ef015a89ff3cd9c6feb188a6436300c661134',
    'translation-peri': '1023f75d3917409f280949b0ba7714beb3668ca8f7e6558e8a064afaf28c7785',
    'translation-sgd': 'dfd77acd9bfb8db11aa54a9afbaf39cf316e0bc67cf4182ef9c1213d94031e5b',
    'masked-lm': 'd2345d77b67b64573249d836a8bf17350212b8d8b1a0cee21ea0adce4db11973',
    vision: 'ea9d02cf02477f0290728c6f104015380c4a2e31df5ab041af5532963bd666ba',
    ops: '46762b3b7fc8c7b0febbad18ddb7e4b1c75a189f5f3c25093c05a5f19aa1496b',
    large: '12a6e48cdd1755eca5ece3f3212ebd1c0705ba78f9438f990a2d16a1d5f63c25',
    rotary: '6f91dd593f9fc7cb55f9b815d76eb3ad143af2389c5fa982ef2bbad83a6a6952',
  },
};
