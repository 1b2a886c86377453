// A stand-in for control.mjs with the same command line and exit codes.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const option = (name) => {
  const index = process.argv.indexOf(name);
  return index === -1 ? undefined : process.argv[index + 1];
};
const root = option('--root');

const ask = async () =>
  new Promise((resolve) => {
    let text = '';
    const socket = connect(join(root, 'run/admin.sock'));
    socket.write('GET /admin/status HTTP/1.0\r\n\r\n');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(text === '' ? null : JSON.parse(text.slice(text.indexOf('\r\n\r\n')))));
  });

const isAgentGone = () => {
  try {
    process.kill(Number(readFileSync(join(root, 'run/agent.pid'), 'utf8')), 0);
    return false;
  } catch (error) {
    // Without an id the supervisor is still at it.
    return error.code === 'ESRCH';
  }
};

const say = (event) => console.log(JSON.stringify(event));

if (process.argv[2] === 'status') {
  const status = await ask();
  if (status === null) process.exit(3);
  console.log(JSON.stringify(status));
} else {
  let gone = 0;
  for (;;) {
    const status = await ask();
    if (status?.release === option('--release') && status.status === 'running') break;
    gone = isAgentGone() ? gone + 1 : 0;
    if (gone > 4) {
      say({ event: 'failed', code: 'AGENT_ENDED', message: 'the process of the agent has ended' });
      process.exit(1);
    }
    await sleep(50);
  }
  say({ event: 'ready' });
  say({ event: 'completion', model: option('--model') ?? null });
}
