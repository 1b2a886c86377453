import packageJson from '../package.json' with { type: 'json' };

/** Version of the agent; the build writes it into the bundle. */
export const VERSION: string = packageJson.version;
