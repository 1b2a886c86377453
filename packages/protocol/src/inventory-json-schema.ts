import { z } from 'zod';
import { inventorySchema } from './inventory.ts';

/** JSON schema of inventory.yaml, for editors. Durations and defaults are described as a person writes them. */
export function inventoryJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(inventorySchema, { io: 'input', unrepresentable: 'any' });
}
