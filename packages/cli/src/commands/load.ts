import type { HostAction } from '../actions/host-action.ts';
import { AgentClient } from '../agent-client/agent-client.ts';
import { formatBytes, formatSeconds } from '../output/quantities.ts';
import { findAgent } from './agent-access.ts';
import type { CommandContext } from './command-context.ts';
import { onEachHost, reportActions } from './on-each-host.ts';
import { withNamedTargets } from './with-targets.ts';

const OPEN = { acceptNew: false };

/** Runs a request against the agent of each named host. */
async function askAgents(
  context: CommandContext,
  names: readonly string[],
  request: (client: AgentClient) => Promise<HostAction>,
): Promise<number> {
  return withNamedTargets(context, names, OPEN, async (targets) => {
    const results = await onEachHost(targets, async (target) => {
      const { root } = await findAgent(target, context.signal);
      await using client = new AgentClient(target.host, root);
      return await request(client);
    });
    return reportActions(context, results);
  });
}

/** `mlxfleet load`. */
export async function runLoad(
  context: CommandContext,
  model: string,
  names: readonly string[],
  options: { readonly pin?: boolean },
): Promise<number> {
  const pin = options.pin === true;
  return askAgents(context, names, async (client) => {
    const answer = await client.load({ model, pin }, context.signal);
    const memory = answer.model.memory_bytes;
    const size = memory === null ? '' : `, ${formatBytes(memory)}`;
    const pinned = answer.model.pinned ? ', pinned' : '';
    return answer.status === 'already_loaded'
      ? { outcome: 'unchanged', detail: `${model} is loaded already${size}${pinned}` }
      : {
          outcome: 'changed',
          detail: `${model} loaded in ${formatSeconds(answer.load_seconds)}${size}${pinned}`,
        };
  });
}

/** `mlxfleet unload`. */
export async function runUnload(
  context: CommandContext,
  model: string,
  names: readonly string[],
  options: { readonly force?: boolean },
): Promise<number> {
  const force = options.force === true;
  return askAgents(context, names, async (client) => {
    const answer = await client.unload({ model, force }, context.signal);
    return answer.status === 'not_loaded'
      ? { outcome: 'unchanged', detail: `${model} is not loaded` }
      : { outcome: 'changed', detail: `${model} unloaded` };
  });
}
