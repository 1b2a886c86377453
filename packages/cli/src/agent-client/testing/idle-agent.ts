import { type AdminStatus, PROTOCOL_VERSION } from '@mlxfleet/protocol';

/** What an agent without any model says of itself. */
export const IDLE_AGENT: AdminStatus = {
  status: 'running',
  version: '1.0.0',
  protocol_version: PROTOCOL_VERSION,
  release: null,
  pid: 2,
  uptime_seconds: 1,
  ports: { main: 1, admin: 2 },
  model: { loaded: false, name: null, memory_gb: null },
  models: [],
  worker: { healthy: true, status: 'idle' },
  workers: [],
  requests: { running: 0, waiting: 0 },
  tokens_per_second: null,
  memory: { total_bytes: 2, used_bytes: 1 },
  config: { machine_type: 'x', total_ram_gb: 1, idle_timeout_seconds: 1, memory_limit_bytes: 1 },
};
