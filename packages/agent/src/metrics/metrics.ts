import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from '../version.ts';

const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const TOKEN_TIME_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** One model, as its gauges tell of it. */
interface ModelFigures {
  readonly id: string;
  readonly running: number;
  readonly waiting: number;
  readonly loaded: boolean;
  readonly memoryBytes: number | null;
  readonly prefixMemoryBytes: number;
  readonly prefixDiskBytes: number;
  readonly imageCacheBytes: number;
  readonly featureCacheBytes: number;
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
}

/** What gauges ask for when they are read. */
export interface MetricsSource {
  models(): readonly ModelFigures[];
  /** `availableBytes` is null while the system does not say. */
  memory(): Promise<{ readonly availableBytes: number | null; readonly limitBytes: number }>;
  /** 0 normal, 1 warning, 2 critical. */
  pressure(): number;
  /** Whether new requests are refused for want of memory. */
  refusing(): boolean;
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
  const prefixes = new Gauge({
    name: 'mlxfleet_prefix_cache_bytes',
    help: 'Bytes of kept prefixes of prompts, by where they are: memory or disk.',
    labelNames: ['model_name', 'tier'],
    registers,
  });
  const images = gauge('mlxfleet_image_cache_bytes', 'Bytes of kept images, outside of MLX.');
  const features = gauge('mlxfleet_feature_cache_bytes', 'Bytes of what vision towers made of kept images.');
  const drafted = counter('vllm:spec_decode_num_draft_tokens_total', 'Tokens guessed by speculation.');
  const accepted = counter('vllm:spec_decode_num_accepted_tokens_total', 'Guessed tokens that were right.');
  const host = (name: string, help: string) => new Gauge({ name, help, registers });
  const available = host('mlxfleet_memory_available_bytes', 'Bytes that programs can take without swapping.');
  const limit = host('mlxfleet_memory_limit_bytes', 'Bytes that models may use together.');
  const pressure = host(
    'mlxfleet_memory_pressure',
    'Memory of the machine: 0 normal, 1 warning, 2 critical.',
  );
  const refusing = host('mlxfleet_memory_refusing', 'Whether new requests are refused for want of memory.');

  return {
    promptTokens: counter('vllm:prompt_tokens_total', 'Prompt tokens.'),
    generationTokens: counter('vllm:generation_tokens_total', 'Completion tokens.'),
    success: new Counter({
      name: 'vllm:request_success_total',
      help: 'Completions that came to an end, one for each choice, by what ended them.',
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
    endToEnd: seconds(
      'vllm:e2e_request_latency_seconds',
      'From arrival to the end, of requests that generate.',
    ),
    queueTime: seconds('vllm:request_queue_time_seconds', 'Waiting for a turn.'),
    prefillTime: seconds('vllm:request_prefill_time_seconds', 'Reading the prompt.'),
    decodeTime: seconds('vllm:request_decode_time_seconds', 'From the first token to the last.'),
    questionLatency: new Histogram({
      name: 'mlxfleet_question_latency_seconds',
      help: 'From arrival to the answer of a request that generates nothing: embeddings, tokens and their count.',
      labelNames: ['model_name', 'route'],
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    evictions: new Counter({
      name: 'mlxfleet_model_evictions_total',
      help: 'Idle models unloaded to make room for another, or for want of memory.',
      labelNames: ['model_name', 'reason'],
      registers,
    }),
    prefixShrinks: counter(
      'mlxfleet_prefix_cache_shrinks_total',
      'Times that kept prefixes and images were dropped to make room, or for want of memory.',
    ),
    rateLimited: new Counter({
      name: 'mlxfleet_rate_limited_total',
      help: 'Requests refused since their API key had sent too many.',
      registers,
    }),
    workerFailures: counter('mlxfleet_worker_failures_total', 'Workers that died or could not load.'),
    contentType: registry.contentType,
    /** The whole exposition. */
    async read(source: MetricsSource): Promise<string> {
      const perModel = [running, waiting, loaded, memory, prefixes, images, features, drafted, accepted];
      for (const each of perModel) each.reset();
      for (const model of source.models()) {
        const labels = { model_name: model.id };
        running.set(labels, model.running);
        waiting.set(labels, model.waiting);
        loaded.set(labels, model.loaded ? 1 : 0);
        memory.set(labels, model.memoryBytes ?? 0);
        prefixes.set({ ...labels, tier: 'memory' }, model.prefixMemoryBytes);
        prefixes.set({ ...labels, tier: 'disk' }, model.prefixDiskBytes);
        images.set(labels, model.imageCacheBytes);
        features.set(labels, model.featureCacheBytes);
        // Counted by the worker: they begin anew with it, as counters of a restarted program do.
        drafted.inc(labels, model.draftedTokens);
        accepted.inc(labels, model.acceptedTokens);
      }
      const { availableBytes, limitBytes } = await source.memory();
      available.set(availableBytes ?? Number.NaN);
      limit.set(limitBytes);
      pressure.set(source.pressure());
      refusing.set(source.refusing() ? 1 : 0);
      return await registry.metrics();
    },
  };
}
