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
    strict: '2f025ce584d92db3ef9945faf20dabdd4482be2d00e55939e9b12df674cbe78a',
    relaxed: 'e685cdc403430c0ef6a707d190b28795e0600e8826c25f00dcc30a75397c453b',
  },
  list: 1,
  total: 'f5366f585105512bc04aeb1575cd2b3a9a37e59e57a41c68baa266cba7a4cef0',
  earlier: [],
  items: {
    tokenizer: 'def7c97a5d75f5f7aaadcdde5944f97e1ea93f513ba7ff1657276032b4b5e46c',
    'causal-lm': '1cf20d4c32a0eab934a0d12788c10c31870fc055e9c2fe1449a2206ce6a04e55',
    alternating: '994b95a3c28da36b5859cd5d4fcfde913c41ca0a7eebd9422b1d7cfeba08c3ec',
    'translation-post': '910e7a762da1c2945b4be79bdac04818142dac1068dcf5bc6749a6691d2237ed',
    'translation-peri': '5ba2b31367381ff3546b1c6f5d954a1693f12af9991dfa1a2228560b43602ab6',
    'translation-sgd': '2cf27f81d633ca7ca46a23fb816a47444ad6e1c1575c5ef97cfebc83e896ddec',
    'masked-lm': '1ddf73f9f9793a8921c81d6670273ac48cf2273ec17f358756c6a951f1dd4047',
    vision: 'f7551e57a78276e7bb3556ecd1052591e92fc5f1c9f32638adee5f93510655cc',
    ops: 'fa5e1338677befdeff01aa655da24a4126d0a6b3c23647c875c5c0fe46982113',
    large: '5fc962fd4749bf7599e30da8e7022a49a4679e39fc3f0810fd4992b5ef19cb7d',
  },
};
