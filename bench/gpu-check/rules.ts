/** Whose rules choose kernels and share work out: the adapter's own kind's, or those of a kind that it is taken for. */
export const rulesNames = ['own', 'gpu', 'software'] as const;
export type Rules = (typeof rulesNames)[number];
