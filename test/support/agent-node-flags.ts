/** What an agent's Node is started with on a host; a test compares them with the supervisor. */
export const agentNodeFlags: readonly string[] = ['--max-semi-space-size=4'];
