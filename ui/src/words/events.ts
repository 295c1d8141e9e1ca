import type { CallEvent } from "../api/types";

/** The plain fields of an event, for a line. */
export function eventFields({ data }: CallEvent): [string, string][] {
  return Object.entries(data ?? {})
    .filter(([name, value]) => name !== "offset_ms" && value !== null && value !== undefined)
    .map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
}

/** When it happened on the call's clock. */
export function eventOffset({ data }: CallEvent): number | null {
  const offset = data?.offset_ms;
  return typeof offset === "number" ? offset : null;
}
