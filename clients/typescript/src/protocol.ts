/** Messages of the Realtime protocol and the `switchboard.` ones beside them; fields are read where they are needed. */
export interface ServerEvent {
  type: string;
  [field: string]: unknown;
}

export interface ClientEvent {
  type: string;
  [field: string]: unknown;
}

export function text(event: ServerEvent, field: string): string {
  const value = event[field];
  return typeof value === "string" ? value : "";
}

export function count(event: ServerEvent, field: string): number | null {
  const value = event[field];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function part(event: ServerEvent, field: string): ServerEvent {
  const value = event[field];
  return (typeof value === "object" && value !== null ? value : { type: "" }) as ServerEvent;
}

/** Reads one message; what is no event of the protocol is `null` and is left alone. */
export function parseEvent(message: unknown): ServerEvent | null {
  if (typeof message !== "string") {
    return null;
  }
  try {
    const event: unknown = JSON.parse(message);
    const isEvent = typeof event === "object" && event !== null && typeof (event as ServerEvent).type === "string";
    return isEvent ? (event as ServerEvent) : null;
  } catch {
    return null;
  }
}
