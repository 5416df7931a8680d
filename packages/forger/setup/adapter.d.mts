// The types of adapter.mjs, which is plain JavaScript.

/** The name of the adapter that Forger will use. Throws a SetupError where there is none. */
export function setUpAdapter(vulkanModule: string): Promise<string>;
