import type { AdminWorker } from '@mlxfleet/protocol';
import { MOST_FAILURES } from '../../workers/worker-transition.ts';
import { workerStatus } from './model-status.ts';
import type { ModelView, WorkerView } from './model-view.ts';

/** A worker with everything that is known of it. Its counters are of its last answer to a ping, of the last few seconds. */
export function workerDetail(view: ModelView): AdminWorker {
  const { life, prefixUse, requests } = view;
  const { worker } = life;
  const { counters, lastCrash } = worker;
  return {
    ...workerStatus(view),
    requests,
    circuit: circuit(worker),
    last_crash: lastCrash && {
      at: lastCrash.at.toISOString(),
      reason: lastCrash.reason,
      log: [...lastCrash.log],
    },
    memory: counters && {
      active_bytes: counters.active_memory_bytes,
      peak_bytes: counters.peak_memory_bytes,
      cache_bytes: counters.cache_memory_bytes,
    },
    memory_limit_bytes: life.memoryLimitBytes,
    prefix_cache: counters && {
      memory_bytes: counters.prefix_cache_bytes,
      disk_bytes: counters.prefix_disk_bytes,
      prompts: prefixUse.prompts,
      hits: prefixUse.hits,
      prompt_tokens: prefixUse.promptTokens,
      cached_tokens: prefixUse.cachedTokens,
    },
    image_cache: counters && {
      image_bytes: counters.image_cache_bytes,
      feature_bytes: counters.feature_cache_bytes,
    },
    speculation: counters && {
      drafted_tokens: counters.drafted_tokens,
      accepted_tokens: counters.accepted_tokens,
      acceptance: counters.drafted_tokens === 0 ? null : counters.accepted_tokens / counters.drafted_tokens,
    },
    steps: counters?.steps ?? null,
    seconds_since_progress: worker.stalledSeconds,
  };
}

function circuit({ state, failures, restSeconds }: WorkerView): AdminWorker['circuit'] {
  const rests = state === 'backoff' || state === 'broken';
  const half = failures >= MOST_FAILURES ? 'half-open' : 'closed';
  return {
    state: state === 'broken' ? 'open' : half,
    failures,
    limit: MOST_FAILURES,
    retry_seconds: rests ? restSeconds : null,
  };
}
