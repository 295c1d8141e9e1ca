import { Button, Switch, TextInput } from "@mantine/core";
import { useEffect, useRef, useState, type FormEvent } from "react";
import type { Line } from "@switchboard/client";
import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/request";
import type { Part, ToolCall } from "../../api/types";
import { useKeys } from "../../frame/keys";
import { useLiveCalls } from "../../frame/LiveCount";
import { clockWords, latencyWords, moneyWords } from "../../words/amounts";
import { PhaseMark } from "../../parts/PhaseMark";
import { Confirm } from "./Confirm";
import { levelWords, Meter } from "../../parts/Meter";
import { TalkDrawer } from "./TalkDrawer";
import type { Talk, TalkTool } from "./useTalk";

interface Acts {
  end: () => void;
  mute: (isMuted: boolean) => void;
  say: (words: string) => void;
  confirm: (agrees: boolean) => void;
  unlockSound: () => Promise<void>;
}

interface ConversationProps {
  talk: Talk;
  act: Acts;
  levels: { caller: number; agent: number };
}

type TextMode = "all" | "heard" | "final";

export function Conversation({ talk, act, levels }: ConversationProps) {
  const isLive = talk.state === "connecting" || talk.state === "connected";
  const [mode, setMode] = useState<TextMode>("all");
  const [isSpoken, setSpoken] = useState(false);
  useKeys([
    { keys: "m", what: talk.isMuted ? "Unmute" : "Mute", run: () => isLive && act.mute(!talk.isMuted) },
    { keys: "e", what: "End the talk", run: () => isLive && act.end() },
  ]);
  return (
    <section className="talk" aria-label="The talk">
      {isLive ? <Controls talk={talk} act={act} levels={levels} /> : null}
      {talk.state === "connecting" && talk.attempt > 0 ? (
        <p className="banner banner-attention" role="alert">
          <span aria-hidden="true">▲</span> The connection was lost. Your call goes on; coming back, try {talk.attempt} of 5.
        </p>
      ) : null}
      {talk.isSoundBlocked ? (
        <p className="banner banner-attention" role="alert">
          The browser blocks sound. <Button onClick={() => void act.unlockSound()}>Hear the agent</Button>
        </p>
      ) : null}
      <Lines talk={talk} mode={mode} isSpoken={isSpoken} />
      {isLive && talk.confirmation ? <Confirm question={talk.confirmation.question || lastWords(talk.lines)} tool={talk.confirmation.tool} answer={act.confirm} /> : null}
      {isLive ? <Composer say={act.say} /> : null}
      <div className="bar talk-options">
        <label>
          Agent's words{" "}
          <select value={mode} onChange={(event) => setMode(event.target.value as TextMode)}>
            <option value="all">all, unheard ones dim</option>
            <option value="heard">heard so far</option>
            <option value="final">finished turns only</option>
          </select>
        </label>
        <Switch label="Screen reader reads finished turns" checked={isSpoken} onChange={(event) => setSpoken(event.currentTarget.checked)} />
      </div>
      <TalkDrawer talk={talk} />
    </section>
  );
}

function lastWords(lines: Line[]): string {
  return lines.findLast((line) => line.speaker === "agent")?.text ?? "";
}

function Controls({ talk, act, levels }: ConversationProps) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const last = talk.latencies.at(-1);
  const live = useLiveCalls().data?.items.find(({ id }) => id === talk.callId);
  return (
    <div className="talk-bar">
      <PhaseMark phase={talk.phase} />
      <Meter levels={levels} side={talk.phase === "speaking" ? "agent" : "caller"} words={talk.phase === "speaking" ? () => "" : levelWords} />
      <span className="talk-figures quiet">
        {talk.began ? <span>live {clockWords(now - talk.began)}</span> : null}
        {talk.budget === null ? null : (
          <span className="tone-attention" role="status">
            ▲ {talk.budget}
          </span>
        )}
        {live ? (
          <span>
            {moneyWords(live.cost_micros, "USD")} of {moneyWords(live.budget_micros, "USD")}
          </span>
        ) : talk.spent_micros === null ? null : (
          <span>{moneyWords(talk.spent_micros, "USD")}</span>
        )}
        {last === undefined ? null : <span title="From your last word to the agent's first sound, measured here">answered in {latencyWords(last)}</span>}
      </span>
      <span className="bar">
        <Button variant="default" aria-pressed={talk.isMuted} onClick={() => act.mute(!talk.isMuted)}>
          {talk.isMuted ? "Unmute" : "Mute"} <kbd aria-hidden="true">m</kbd>
        </Button>
        <Button color="red" data-danger onClick={act.end}>
          End <kbd aria-hidden="true">e</kbd>
        </Button>
      </span>
    </div>
  );
}

/** A line or a tool call, in the order of time. */
type Entry = { at_ms: number; line?: Line; tool?: TalkTool };

/** Scrolled so near to the end counts as following. */
const FOLLOW_PX = 100;

