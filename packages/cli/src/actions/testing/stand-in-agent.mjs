// A stand-in for the agent: a real process that answers on the admin socket and does what BEHAVIOUR says.
import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';

const BEHAVIOUR = 'healthy';

const root = process.argv[process.argv.indexOf('--root') + 1];
const release = dirname(dirname(realpathSync(process.argv[1])));
const { id, version } = JSON.parse(readFileSync(join(release, 'manifest.json'), 'utf8'));
readFileSync(join(root, 'shared/config.yaml'), 'utf8');

console.log(JSON.stringify({ time: Date.now(), msg: `stand-in ${version} (${BEHAVIOUR}) starts` }));
if (BEHAVIOUR === 'exits') {
  console.log(JSON.stringify({ time: Date.now(), msg: 'cannot start: no such thing' }));
  process.exit(1);
}

const status = {
  status: BEHAVIOUR === 'never-ready' ? 'starting' : 'running',
  version,
  protocol_version: 1,
  release: id,
  pid: process.pid,
  uptime_seconds: 1,
  ports: { main: 11440, admin: 11441 },
  model: { loaded: false, name: null, memory_gb: null },
  models: [],
  worker: { healthy: true, status: 'idle' },
  workers: [],
  requests: { running: 0, waiting: 0 },
  tokens_per_second: null,
  memory: { total_bytes: 1024, used_bytes: 1 },
  config: { machine_type: 'stand-in', total_ram_gb: 1, idle_timeout_seconds: 1, memory_limit_bytes: 1 },
};

const socket = join(root, 'run/admin.sock');
rmSync(socket, { force: true });
const server = createServer((connection) => {
  connection.on('error', () => undefined);
  connection.once('data', () => {
    const body = `${JSON.stringify(status)}\n`;
    connection.end(`HTTP/1.0 200 OK\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`);
  });
});
server.listen(socket);
process.on('SIGTERM', () => {
  if (BEHAVIOUR === 'stubborn') return;
  rmSync(socket, { force: true });
  process.exit(0);
});
