import { stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { MediaSettings } from '@mlxfleet/protocol';
import { estimateMemory, type MemoryEstimate } from '../../memory/memory-estimate.ts';
import type { ModelLocation } from '../catalog/catalog.ts';
import { readModelConfig } from '../catalog/model-files.ts';
import { weightBytes } from '../catalog/weight-files.ts';
import type { ModelSettings } from '../model-settings.ts';
import { modelShape } from './model-shape.ts';
import { visionShape } from './vision-shape.ts';

/** Elsewhere MLX computes on the processor. */
const HAS_METAL = process.platform === 'darwin';
/** Images that a worker reads side by side on a processor, a core each: MOST_LANES of vision/image_encoder.py. */
const MOST_LANES = 4;

/** What a model is thought to take, from its files and its settings; `media` are those of vision models on this host. */
export async function modelNeeds(
  location: ModelLocation,
  settings: ModelSettings,
  draft: ModelLocation | null,
  media: MediaSettings,
): Promise<MemoryEstimate> {
  const [weights, adapter, draftWeights, config, draftConfig] = await Promise.all([
    weightBytes(location.path),
    location.adapterPath === null ? 0 : fileBytes(path.join(location.adapterPath, 'adapters.safetensors')),
    draft === null ? 0 : weightBytes(draft.path),
    readModelConfig(location.path),
    draft === null ? null : readModelConfig(draft.path),
  ]);
  return estimateMemory({
    weightBytes: weights + adapter + draftWeights,
    shape: modelShape(config),
    draftShape: draft === null ? null : modelShape(draftConfig),
    contextLength: settings.contextLength,
    maxBatchSize: settings.maxBatchSize,
    kvBits: settings.kvBits,
    prefixBytes: settings.prefixMemoryBytes ?? 0,
    task: location.task,
    vision:
      location.task === 'vision'
        ? {
            shape: visionShape(config),
            maxSide: media.max_side,
            hasFusedAttention: HAS_METAL,
            lanes: HAS_METAL ? 1 : Math.min(os.cpus().length, MOST_LANES),
            featureCacheBytes: media.feature_cache_bytes,
          }
        : null,
  });
}

async function fileBytes(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0;
}
