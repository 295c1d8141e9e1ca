import { Button, NativeSelect } from "@mantine/core";
import { listDevices, type Devices } from "@switchboard/client";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { mayAs } from "../../api/login";
import { get } from "../../api/request";
import type { Agent, List } from "../../api/types";
import { usePath, useSignedIn } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { lengthWords } from "../../words/amounts";
import { endSentence } from "../../words/ends";
import { failureWords } from "../../words/failures";
import { Conversation } from "./Conversation";
import { MicrophoneTest } from "./MicrophoneTest";
import { useTalk, type Talk as TalkState, type TalkSetup } from "./useTalk";
import "./talk.css";

/** How does the agent sound and act: one button, and a talk in the browser. */
export default function Talk() {
  const login = useSignedIn();
  const { talk, start, act, levels } = useTalk();
  const isLive = talk.state === "connecting" || talk.state === "connected";
  useTitle(isLive ? `● ${talk.phase} · Talk` : "Talk");
  const agents = useQuery({ queryKey: ["agents"], queryFn: () => get<List<Agent>>("/api/v1/agents"), staleTime: 60_000 });
  if (!mayAs(login, "staff")) {
    return <Empty title="Talking to the agent needs the role staff. Ask an owner of this business." />;
  }
  return (
    <>
      <div className="page-head">
        <h1>Talk</h1>
      </div>
      {agents.isPending ? <WaitingRows rows={4} what="Agents" /> : null}
      {agents.isError ? <Failure what="The agents could not be read." error={agents.error} retry={() => void agents.refetch()} /> : null}
      {agents.data && !isLive ? (
        agents.data.items.length === 0 ? (
          <Empty title="This business has no agent yet.">
            <p>
              Publish one with <code>switchboard agent import</code>.
            </p>
          </Empty>
        ) : (
          <>
            <After talk={talk} />
            <SetUp agents={agents.data.items} start={start} isAgain={talk.state !== "idle"} />
          </>
        )
      ) : null}
      {isLive || talk.lines.length > 0 ? <Conversation talk={talk} act={act} levels={levels.current} /> : null}
    </>
  );
}

/** How the last talk ended, and where it is kept. */
function After({ talk }: { talk: TalkState }) {
  const path = usePath();
  if (talk.state !== "error" && talk.state !== "disconnected") {
    return null;
  }
  const words = talk.error ? failureWords(talk.error) : null;
  const link = talk.callId && talk.began ? <Link to={path(`calls/${talk.callId}`)}>Open the call</Link> : null;
  return words ? (
    <div className="talk-failure" role="alert">
      <p>
        <b>
          <span aria-hidden="true" className="tone-bad">
            ✕{" "}
          </span>
          {words.title}
        </b>
      </p>
      <p>{words.help}</p>
      {link}
    </div>
  ) : (
    <div className="talk-over" role="status">
      <p>
        <b>■ The talk has ended.</b> {endSentence(talk.reason)}
        {talk.began && talk.ended ? ` It took ${lengthWords(talk.ended - talk.began)}.` : ""}
      </p>
      {link}
    </div>
  );
}

const KEPT = "switchboard-talk";

interface SetUpProps {
  agents: Agent[];
  start: (setup: TalkSetup) => Promise<void>;
  isAgain: boolean;
}

function SetUp({ agents, start, isAgain }: SetUpProps) {
  const [query] = useSearchParams();
  const [devices, setDevices] = useState<Devices>({ microphones: [], speakers: [] });
  const [setup, setSetup] = useState<TalkSetup>(() => {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<TalkSetup>;
    const asked = query.get("agent") ?? kept.agent;
    const agent = agents.find((agent) => agent.name === asked) ?? agents[0]!;
    return { transport: "webrtc", microphoneId: "", speakerId: "", ...kept, agent: agent.name };
  });
  useEffect(() => {
    const read = () => void listDevices().then(setDevices);
    read();
    navigator.mediaDevices?.addEventListener("devicechange", read);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", read);
  }, []);
  const change = (fields: Partial<TalkSetup>) => {
    const next = { ...setup, ...fields };
    setSetup(next);
    localStorage.setItem(KEPT, JSON.stringify(next));
  };
  const agent = agents.find((agent) => agent.name === setup.agent);
  const named = (list: MediaDeviceInfo[]) => [
    { value: "", label: "The system's choice" },
    ...list.filter((device) => device.label !== "").map((device) => ({ value: device.deviceId, label: device.label })),
  ];
  return (
    <section className="card talk-setup" aria-label="Before the talk">
      <div className="talk-fields">
        <NativeSelect
          label="Agent"
          value={setup.agent}
          onChange={(event) => change({ agent: event.currentTarget.value })}
          data={agents.map((agent) => ({ value: agent.name, label: `${agent.display_name ?? agent.name} · v${agent.version}` }))}
        />
        <NativeSelect
          label="Connection"
          value={setup.transport}
          onChange={(event) => change({ transport: event.currentTarget.value as TalkSetup["transport"] })}
          data={[
            { value: "webrtc", label: "WebRTC (best sound)" },
            { value: "websocket", label: "WebSocket (any network)" },
          ]}
        />
        <NativeSelect label="Microphone" value={setup.microphoneId} onChange={(event) => change({ microphoneId: event.currentTarget.value })} data={named(devices.microphones)} />
        <NativeSelect label="Speaker" value={setup.speakerId} onChange={(event) => change({ speakerId: event.currentTarget.value })} data={named(devices.speakers)} />
      </div>
      {agent ? (
        <p className="quiet">
          {agent.greeting_summary ? `Greets with “${agent.greeting_summary}”. ` : ""}
          Model {agent.model}
          {agent.languages.length > 0 ? ` · ${agent.languages.join(", ")}` : ""}
          {agent.tools.length > 0 ? ` · ${agent.tools.length} tools` : ""}
        </p>
      ) : null}
      <div className="bar">
        <Button size="md" onClick={() => void start(setup)}>
          {isAgain ? "Talk again" : "Start talking"}
        </Button>
        <MicrophoneTest microphoneId={setup.microphoneId} />
      </div>
      <p className="quiet small">The talk is a real call: it costs money, is limited by the agent's budget and stands under Calls afterwards.</p>
    </section>
  );
}
