import packageManifest from '../package.json' with { type: 'json' };

/** Version of the command line and of the releases it makes. */
export const VERSION: string = packageManifest.version;
