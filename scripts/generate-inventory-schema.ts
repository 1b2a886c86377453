import { inventoryJsonSchema } from '../packages/protocol/src/index.ts';
import { generateFile } from './lib/generated-file.ts';

const schema = { title: 'mlxfleet inventory', ...inventoryJsonSchema() };

process.exitCode = await generateFile('docs/inventory.schema.json', `${JSON.stringify(schema, null, 2)}\n`);
