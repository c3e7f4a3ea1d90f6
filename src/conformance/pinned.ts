// Written by `node scripts/pin-conformance.mjs`. A change of the total or of an item is a
// change of the bits: see docs/determinism.md.

export interface Pinned {
  /** SHA-256 of the compiled kernels. Other bytes need not mean other bits. */
  readonly kernels: { readonly strict: string; readonly relaxed: string };
  readonly total: string;
  readonly items: Readonly<Record<string, string>>;
}

export const pinned: Pinned = {
  kernels: {
    strict: '001a4aa5bbcd068b87a2aecb309be4d1c52c1ac85e663bea0ae8b4f945b38ac7',
    relaxed: 'fc6fa954852f970ddda541483c28b99a4ec17502b8cf8ef14ae042aa3fe2bad1',
  },
  total: '01d16dcb81711c1c0d5ab2f8028f27e75a7c23daf784f541f3bf4bf326efcb73',
  items: {
    tokenizer: 'def7c97a5d75f5f7aaadcdde5944f97e1ea93f513ba7ff1657276032b4b5e46c',
    'causal-lm': '075283007b25c6d8d3379ff59993e3f3ae46cf2bdd6e7a8bc22beddf62598893',
    alternating: 'efb9483349cf9774eb1979c46c9fd723d460953734309937f5e66d48acd2dc9b',
    'translation-post': 'df61eefba6695bb3d9ba253a03e50623b83fcb3ee40ecc43430eabf40588417a',
    'translation-peri': 'f5f523d239ccc7457740eec06bfe9b4736244bca8d9838a5d3e7708aef48b474',
    'translation-sgd': '975e71188aa2841ca57e630a9cf670d78037c0ed524e985e49aad36d7c355dfc',
    'masked-lm': '00ad2105f66992d129905ede154e54b14855d9bb770ba6b8a55b7e0283f62adc',
    vision: '07775c137120e32f70dc1f7a5461a8f309aeb5cf00173b0707aae8821b59ec66',
    ops: 'ef8949d650c3d78048fea99794fc53244fef6091064998e0017bb69b59cfd5cc',
    large: 'b64388258c0e864d94d59c9ac7348fe3f7dee0269f18ca26e44152f370d8172c',
  },
};
