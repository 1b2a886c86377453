/**
 * Version of everything that agent, worker and command line say to each other. It rises when an older peer would
 * misread a message; additions that an older peer ignores leave it alone.
 */
export const PROTOCOL_VERSION = 1;

/** Version of every document that the command line prints with `--json`. */
export const JSON_SCHEMA_VERSION = 1;
