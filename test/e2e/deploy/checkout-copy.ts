import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkout } from '../../../scripts/lib/paths.ts';

const PARTS = [
  'package.json',
  'packages/cli/package.json',
  'packages/cli/dist',
  'packages/cli/remote',
  'packages/agent/package.json',
  'packages/agent/dist',
  'packages/agent/python/mlxfleet_worker',
  'packages/agent/python/locks',
];

/** What a later version of mlxfleet is to a host: the same files in a tree of their own, one of them changed. */
export class CheckoutCopy {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(folder: string): Promise<CheckoutCopy> {
    for (const part of PARTS) {
      const target = path.join(folder, part);
      await mkdir(path.dirname(target), { recursive: true });
      await cp(path.join(checkout, part), target, { recursive: true });
    }
    return new CheckoutCopy(folder);
  }

  get cliBundle(): string {
    return path.join(this.folder, 'packages/cli/dist/mlxfleet.mjs');
  }

  /** A change without consequences. */
  async changeWorker(remark: string): Promise<this> {
    await appendFile(
      path.join(this.folder, 'packages/agent/python/mlxfleet_worker/__init__.py'),
      `\n# ${remark}\n`,
    );
    return this;
  }

  /** An agent that ends as soon as it is started. */
  async breakAgent(): Promise<this> {
    const bundle = path.join(this.folder, 'packages/agent/dist/agent.mjs');
    await writeFile(bundle, "console.error('this agent cannot start'); process.exit(3);\n");
    return this;
  }
}
