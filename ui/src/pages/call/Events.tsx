import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { get } from "../../api/request";
import type { CallDetail, CallEvent, Part } from "../../api/types";
import { Copy } from "../../parts/Copy";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { eventFields, eventOffset } from "../../words/events";
import type { CallPlayer } from "./usePlayer";

/** Drawn at once; more by a button, so that a call of thousands opens as fast. */
const DRAWN = 200;

/** The numbered log of the call. Technical: nobody's words are in it. */
export function Events({ call, player }: { call: CallDetail; player: CallPlayer }) {
  const events = useQuery({ queryKey: ["events", call.id], queryFn: () => get<Part<CallEvent>>(`/api/v1/calls/${call.id}/events?limit=5000`) });
  const [kind, setKind] = useState("");
  const [drawn, setDrawn] = useState(DRAWN);
  const rows = useMemo(() => (events.data?.items ?? []).filter((event) => event.name.includes(kind.trim().replaceAll(" ", "_"))), [events.data, kind]);
  if (events.isPending) {
    return <WaitingRows rows={10} what="Events" />;
  }
  if (events.isError) {
    return <Failure what="The events could not be read." error={events.error} retry={() => void events.refetch()} />;
  }
  const download = () => {
    const lines = events.data.items.map((event) => JSON.stringify(event)).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines, "\n"], { type: "application/jsonl" }));
    link.download = `call-${call.id}-events.jsonl`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const replay = `switchboard replay ${call.id}`;
  return (
    <section className="stack" aria-label="Events">
      <div className="bar">
        <TextInput aria-label="Kind of event" placeholder="Kind, such as reply" value={kind} onChange={(event) => setKind(event.currentTarget.value)} />
        <Button variant="default" onClick={download}>
          Download as JSON lines
        </Button>
        <Copy value={replay} what="command">
          <code>{replay}</code>
        </Copy>
      </div>
      <div className="table-box">
        <table className="event-table">
          <thead>
            <tr>
              <th scope="col" className="number">
                No.
              </th>
              <th scope="col" className="number">
                At
              </th>
              <th scope="col">Event</th>
              <th scope="col">Fields</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, drawn).map((event) => {
              const offset = eventOffset(event) ?? Date.parse(event.at) - Date.parse(call.offered_at);
              return (
                <tr key={event.seq} id={`event-${event.seq}`}>
                  <td className="number">{event.seq}</td>
                  <td className="number">
                    {player.hasAudio ? (
                      <button type="button" className="seek" onClick={() => player.seek(offset)}>
                        {exactClock(offset)}
                      </button>
                    ) : (
                      exactClock(offset)
                    )}
                  </td>
                  <td>
                    <code>{event.name}</code>
                  </td>
                  <td className="quiet small">
                    {eventFields(event)
                      .map(([name, value]) => `${name} ${value}`)
                      .join(" · ")}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length > drawn ? (
        <Button variant="default" onClick={() => setDrawn(drawn + 1000)}>
          Show more of {rows.length}
        </Button>
      ) : null}
      {rows.length === 0 ? <p className="quiet">No event of this kind among {events.data.items.length}.</p> : null}
    </section>
  );
}

/** `+01:23.456` */
function exactClock(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = ((ms % 60_000) / 1000).toFixed(3).padStart(6, "0");
  return `+${String(minutes).padStart(2, "0")}:${seconds}`;
}
