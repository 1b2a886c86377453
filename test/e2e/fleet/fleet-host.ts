import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BootSettings, bootScript } from './boot-script.ts';
import { type HostAcquaintances, hostKeyFile, makeKey, writeHostFiles } from './host-files.ts';
import { type ToolOptions, type ToolResult, mustRun, runTool } from './run-tool.ts';
import { type SshdCounts, countSshd, subtractSshd } from './sshd-log.ts';

export interface FleetHostSettings extends BootSettings {
  readonly bridge: string;
  /** Name of the host's link on the bridge's side. */
  readonly link: string;
  /** Stays the same over boots, so that nobody keeps a stale neighbour entry. */
  readonly hardwareAddress: string;
  readonly searchPath: string;
  readonly loginShell?: string | undefined;
  readonly sshdConfig?: readonly string[] | undefined;
}

export interface HostProcess {
  /** As the host sees it. */
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

const BOOT_TIMEOUT_MS = 20_000;

const itsNamespaces = ['--net', '--mount', '--pid', '--uts'];
const newMachine = [
  '--pdeathsig=KILL',
  'unshare',
  ...itsNamespaces,
  '--fork',
  '--kill-child',
  '--mount-proc',
];

/** One host of a fleet: namespaces for network, processes, mounts and its name, with an sshd in them. */
export class FleetHost {
  readonly name: string;
  readonly address: string;
  readonly port = 22;
  /** Home of root, the account that operators log in to; the same path on the host and outside. */
  readonly home: string;
  readonly #settings: FleetHostSettings;
  #machine: ChildProcess | undefined;
  /** Process 1 of the host, as this machine sees it. */
  #init: number | undefined;

  constructor(settings: FleetHostSettings) {
    this.#settings = settings;
    this.name = settings.name;
    this.address = settings.address;
    this.home = settings.home;
  }

  /** Everything mlxfleet has on this host, when the inventory says nothing else. */
  get root(): string {
    return path.join(this.home, '.mlxfleet');
  }

  get isRunning(): boolean {
    return this.#machine !== undefined;
  }

