import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/request";
import type { CallDetail, Part, ToolCall } from "../../api/types";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { clockWords, latencyWords } from "../../words/amounts";
import { plain } from "../../words/ends";
import type { CallPlayer } from "./usePlayer";

/** What the agent's hands did: arguments, result, status, time. */
export function Tools({ call, player }: { call: CallDetail; player: CallPlayer }) {
  const tools = useQuery({ queryKey: ["tool-calls", call.id], queryFn: () => get<Part<ToolCall>>(`/api/v1/calls/${call.id}/tool-calls`) });
  if (tools.isPending) {
    return <WaitingRows rows={3} what="Tool calls" />;
  }
  if (tools.isError) {
    return <Failure what="The tool calls could not be read." error={tools.error} retry={() => void tools.refetch()} />;
  }
  if (tools.data.items.length === 0) {
    return <Empty title="The agent used no tool in this call." />;
  }
  return (
    <ol className="tool-list">
      {tools.data.items.map((tool) => {
        const at = Date.parse(tool.started_at) - Date.parse(call.offered_at);
        return (
          <li key={tool.seq} className="card">
            <div className="bar">
              <button type="button" className="seek" disabled={!player.hasAudio} onClick={() => player.seek(at)}>
                {clockWords(at)}
              </button>
              <b>
                <code>{tool.tool}</code>
              </b>
              <span className={tool.status === "succeeded" ? "tone-good" : "tone-attention"}>
                {tool.status === "succeeded" ? "✓" : "▲"} {plain(tool.status).toLowerCase()}
              </span>
              <span className="quiet">
                {tool.duration_ms === null ? "no end yet" : latencyWords(tool.duration_ms)} · {tool.server}
              </span>
            </div>
            <details>
              <summary>Arguments and result</summary>
              <Json title="Arguments" value={tool.arguments} />
              <Json title="Result" value={tool.result} />
            </details>
          </li>
        );
      })}
    </ol>
  );
}

export function Json({ title, value }: { title: string; value: unknown }) {
  return (
    <>
      <h3 className="small">{title}</h3>
      <pre className="json" tabIndex={0}>
        {value === null || value === undefined ? "none" : JSON.stringify(value, null, 2)}
      </pre>
    </>
  );
}
