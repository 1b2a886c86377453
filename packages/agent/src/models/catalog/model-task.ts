import { field } from '../../field.ts';

/** What a model is for: to go on with a text, the same with images in it, or to turn a text into a vector. */
export type ModelTask = 'generate' | 'vision' | 'embed';

/** Files of a model's folder that tell its task, parsed; null where they are missing or no JSON. */
export interface TaskFiles {
  /** config.json. */
  readonly config: unknown;
  /** modules.json, the parts of a sentence-transformers model. */
  readonly modules: unknown;
  /** Whether there is 1_Pooling/config.json. */
  readonly hasPooling: boolean;
  /** Whether its weights hold what reads images. Text conversions of such models leave that out, and keep the config.json. */
  readonly hasVisionTower: boolean;
}

/** Values of `model_type` whose models read in both directions: none of them can go on with a text. */
const ENCODERS: ReadonlySet<string> = new Set([
  'albert',
  'bert',
  'camembert',
  'deberta',
  'deberta-v2',
  'distilbert',
  'electra',
  'eurobert',
  'gte',
  'jina_bert',
  'modernbert',
  'mpnet',
  'new',
  'nomic_bert',
  'roberta',
  'xlm-roberta',
  'xlm-roberta-xl',
]);

/**
 * By the sentence-transformers files first: a decoder that was made an embedding model looks like any other in its
 * config.json. Then by the architecture.
 */
export function modelTask({ config, modules, hasPooling, hasVisionTower }: TaskFiles): ModelTask {
  if (hasPooling || isPooled(modules)) return 'embed';
  const type = field(config, 'model_type');
  if (typeof type === 'string' && ENCODERS.has(type.toLowerCase())) return 'embed';
  const architectures = field(config, 'architectures');
  const names = Array.isArray(architectures) ? architectures : [];
  if (names.some((name) => typeof name === 'string' && isEncoder(name))) return 'embed';
  return hasVisionTower ? 'vision' : 'generate';
}

/** Names such as BertModel, XLMRobertaModel, NomicBertModel and ModernBertForMaskedLM. */
function isEncoder(architecture: string): boolean {
  return /(bert|roberta|mpnet|electra)[a-z\d]*(Model|ForMaskedLM)$/i.test(architecture);
}

/** Whether one of the modules makes one vector of those of all tokens. */
function isPooled(modules: unknown): boolean {
  return Array.isArray(modules) && modules.some((part) => String(field(part, 'type')).endsWith('.Pooling'));
}
