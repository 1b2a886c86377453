import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from '../version.ts';

const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const TOKEN_TIME_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** What gauges ask for when they are read. */
export interface MetricsSource {
  models(): readonly {
    readonly id: string;
    readonly running: number;
    readonly waiting: number;
    readonly loaded: boolean;
    readonly memoryBytes: number | null;
  }[];
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Prometheus metrics, named as vLLM names them where it has them, so that its dashboards work here. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ['model_name'] as const;
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  const seconds = (name: string, help: string, buckets = LATENCY_BUCKETS) =>
    new Histogram({ name, help, labelNames, buckets, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });

  new Gauge({
    name: 'mlxfleet_build_info',
    help: 'Version of the agent.',
    labelNames: ['version'],
    registers,
  }).set({ version: VERSION }, 1);
  const running = gauge('vllm:num_requests_running', 'Requests that are being generated.');
  const waiting = gauge('vllm:num_requests_waiting', 'Requests that wait for a turn or for the model.');
  const loaded = gauge('mlxfleet_model_loaded', 'Whether the model is loaded.');
  const memory = gauge('mlxfleet_model_memory_bytes', 'Bytes that MLX holds for the model.');

  return {
    promptTokens: counter('vllm:prompt_tokens_total', 'Prompt tokens.'),
    generationTokens: counter('vllm:generation_tokens_total', 'Completion tokens.'),
    success: new Counter({
      name: 'vllm:request_success_total',
      help: 'Completions that ended by themselves.',
      labelNames: ['model_name', 'finished_reason'],
      registers,
    }),
    failures: new Counter({
      name: 'mlxfleet_request_failures_total',
      help: 'Requests that ended in an error, by its code.',
      labelNames: ['model_name', 'code'],
      registers,
    }),
    cancelled: counter('mlxfleet_requests_cancelled_total', 'Requests whose client went away.'),
    timeToFirstToken: seconds('vllm:time_to_first_token_seconds', 'From arrival to the first token.'),
    timePerOutputToken: seconds(
      'vllm:request_time_per_output_token_seconds',
      'Decode time divided by the tokens after the first.',
      TOKEN_TIME_BUCKETS,
    ),
    endToEnd: seconds('vllm:e2e_request_latency_seconds', 'From arrival to the end.'),
    queueTime: seconds('vllm:request_queue_time_seconds', 'Waiting for a turn.'),
    prefillTime: seconds('vllm:request_prefill_time_seconds', 'Reading the prompt.'),
    decodeTime: seconds('vllm:request_decode_time_seconds', 'From the first token to the last.'),
    workerFailures: counter('mlxfleet_worker_failures_total', 'Workers that died or could not load.'),
    contentType: registry.contentType,
    /** The whole exposition. */
    async read(source: MetricsSource): Promise<string> {
      for (const each of [running, waiting, loaded, memory]) each.reset();
      for (const model of source.models()) {
        const labels = { model_name: model.id };
        running.set(labels, model.running);
        waiting.set(labels, model.waiting);
        loaded.set(labels, model.loaded ? 1 : 0);
        memory.set(labels, model.memoryBytes ?? 0);
      }
      return await registry.metrics();
    },
  };
}
