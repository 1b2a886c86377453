import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  /** What a route says of itself where it is made: the plugins go by this, so that none of them keeps a list of routes. */
  interface FastifyContextConfig {
    /**
     * Whether it makes a model work: it is refused while the agent drains or the machine is short of memory, and counts
     * against the rate limit. Every POST of the main API says so, or says that it does not.
     */
    readonly modelWork?: boolean;
    /** Whether its body may be lists of token ids, of which there are many more than of other values. */
    readonly tokenLists?: boolean;
    /** Whether it is open without an API key, as monitoring needs it. */
    readonly withoutKey?: boolean;
    /** Whether probes ask it all the time: its 503 is an ordinary answer while the agent starts, and no trouble. */
    readonly probe?: boolean;
  }
}

/** Whether the route that the router found makes a model work. The URL as it came may be spelt otherwise. */
export function makesModelWork({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.modelWork === true;
}