  /** Writes what the host has before its first boot. */
  install(acquaintances: HostAcquaintances): Promise<void> {
    return writeHostFiles({ ...this.#settings, ...acquaintances });
  }

  /** Starts the host and waits until its sshd answers. What lay in /tmp is gone, files elsewhere are as they were. */
  async boot(): Promise<void> {
    if (this.#machine) throw new Error(`${this.name} is running`);
    const temporary = path.join(this.#settings.folder, 'tmp');
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o700 });
    // Dies with the thread that made the fleet, and the host with it: no crash of a test leaves a host behind.
    const machine = spawn('setpriv', [...newMachine, '/bin/sh', '-c', bootScript(this.#settings)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: this.#environment(),
    });
    this.#machine = machine;
    let complaints = '';
    machine.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
    });
    const [line] = await Promise.race([
      once(createInterface(machine.stdout), 'line'),
      once(machine, 'exit').then(() => ['exited']),
    ]);
    if (line !== 'mounted') throw new Error(`${this.name} does not boot: ${complaints}`);
    this.#init = await onlyChild(machine.pid);
    await this.#plugIn(this.#init);
    machine.stdin.end('go\n');
    await this.#waitForSshd(() => complaints);
  }

  /** Cuts the power: every process of the host is gone at once, without a chance to clean up. */
  async powerCut(): Promise<void> {
    const machine = this.#machine;
    if (!machine) return;
    this.#machine = undefined;
    this.#init = undefined;
    if (machine.exitCode !== null || machine.signalCode !== null) return;
    const gone = once(machine, 'exit');
    machine.kill('SIGKILL');
    await gone;
    // The link lives until the kernel has taken the network namespace apart.
    await runTool('ip', ['link', 'delete', this.#settings.link]);
  }

  /** Takes the host off the network, as a lid that closes or a cable that is pulled: nobody is told. */
  async partition(): Promise<void> {
    await mustRun('ip', ['link', 'set', this.#settings.link, 'down']);
  }

  /** Brings it back on the network. */
  async heal(): Promise<void> {
    await mustRun('ip', ['link', 'set', this.#settings.link, 'up']);
  }

  /** Runs a shell command line on the host without ssh, as root, with the host's clean environment. */
  exec(command: string, options: ToolOptions = {}): Promise<ToolResult> {
    if (this.#init === undefined) throw new Error(`${this.name} is not running`);
    return runTool(
      'nsenter',
      [
        `--target=${this.#init}`,
        ...itsNamespaces,
        '/bin/sh',
        '-c',
        'cd && exec /bin/sh -c "$1"',
        'sh',
        command,
      ],
      { ...options, env: { ...this.#environment(), ...options.env } },
    );
  }

  /** The host's processes, those that look included. */
  async processes(): Promise<HostProcess[]> {
    const { stdout } = await this.exec('ps -e -o pid= -o ppid= -o args=');
    return stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [, pid = '', parentPid = '', command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
        return { pid: Number(pid), parentPid: Number(parentPid), command };
      });
  }

  /** What sshd was asked for since the fleet was made. */
  async sshdCounts(): Promise<SshdCounts> {
    return countSshd(await this.sshdLog());
  }

  /** What sshd was asked for while `action` ran. */
  async countSshdDuring(action: () => Promise<unknown>): Promise<SshdCounts> {
    const before = await this.sshdCounts();
    await action();
    return subtractSshd(await this.sshdCounts(), before);
  }

  sshdLog(): Promise<string> {
    return readFile(path.join(this.#settings.folder, 'sshd.log'), 'utf8');
  }

  /** The host's public key as known_hosts holds it: type and key. */
  async publicKey(): Promise<string> {
    const text = await readFile(`${hostKeyFile(this.#settings.folder)}.pub`, 'utf8');
    return text.trim().split(' ').slice(0, 2).join(' ');
  }

  /** Gives the host another key, as a reinstalled machine or somebody in between would show. */
  async replaceHostKey(): Promise<void> {
    await makeKey(hostKeyFile(this.#settings.folder), 'ed25519');
    await this.exec('kill -HUP "$(cat /run/sshd.pid)"');
    await sleep(200);
    await this.#waitForSshd(() => 'after its key was replaced');
  }

  /** Copies a model folder to where the agent of this host looks for models. Not for a host with a small root. */
  async placeModel(folder: string): Promise<void> {
    await cp(folder, path.join(this.root, 'shared', 'models', path.basename(folder)), { recursive: true });
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      HOME: this.home,
      PATH: this.#settings.searchPath,
      LANG: 'C.UTF-8',
      USER: 'root',
      LOGNAME: 'root',
    };
  }

  async #plugIn(init: number): Promise<void> {
    const { bridge, link, hardwareAddress } = this.#settings;
    const peer = ['peer', 'name', 'eth0', 'address', hardwareAddress, 'netns', String(init)];
    await mustRun('ip', ['link', 'add', link, 'type', 'veth', ...peer]);
    await mustRun('ip', ['link', 'set', link, 'master', bridge, 'up']);
  }

  async #waitForSshd(explain: () => string): Promise<void> {
    const deadline = performance.now() + BOOT_TIMEOUT_MS;
    while (!(await answers(this.address, this.port))) {
      if (performance.now() > deadline) {
        const log = await this.sshdLog().catch(() => '');
        throw new Error(`sshd of ${this.name} does not answer: ${explain()}\n${log}`);
      }
      await sleep(50);
    }
  }
}

/** The one child of a process: unshare's is process 1 of the namespace it made. */
async function onlyChild(pid: number | undefined): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return Number(children.trim());
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port, timeout: 1000 });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', () => finish(true));
    socket.on('error', () => finish(false));
    socket.on('timeout', () => finish(false));
    socket.on('close', () => finish(false));
  });
}
