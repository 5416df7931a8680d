// Modes of Stacked MNIST: three digits as the channels of one image make 1,000 kinds. Metz et al., "Unrolled generative
// adversarial networks" (2017); counted and compared with the uniform distribution as Srivastava et al.,
// "VEEGAN" (2017), and Lin et al., "PacGAN" (2018), do, who draw 26,000 images. With fewer, even real images
// do not show all modes.

import { ConfigError } from '@forger/tensor';
import type { Metric } from '../types.ts';
import { needChannelClasses } from './needs.ts';

export const modes: Metric = {
  name: 'modes',
  title: 'modes of stacked images: how many combinations of classes the channels show',
  values: {
    modes: { title: 'modes', better: 'larger' },
    modesKl: { title: 'KL of modes from uniform', better: 'smaller' },
  },
  needs: ['channelClasses'],
  compute: (generated, _real, { network }) => {
    const channelClasses = needChannelClasses(generated);
    const channels = generated.shape[0];
    const classes = network.classes!.length;
    if (channels !== 3)
      throw new ConfigError(`Modes are counted on images of three stacked channels; these have ${channels}.`);
    const kinds = classes ** channels;
    const counts = new Uint32Array(kinds);
    for (let i = 0; i < generated.count; i++) {
      let mode = 0;
      for (let c = 0; c < channels; c++) mode = mode * classes + channelClasses[i * channels + c]!;
      counts[mode]!++;
    }
    let [seen, divergence] = [0, 0];
    for (const count of counts) {
      if (count === 0) continue;
      seen++;
      divergence += (count / generated.count) * Math.log((count / generated.count) * kinds);
    }
    return {
      values: { modes: { value: seen }, modesKl: { value: divergence } },
      details: { of: kinds },
    };
  },
};
