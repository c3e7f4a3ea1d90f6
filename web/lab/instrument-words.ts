/** @file What each instrument shows, and the equation behind it. */

export interface InstrumentWords {
  label: string;
  note: string;
  /** What theory says, with its equation. */
  equation: readonly string[];
}

export const instrumentWords = {
  gradients: {
    label: 'Gradients',
    note: '‖∂L/∂W₂‖ per layer. Left: over the steps. Right: this step (filled), step 1 (hollow), theory for step 1 (dashes).',
    equation: [
      'Post-LN: the bound of layer l falls by (2/3)^((L − l)/2) below the last layer’s. It is a factor of an upper bound, no prediction.',
      'Pre-LN: ‖∂L/∂W₂,l‖ ≈ ‖∂L/∂W₂,L‖ · √(x̄_L / x̄_l), where x̄_l = E‖x_l‖²/d after layer l. Theorem 1 of Xiong et al. (2020), with what follows from it.',
      'Theory speaks of step 1. That lower layers fade later is measured, not predicted.',
    ],
  },
  hidden: {
    label: 'Hidden norm',
    note: 'E‖x‖²/d in front of each layer’s last norm, of one sentence held out. This step (filled), before the first update (hollow), theory there (dashes).',
    equation: [
      'Post-LN: E‖x‖² = 3/2 d in every layer. Pre-LN: (1 + l/2) d ≤ E‖x_l‖² ≤ (1 + 3l/2) d. Lemma 2 of Xiong et al. (2020), for dFF = d.',
      'Peri-LN: E‖x_l‖² = (1 + 2l) d, each branch having unit variance (Kim et al. 2025).',
      'Here dFF = 4d and positions are added to the embedding, so lines and dots do not meet exactly.',
    ],
  },
  updates: {
    label: 'Update ÷ weight',
    note: '‖ΔW‖/‖W‖ of W₂ of the layer looked at, over the steps; on a logarithmic scale.',
    equation: [
      '‖W(t) − W(t−1)‖ / ‖W(t−1)‖. Adam moves each weight by about the rate at first, whatever the gradient’s size: layers whose gradient has faded still move.',
    ],
  },
  rate: {
    label: 'Rate',
    note: 'The learning rate of each step.',
    equation: [
      'lr(t) = t/T · lr_max for t ≤ T, the warm-up (equation 1 of the paper); afterwards as the lane’s settings say.',
    ],
  },
  effect: {
    label: 'One step’s effect',
    note: 'How far one update moves the logits of a sentence held out; on a logarithmic scale.',
    equation: [
      '‖f(x; W(t)) − f(x; W(t−1))‖ / ‖f(x; W(t−1))‖. Liu et al. (2020) call it amplification: the same change of the weights moves the output of Post-LN further, the deeper it is.',
    ],
  },
  attention: {
    label: 'Attention',
    note: 'How much each position of one sentence held out looks at each other, by head; kept every ten steps.',
    equation: ['softmax(q kᵀ / √d_head) over the positions that a query sees; each row sums to 1.'],
  },
  text: {
    label: 'Text',
    note: 'What each lane writes; kept every ten steps.',
    equation: [
      'Drawn with temperature 0.8 and a fixed seed; translations take the likeliest word each time.',
    ],
  },
  speed: {
    label: 'Speed',
    note: 'Tokens a second on this device, as the lanes train beside each other. The only instrument that differs between devices.',
    equation: ['Targets of a batch ÷ seconds of a step, the instruments’ own time included.'],
  },
} as const satisfies Record<string, InstrumentWords>;

export type InstrumentName = keyof typeof instrumentWords;
