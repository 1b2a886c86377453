import type { ErrorDefinition } from '@mlxfleet/protocol';

/**
 * Every error that the command line expects. One flat list: a code stands once here and once in docs/errors.md, which
 * is generated from it.
 */
export const ERRORS = {
  WRONG_USAGE: {
    code: 'WRONG_USAGE',
    when: 'A command, an option or an argument is not understood.',
    hint: 'Run `mlxfleet help` or `mlxfleet help COMMAND`.',
  },
  INVENTORY_NOT_FOUND: {
    code: 'INVENTORY_NOT_FOUND',
    when: 'No inventory file was given and none was found.',
    hint: 'Write one with `mlxfleet init`, or name one with `-i FILE`.',
  },
  INVENTORY_UNREADABLE: {
    code: 'INVENTORY_UNREADABLE',
    when: 'The inventory file exists but cannot be read as text.',
    hint: 'The inventory is a small UTF-8 text file that you can read.',
  },
  INVENTORY_INVALID: {
    code: 'INVENTORY_INVALID',
    when: 'The inventory does not say what it must; every problem is listed with its place.',
    hint: 'Correct the places named, then run `mlxfleet validate`.',
  },
  INVENTORY_EXISTS: {
    code: 'INVENTORY_EXISTS',
    when: '`mlxfleet init` would overwrite a file.',
    hint: 'Choose another file with `-i FILE`, or overwrite it with `--force`.',
  },
  HOST_UNKNOWN: {
    code: 'HOST_UNKNOWN',
    when: 'A name on the command line is neither a host nor a label of the inventory.',
    hint: 'List the hosts with `mlxfleet validate`.',
  },
  SECRET_UNAVAILABLE: {
    code: 'SECRET_UNAVAILABLE',
    when: 'The environment variable or the command that a secret comes from gives nothing.',
    hint: 'Set the variable, or run the command by hand to see why it fails.',
  },
} as const satisfies Record<string, ErrorDefinition>;
