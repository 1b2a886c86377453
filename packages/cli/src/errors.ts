import { CodedError, type ErrorDefinition, PYTHON_RANGE_TEXT } from '@mlxfleet/protocol';

/**
 * What an error means for the command that meets it: exit codes, outcomes and doctor's checks follow from it.
 * `unreachable`, `host-key` and `login` all mean that nothing was begun on the host: no way to it, a key of the host that
 * is not trusted, a login that it refuses. Everything else that went wrong on or for a host is `failed`.
 */
export type ErrorKind = 'usage' | 'unreachable' | 'host-key' | 'login' | 'lock' | 'failed';

interface CommandLineError extends ErrorDefinition {
  readonly kind: ErrorKind;
}

/**
 * Every error that the command line expects. One flat list: a code stands once here and once in docs/errors.md, which
 * is generated from it.
 */
export const ERRORS = {
  WRONG_USAGE: {
    code: 'WRONG_USAGE',
    kind: 'usage',
    when: 'A command, an option or an argument is not understood.',
    hint: 'Run `mlxfleet help` or `mlxfleet help COMMAND`.',
  },
  NODE_TOO_OLD: {
    code: 'NODE_TOO_OLD',
    kind: 'failed',
    when: 'The command line runs under a Node that is older than it needs.',
    hint: 'Start it as `bin/mlxfleet`, which brings the right Node, or install Node 22.19 or later.',
  },
  INVENTORY_NOT_FOUND: {
    code: 'INVENTORY_NOT_FOUND',
    kind: 'usage',
    when: 'No inventory file was given and none was found.',
    hint: 'Write one with `mlxfleet init`, or name one with `-i FILE`.',
  },
  INVENTORY_UNREADABLE: {
    code: 'INVENTORY_UNREADABLE',
    kind: 'usage',
    when: 'The inventory file exists but cannot be read as text.',
    hint: 'The inventory is a small UTF-8 text file that you can read.',
  },
  INVENTORY_INVALID: {
    code: 'INVENTORY_INVALID',
    kind: 'usage',
    when: 'The inventory does not say what it must; every problem is listed with its place.',
    hint: 'Correct the places named, then run `mlxfleet validate`.',
  },
  INVENTORY_EXISTS: {
    code: 'INVENTORY_EXISTS',
    kind: 'usage',
    when: '`mlxfleet init` would overwrite a file.',
    hint: 'Choose another file with `-i FILE`, or overwrite it with `--force`.',
  },
  INVENTORY_UNWRITABLE: {
    code: 'INVENTORY_UNWRITABLE',
    kind: 'failed',
    when: '`mlxfleet init` cannot write the file.',
    hint: 'Run it in a folder that you can write to, or name a file with `-i FILE`.',
  },
  HOST_UNKNOWN: {
    code: 'HOST_UNKNOWN',
    kind: 'usage',
    when: 'A name on the command line is neither a host nor a label of the inventory.',
    hint: 'List the hosts with `mlxfleet validate`.',
  },
  SECRET_UNAVAILABLE: {
    code: 'SECRET_UNAVAILABLE',
    kind: 'usage',
    when: 'The environment variable or the command that a secret comes from gives nothing.',
    hint: 'Set the variable, or run the command by hand to see why it fails.',
  },
  HOST_UNREACHABLE: {
    code: 'HOST_UNREACHABLE',
    kind: 'unreachable',
    when: 'No connection to a host: the name does not resolve, nothing answers, or the connection is refused.',
    hint: 'Check that the host is awake and on this network: `mlxfleet doctor HOST`.',
  },
  HOST_KEY_UNKNOWN: {
    code: 'HOST_KEY_UNKNOWN',
    kind: 'host-key',
    when: 'The ssh key of a host is not in any known_hosts file.',
    hint: 'Compare the fingerprint with the one the host shows, then run the command in a terminal to accept it, or pass `--accept-new`.',
  },
  HOST_KEY_CHANGED: {
    code: 'HOST_KEY_CHANGED',
    kind: 'host-key',
    when: 'A host shows another ssh key than the one in known_hosts.',
    hint: 'Somebody may be between you and the host. If it was reinstalled, remove the line named and connect again.',
  },
  HOST_KEY_REVOKED: {
    code: 'HOST_KEY_REVOKED',
    kind: 'host-key',
    when: 'A host shows an ssh key that known_hosts marks as revoked.',
    hint: 'Do not connect. Ask who runs the host for its new key.',
  },
  HOST_CERTIFICATE_INVALID: {
    code: 'HOST_CERTIFICATE_INVALID',
    kind: 'host-key',
    when: 'known_hosts trusts a host through a certificate authority, and the certificate that the host shows is not good.',
    hint: 'Ask who runs the host for a certificate with its name, of the authority in known_hosts: `ssh-keygen -s AUTHORITY -h -n NAME`.',
  },
  AUTH_FAILED: {
    code: 'AUTH_FAILED',
    kind: 'login',
    when: 'A host accepts none of the ssh keys that were offered.',
    hint: 'Check the user and the key: `ssh USER@HOST true` has to work without a password.',
  },
  PASSPHRASE_NEEDED: {
    code: 'PASSPHRASE_NEEDED',
    kind: 'login',
    when: 'A private key is encrypted and nobody can be asked for its passphrase.',
    hint: 'Add the key to the agent with `ssh-add`, or run the command in a terminal.',
  },
  CONNECTION_LOST: {
    code: 'CONNECTION_LOST',
    kind: 'failed',
    when: 'The connection to a host ended in the middle of a command.',
    hint: 'A change that was not finished undoes itself on the host. Look with `mlxfleet status`, then run the command again.',
  },
  SSH_CONFIG_UNSUPPORTED: {
    code: 'SSH_CONFIG_UNSUPPORTED',
    kind: 'unreachable',
    when: 'ssh_config asks for something that mlxfleet cannot do for this host.',
    hint: 'Use ProxyJump, or `jump` in the inventory.',
  },
  SSH_CONFIG_INVALID: {
    code: 'SSH_CONFIG_INVALID',
    kind: 'unreachable',
    when: 'ssh cannot make sense of its configuration, or of the name of a host.',
    hint: 'Run `ssh -G ADDRESS` with the address from the inventory: it names the place.',
  },
  SSH_MISSING: {
    code: 'SSH_MISSING',
    kind: 'unreachable',
    when: 'The programs `ssh` and `ssh-keygen` are not installed on this machine.',
    hint: 'Install the OpenSSH client.',
  },
  KEY_UNUSABLE: {
    code: 'KEY_UNUSABLE',
    kind: 'login',
    when: 'A private key file is missing, cannot be read, or is of a kind that cannot be used.',
    hint: 'Check the file named. `ssh-keygen -p -f FILE` writes a key in the current format.',
  },
  SESSION_REFUSED: {
    code: 'SESSION_REFUSED',
    kind: 'unreachable',
    when: 'A host accepts the login and then refuses to run a command or to pass on a connection.',
    hint: 'The account needs a shell, and sshd must allow sessions, TCP forwarding and stream-local forwarding for it.',
  },
  SCRIPT_BROKEN: {
    code: 'SCRIPT_BROKEN',
    kind: 'failed',
    when: 'A script on a host ended before its end.',
    hint: 'Look at the lines shown; the host has to have a working /bin/sh and home folder.',
  },
  VALUE_UNQUOTABLE: {
    code: 'VALUE_UNQUOTABLE',
    kind: 'failed',
    when: 'A value for a host holds a NUL character.',
    hint: 'Remove the character from the inventory or the command line.',
  },
  UPLOAD_FAILED: {
    code: 'UPLOAD_FAILED',
    kind: 'failed',
    when: 'A file could not be sent to a host.',
    hint: 'Run the command again: it goes on where it stopped.',
  },
  UPLOAD_CORRUPT: {
    code: 'UPLOAD_CORRUPT',
    kind: 'failed',
    when: 'A file arrived on a host with other bytes than were sent.',
    hint: 'Run the command again. When it happens again, check the disks of both machines.',
  },
  LOCK_HELD: {
    code: 'LOCK_HELD',
    kind: 'lock',
    when: 'Another command is changing the host.',
    hint: 'Wait for it with `--wait-lock 60s`; `mlxfleet unlock HOST` removes the lock of a command that is gone.',
  },
  LOCK_LOST: {
    code: 'LOCK_LOST',
    kind: 'failed',
    when: 'Another command took the lock over while this one did not renew it.',
    hint: 'Look with `mlxfleet releases`, then run the command again.',
  },
  HOST_CHANGED: {
    code: 'HOST_CHANGED',
    kind: 'failed',
    when: 'A host changed between the look at it and the change.',
    hint: 'Run the command again.',
  },
  OPERATOR_LOST: {
    code: 'OPERATOR_LOST',
    kind: 'failed',
    when: 'The command line did not answer the host before the switch: the network was cut, or its machine sleeps.',
    hint: 'Run it again: it goes on from what the host has.',
  },
  SWITCH_NOT_CONFIRMED: {
    code: 'SWITCH_NOT_CONFIRMED',
    kind: 'failed',
    when: 'A new release passed its gate, and then nobody could log in to the host to confirm it.',
    hint: 'Find out why no new connection can be made (`mlxfleet doctor HOST`); the host has gone back by itself.',
  },
  ROOT_NOT_WRITABLE: {
    code: 'ROOT_NOT_WRITABLE',
    kind: 'failed',
    when: 'The folder of mlxfleet on a host cannot be written to.',
    hint: 'Check its owner and the disk, or choose another `root` in the inventory.',
  },
  ROOT_NOT_ASCII: {
    code: 'ROOT_NOT_ASCII',
    kind: 'failed',
    when: 'The path of the folder of mlxfleet on a host, with the home folder, has characters that are not printable ASCII. The processes of a host are found by this path, and what lists them does not show such characters.',
    hint: 'Choose a `root` in plain ASCII in the inventory, outside of this home folder, such as /usr/local/mlxfleet.',
  },
  DISK_FULL: {
    code: 'DISK_FULL',
    kind: 'failed',
    when: 'A host has not enough free disk space.',
    hint: 'Free space on the host, then run the command again.',
  },
  PLATFORM_UNSUPPORTED: {
    code: 'PLATFORM_UNSUPPORTED',
    kind: 'failed',
    when: 'A host is neither an Apple-silicon Mac nor an x86-64 Linux machine.',
    hint: 'Remove the host from the inventory.',
  },
  PYTHON_MISSING: {
    code: 'PYTHON_MISSING',
    kind: 'failed',
    when: 'A host has no fitting Python and none could be installed.',
    hint: `Install Python ${PYTHON_RANGE_TEXT} on the host.`,
  },
  STAGE_FAILED: {
    code: 'STAGE_FAILED',
    kind: 'failed',
    when: 'A release could not be prepared on a host.',
    hint: 'Look at the lines shown. The old release is untouched.',
  },
  ENVIRONMENT_FAILED: {
    code: 'ENVIRONMENT_FAILED',
    kind: 'failed',
    when: 'The Python environment of a release could not be built.',
    hint: 'Check that the host reaches the package index, or set `python.find_links`. The old release is untouched.',
  },
  SWITCH_FAILED: {
    code: 'SWITCH_FAILED',
    kind: 'failed',
    when: 'A host could not be switched to a release.',
    hint: 'Look at the lines shown, then run the command again.',
  },
  SERVICE_FAILED: {
    code: 'SERVICE_FAILED',
    kind: 'failed',
    when: 'The agent could not be started or stopped.',
    hint: 'Look at `mlxfleet logs HOST`.',
  },
  SERVICE_KIND_UNSUPPORTED: {
    code: 'SERVICE_KIND_UNSUPPORTED',
    kind: 'failed',
    when: 'The inventory asks for a kind of service that this version cannot set up.',
    hint: 'Remove `service` from the host, or set it to detached.',
  },
  GATE_FAILED: {
    code: 'GATE_FAILED',
    kind: 'failed',
    when: 'A release was started and did not answer as it must.',
    hint: 'Look at the lines shown and at `mlxfleet logs HOST`.',
  },
  HOOK_FAILED: {
    code: 'HOOK_FAILED',
    kind: 'failed',
    when: 'A hook of the inventory ended with another exit code than 0, or took longer than 5 minutes.',
    hint: 'Look at the lines shown, and mend the command in the inventory.',
  },
  ROLLED_BACK_WITH_OTHERS: {
    code: 'ROLLED_BACK_WITH_OTHERS',
    kind: 'failed',
    when: 'A deploy with `rollout.on_failure: revert` failed on another host, so this one went back to its release before.',
    hint: 'See what the host named reports; once it is mended, deploy again.',
  },
  INTERRUPTED: {
    code: 'INTERRUPTED',
    kind: 'failed',
    when: 'The command was interrupted.',
    hint: 'Run it again: it goes on from what the host has.',
  },
  NOTHING_DEPLOYED: {
    code: 'NOTHING_DEPLOYED',
    kind: 'failed',
    when: 'A command needs a release and the host has none.',
    hint: 'Run `mlxfleet deploy HOST`.',
  },
  NO_PREVIOUS_RELEASE: {
    code: 'NO_PREVIOUS_RELEASE',
    kind: 'failed',
    when: 'A rollback was asked for and the host has no earlier good release.',
    hint: 'See `mlxfleet releases HOST`.',
  },
  RELEASE_UNKNOWN: {
    code: 'RELEASE_UNKNOWN',
    kind: 'failed',
    when: 'The release named is not on the host.',
    hint: 'See `mlxfleet releases HOST`.',
  },
  RELEASE_NOT_GOOD: {
    code: 'RELEASE_NOT_GOOD',
    kind: 'failed',
    when: 'The release named never passed the health gate on the host.',
    hint: 'Choose a good one: `mlxfleet releases HOST`.',
  },
  RELEASE_BROKEN: {
    code: 'RELEASE_BROKEN',
    kind: 'failed',
    when: 'A release on a host misses files or its environment.',
    hint: 'Choose another one with `--to`, or run `mlxfleet deploy HOST`.',
  },
  PAYLOAD_MISSING: {
    code: 'PAYLOAD_MISSING',
    kind: 'failed',
    when: 'The parts of a release are not where this copy of mlxfleet has them.',
    hint: 'In a checkout run `npm run build`.',
  },
  RUNTIME_UNAVAILABLE: {
    code: 'RUNTIME_UNAVAILABLE',
    kind: 'failed',
    when: 'Node or uv for a host could not be fetched on this machine.',
    hint: 'Check that this machine reaches the npm and Python package indexes.',
  },
  RUNTIME_CORRUPT: {
    code: 'RUNTIME_CORRUPT',
    kind: 'failed',
    when: 'A fetched program has other bytes than this version of mlxfleet expects.',
    hint: 'Remove the cache folder named and run the command again.',
  },
  NO_LOGS: {
    code: 'NO_LOGS',
    kind: 'failed',
    when: 'The log asked for does not exist on the host.',
    hint: 'See which models run: `mlxfleet status`.',
  },
  AGENT_UNHEALTHY: {
    code: 'AGENT_UNHEALTHY',
    kind: 'failed',
    when: 'The agent of a host is not serving as it should.',
    hint: 'Look at `mlxfleet logs HOST`, or restart it with `mlxfleet restart HOST`.',
  },
  STATUS_TIMEOUT: {
    code: 'STATUS_TIMEOUT',
    kind: 'unreachable',
    when: 'A host did not tell its state in time.',
    hint: 'Check that the host is awake: `mlxfleet doctor HOST`.',
  },
  HOST_CLOSED: {
    code: 'HOST_CLOSED',
    kind: 'failed',
    when: 'A connection was used after it was closed.',
    hint: 'This is a fault of mlxfleet: please report it.',
  },
  AGENT_NOT_RUNNING: {
    code: 'AGENT_NOT_RUNNING',
    kind: 'failed',
    when: 'A command needs the agent of a host, and it does not run.',
    hint: 'Start it with `mlxfleet start HOST`; `mlxfleet logs HOST` tells why it ended.',
  },
  AGENT_REFUSED: {
    code: 'AGENT_REFUSED',
    kind: 'failed',
    when: 'The agent understood what was asked and refused it.',
    hint: 'The message is the agent’s own; docs/errors.md lists its codes.',
  },
  AGENT_ANSWER_BROKEN: {
    code: 'AGENT_ANSWER_BROKEN',
    kind: 'failed',
    when: 'The agent’s answer cannot be understood, or it ended in the middle.',
    hint: 'See `mlxfleet logs HOST`.',
  },
  PROTOCOL_MISMATCH: {
    code: 'PROTOCOL_MISMATCH',
    kind: 'failed',
    when: 'The agent on a host and this command line are too far apart in version to understand each other.',
    hint: 'Upgrade the older one: `mlxfleet deploy HOST` upgrades the agent.',
  },
  NOTHING_TO_CHAT_WITH: {
    code: 'NOTHING_TO_CHAT_WITH',
    kind: 'failed',
    when: '`mlxfleet chat` finds no model: none is loaded and the inventory names none for the host.',
    hint: 'Name one with `--model ID`, or list it under models in the inventory.',
  },
  ATTACHMENT_UNUSABLE: {
    code: 'ATTACHMENT_UNUSABLE',
    kind: 'usage',
    when: 'A file for `mlxfleet chat` cannot be read, is larger than hosts take, or is neither an image nor a PDF; there are more images than the host takes, or the model takes text only. Nothing was sent.',
    hint: 'Name a PNG, JPEG, WebP, GIF or AVIF image, or a PDF, that you can read.',
  },
  NOT_CONFIRMED: {
    code: 'NOT_CONFIRMED',
    kind: 'failed',
    when: 'The person did not confirm a command that removes something.',
    hint: 'Answer yes, or give --yes.',
  },
} as const satisfies Record<string, CommandLineError>;

const KINDS: ReadonlyMap<string, ErrorKind> = new Map(
  Object.values(ERRORS).map(({ code, kind }) => [code, kind]),
);

/** The kind of the error with this code; `failed` for a code of another version. */
export function errorKind(code: string): ErrorKind {
  return KINDS.get(code) ?? 'failed';
}

const UNREACHABLE: ReadonlySet<ErrorKind> = new Set(['unreachable', 'host-key', 'login']);

/** Whether an error of this code means that nothing was begun on the host. */
export function isUnreachableCode(code: string): boolean {
  return UNREACHABLE.has(errorKind(code));
}

/** Same for whatever was thrown. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof CodedError && isUnreachableCode(error.code);
}
