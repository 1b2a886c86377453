import { z } from 'zod';
import { type HostFacts, parseFacts } from '../facts/facts.ts';

const observationSchema = z.discriminatedUnion('fact', [
  z.object({ fact: z.literal('clock'), seconds: z.number().nullable() }),
  z.object({ fact: z.literal('root'), nearest: z.string(), writable: z.boolean() }),
  z.object({ fact: z.literal('port'), port: z.number(), listening: z.boolean() }),
  z.object({
    fact: z.literal('sleep'),
    /** Until it sleeps by itself; 0 for never. */
    minutes: z.number().nullable(),
    /** 1 when sleep is switched off altogether. */
    disabled: z.number().nullable(),
  }),
  /** Path of g++; only Linux hosts tell. */
  z.object({ fact: z.literal('compiler'), path: z.string().nullable() }),
  z.object({ fact: z.literal('wheels'), folder: z.string(), present: z.boolean() }),
]);
type Observation = z.infer<typeof observationSchema>;
type ObservationOf<Kind extends Observation['fact']> = Extract<Observation, { fact: Kind }>;

/** What doctor's script saw on a host; null where the host has no such thing. */
export interface HostObservations {
  readonly facts: HostFacts;
  readonly clock: ObservationOf<'clock'> | null;
  readonly root: ObservationOf<'root'> | null;
  readonly ports: readonly ObservationOf<'port'>[];
  readonly sleep: ObservationOf<'sleep'> | null;
  readonly compiler: ObservationOf<'compiler'> | null;
  readonly wheels: ObservationOf<'wheels'> | null;
}

export function parseObservations(messages: readonly unknown[]): HostObservations {
  const seen = messages.flatMap((message) => {
    const parsed = observationSchema.safeParse(message);
    return parsed.success ? [parsed.data] : [];
  });
  const all = <Kind extends Observation['fact']>(kind: Kind): ObservationOf<Kind>[] =>
    seen.filter((observation): observation is ObservationOf<Kind> => observation.fact === kind);
  return {
    facts: parseFacts(messages),
    clock: all('clock')[0] ?? null,
    root: all('root')[0] ?? null,
    ports: all('port'),
    sleep: all('sleep')[0] ?? null,
    compiler: all('compiler')[0] ?? null,
    wheels: all('wheels')[0] ?? null,
  };
}
