import { readEvents } from './read-events.ts';

/** The data of an SSE text whose events have names; a name that is not the `type` of its data is a fault. */
export function readNamedEvents(text: string): unknown[] {
  return readEvents(text).map((event) => {
    const [, name, json = ''] = /^event: (\S+)\ndata: (.*)$/s.exec(event) ?? [];
    const data: unknown = JSON.parse(json);
    const type: unknown = Object(data).type;
    if (type !== name) throw new Error(`event ${String(name)} holds ${String(type)}`);
    return data;
  });
}