function Lines({ talk, mode, isSpoken }: { talk: Talk; mode: TextMode; isSpoken: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const entries: Entry[] = [...talk.lines.map((line) => ({ at_ms: line.at_ms, line })), ...talk.tools.map((tool) => ({ at_ms: tool.at_ms, tool }))];
  entries.sort((one, other) => one.at_ms - other.at_ms);
  useEffect(() => {
    if (follows.current && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [talk.lines, talk.tools]);
  const scrolled = () => {
    const { scrollHeight = 0, scrollTop = 0, clientHeight = 0 } = box.current ?? {};
    follows.current = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
  };
  const calls = useToolCalls(talk);
  const final = talk.lines.filter((line) => !line.isInterim);
  return (
    <>
      <div className="talk-lines" ref={box} onScroll={scrolled} tabIndex={0} role="region" aria-label="What is being said">
        {entries.length === 0 ? <p className="quiet">{talk.state === "connecting" ? "Connecting…" : "Say something, or wait for the agent."}</p> : null}
        {entries.map((entry) =>
          entry.line ? <Spoken key={entry.line.id} line={entry.line} mode={mode} /> : entry.tool ? <ToolLine key={`tool-${entry.tool.id}`} tool={entry.tool} call={calls.get(entry.tool.id)} isAsked={talk.confirmation?.tool === entry.tool.tool} /> : null,
        )}
      </div>
      {/* Silent unless asked for: a screen reader speaking over the agent is heard by the microphone. */}
      <div className="hidden-text" role="log" aria-label="Finished turns" aria-live={isSpoken ? "polite" : "off"}>
        {final.map((line) => (
          <p key={line.id}>
            {line.speaker}: {line.text.slice(0, line.heardChars)}
          </p>
        ))}
      </div>
    </>
  );
}

function Spoken({ line, mode }: { line: Line; mode: TextMode }) {
  const [isShown, setShown] = useState(false);
  // Sound without words, such as a person of staff who has the call: nothing to read.
  if (line.speaker === "agent" && line.text.trim() === "") {
    return null;
  }
  if (line.speaker === "agent" && mode === "final" && line.isInterim) {
    return null;
  }
  const heard = line.text.slice(0, line.heardChars);
  const unheard = line.text.slice(line.heardChars);
  const words = unheard.trim() === "" ? 0 : unheard.trim().split(/\s+/).length;
  const showsRest = line.speaker === "agent" && words > 0 && mode !== "heard" && (!line.isCut || isShown);
  return (
    <div className="talk-line">
      <span className="talk-at quiet">{clockWords(line.at_ms)}</span>
      <span className={`talk-who tone-${line.speaker}`}>
        <span aria-hidden="true">{line.speaker === "caller" ? "○" : "●"}</span> {line.speaker}
      </span>
      <p className={line.isInterim && line.speaker === "caller" ? "interim" : undefined}>
        <bdi>{line.speaker === "caller" ? line.text : heard}</bdi>
        {showsRest ? (
          <>
            {" "}
            <span className="unheard">
              <span className="hidden-text">not heard: </span>
              {unheard}
            </span>
          </>
        ) : null}
        {line.isCut && words > 0 ? (
          <span className="cut">
            {" "}
            <span aria-hidden="true">✂</span> cut, {words} {words === 1 ? "word" : "words"} not heard{" "}
            <button type="button" className="link-button" aria-expanded={isShown} onClick={() => setShown(!isShown)}>
              {isShown ? "hide" : "show"}
            </button>
          </span>
        ) : null}
      </p>
    </div>
  );
}

/** Between two looks for a tool call that is not written down yet. */
const READ_MS = 1_000;

/** Arguments and results are read from the server when a tool has finished: the caller's own connection never carries them. */
function useToolCalls({ callId, tools }: Talk): Map<number, ToolCall | undefined> {
  const hasRun = ({ status }: TalkTool) => status !== null && status !== "declined";
  const finished = tools.filter(hasRun).length;
  const calls = useQuery({
    queryKey: ["talk-tools", callId, finished],
    queryFn: () => get<Part<ToolCall>>(`/api/v1/calls/${callId}/tool-calls`),
    enabled: callId !== null && finished > 0,
    placeholderData: (old) => old,
    // They are written down beside the call, a moment later.
    refetchInterval: ({ state }) => ((state.data?.items.length ?? 0) < finished ? READ_MS : false),
    retry: 1,
  });
  const rest = [...(calls.data?.items ?? [])];
  return new Map(
    tools.filter(hasRun).map(({ id, tool }) => {
      const at = rest.findIndex((call) => call.tool === tool);
      return [id, at < 0 ? undefined : rest.splice(at, 1)[0]] as const;
    }),
  );
}

function ToolLine({ tool, call, isAsked }: { tool: TalkTool; call: ToolCall | undefined; isAsked: boolean }) {
  const head = (
    <>
      <code>{tool.tool}</code> {tool.status === null ? (isAsked ? "waits for your answer" : "runs") : `→ ${tool.status}${tool.took_ms === null ? "" : ` · ${latencyWords(tool.took_ms)}`}`}
    </>
  );
  return (
    <div className="talk-line">
      <span className="talk-at quiet">{clockWords(tool.at_ms)}</span>
      <span className="talk-who tone-system">
        <span aria-hidden="true">⚙</span> tool
      </span>
      {call === undefined ? (
        <p>{head}</p>
      ) : (
        <details className="talk-tool">
          <summary>{head}</summary>
          <h3>Arguments</h3>
          <pre>{JSON.stringify(call.arguments, null, 1)}</pre>
          <h3>Result</h3>
          <pre>{JSON.stringify(call.result, null, 1)}</pre>
        </details>
      )}
    </div>
  );
}

function Composer({ say }: { say: (words: string) => void }) {
  const [words, setWords] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (words.trim() !== "") {
      say(words.trim());
      setWords("");
    }
  };
  return (
    <form className="bar talk-composer" onSubmit={send}>
      <TextInput aria-label="Type instead of speaking" placeholder="Type instead…" value={words} onChange={(event) => setWords(event.currentTarget.value)} />
      <Button type="submit" variant="default">
        Send
      </Button>
    </form>
  );
}
