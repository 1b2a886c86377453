/** What a host's first process needs to know. Paths are absolute, without quotes or spaces. */
export interface BootSettings {
  readonly name: string;
  /** Files and folders of this host. */
  readonly folder: string;
  readonly home: string;
  readonly address: string;
  readonly prefixLength: number;
  /** Folders of this machine that the host sees, read-only, in /run/shared/<name>. */
  readonly shared: Readonly<Record<string, string>>;
  /** Size of a file system of its own for the folder that holds everything mlxfleet has on a host. */
  readonly rootMegabytes: number | undefined;
}

/** Folder on a host where a folder of the machine is seen. */
export function sharedPath(name: string): string {
  return `/run/shared/${name}`;
}

/**
 * The script that process 1 of a host runs. It says "mounted", waits for a line when its network link is there, then starts
 * sshd and stays: a shell that waits also reaps the orphans that end up with process 1.
 */
export function bootScript(settings: BootSettings): string {
  const { folder, home } = settings;
  const sharedMounts = Object.entries(settings.shared).flatMap(([name, source]) => [
    `mkdir -p ${sharedPath(name)}`,
    `mount --bind ${source} ${sharedPath(name)}`,
    `mount -o remount,bind,ro ${sharedPath(name)}`,
  ]);
  const ownRoot =
    settings.rootMegabytes === undefined
      ? []
      : [
          `mkdir -p ${home}/.mlxfleet`,
          `mount -t tmpfs -o size=${settings.rootMegabytes}m root ${home}/.mlxfleet`,
        ];
  return [
    'set -eu',
    `hostname ${settings.name}`,
    'mount -t tmpfs -o mode=755 run /run',
    'mkdir /run/sshd',
    ...sharedMounts,
    ...ownRoot,
    ...['passwd', 'shadow', 'hosts'].map((file) => `mount --bind ${folder}/${file} /etc/${file}`),
    // Last: the checkout, and with it a source above, may lie in the machine's /tmp.
    `mount --bind ${folder}/tmp /tmp`,
    'echo mounted',
    'read -r _',
    'exec </dev/null',
    'ip link set lo up',
    `ip address add ${settings.address}/${settings.prefixLength} dev eth0`,
    'ip link set eth0 up',
    `/usr/sbin/sshd -D -f ${folder}/sshd_config -E ${folder}/sshd.log &`,
    'while :; do sleep 1000000 & wait; done',
    '',
  ].join('\n');
}
