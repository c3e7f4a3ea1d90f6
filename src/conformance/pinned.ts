// Written by `node scripts/pin-conformance.mjs`. A change of the total or of an item is a
// change of the bits: see docs/determinism.md.

/** The hashes of one arithmetic. */
export interface PinnedHashes {
  /** SHA-256 over all items of the list. */
  readonly total: string;
  /** SHA-256 by item. */
  readonly items: Readonly<Record<string, string>>;
}

/** The hashes that this version must give, in strict arithmetic where nothing else is said. */
export interface Pinned extends PinnedHashes {
  /** SHA-256 of the compiled kernels. Other bytes need not mean other bits. */
  readonly kernels: { readonly strict: string; readonly relaxed: string };
  /** Version of the list of items. */
  readonly list: number;
  /** Totals of earlier lists, whose items are all in this one with the same hashes: equal bits. */
  readonly earlier: readonly string[];
  /** The same list in int12 arithmetic. */
  readonly int12: PinnedHashes;
}

/** The hashes of this version; docs/determinism.md says when they change. */
export const pinned: Pinned = {
  kernels: {
    strict: '1341fc3bda5f09b7ca16b87ab41ef19dc01b1be4e016ee47a8b9cbd4b8b16d6b',
    relaxed: 'ba33987b93dfde9a0ecbad348227c36a0a21acf064fbd482592c228e49b1ce33',
  },
  list: 4,
  total: 'ce88452bde7dc17b8cfd7612e3bfe8bd637b02975f886315d89e08c3142cdbe7',
  earlier: [
    '65313642630706df312d65140b929de6f52ea3ce09d357b46fe73ace6d6e2328',
    'b96281cc45770da6229565f3b179ae9931a0e7a335f47f84f5310d676b9a532f',
  ],
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
    decoding: '749870f5675a17fd5b0547103f8d52506b6b2c1de294da611f7fc8630c7c36c4',
  },
  int12: {
    total: '4945e5388fb1427f30e415c8d3ed955a555c3d77b6cd21a030b6ff9327a056a7',
    items: {
      tokenizer: 'def7c97a5d75f5f7aaadcdde5944f97e1ea93f513ba7ff1657276032b4b5e46c',
      'causal-lm': 'b5e510126f82e1ca96c0e1b5c1dc5dffde677a9288bd3f37f162076a6c0ace8d',
      alternating: '78f89406c5ce588faeaf57b91e36fc2b5744d33bbcfd83f3fa04058ef1694a41',
      'translation-post': '77c0d52b2b3ea69c0c6e48f583610785f6124f164b3d92e74626c4b124c6a7da',
      'translation-peri': 'dda436ca66a1afbf9010ef3c81e16b7a304719fe309ef61438d824a60aef09ef',
      'translation-sgd': '56e22c0f0182c5958a401820da0506463ba2193aba173b3b087d89797f9e4198',
      'masked-lm': 'df483319561479f2aa00367735259a28284fe164c6b4fb3c01c2abb637f334e7',
      vision: '9ae33de44b8b273e38fece84a12cf851823e7d0782ddf49412179f67dfde7f74',
      ops: '0e149f52be3319621f0ed7101119819cf048280157fc02be4ae2e58412335485',
      large: 'c56d995ee5cb25d3967fa8abb34cf859e4227799dffe5bf620db59520b6ba4b9',
      rotary: '4709625d5673c5aa5a6c1d5d8a7d2e8773dd39e270312e709aba8d2a10f001c5',
      decoding: 'ccc36e1bad239fe52c5adc45b43be6469027c30e82c6d57509a479850a60d738',
    },
  },
};
