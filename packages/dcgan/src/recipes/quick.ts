// The default: PyTorch's DCGAN made small enough to show pictures within minutes on a processor. Network, losses and
// updates are pytorch.ts's; only sizes differ.

import { gan } from './gan.ts';
import { pytorch } from './pytorch.ts';

export const quick = gan({
  ...pytorch.gan,
  name: 'quick',
  title: 'the `pytorch` recipe at 32×32, half the width, one channel',
  defaults: {
    data: 'glyphs',
    imageSize: 32,
    width: 32,
    channels: 1,
    batchSize: 64,
    lr: 2e-4,
    steps: 500,
    sampleEvery: 25,
    checkpointEvery: 100,
  },
});
