import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { CallDetail, Latency, Part, Turn } from "../../api/types";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { TurnText } from "../../parts/TurnText";
import { WaitingRows } from "../../parts/Waiting";
import { clockWords, latencyWords } from "../../words/amounts";
import { StageBar } from "./StageBar";
import type { CallPlayer } from "./usePlayer";

interface ConversationProps {
  call: CallDetail;
  turns: UseQueryResult<Part<Turn>>;
  latencies: Latency[];
  player: CallPlayer;
  openLatency: () => void;
}

/** What was heard, in step with the recording. */
export function Conversation({ call, turns, latencies, player, openLatency }: ConversationProps) {
  const [follows, setFollows] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const rows = turns.data?.items ?? [];
  const current = player.isPlaying || player.at_ms > 0 ? rows.findLast((turn) => (turn.offset_ms ?? Number.POSITIVE_INFINITY) <= player.at_ms)?.seq : undefined;
  useEffect(() => {
    if (follows && player.isPlaying && current !== undefined) {
      box.current?.querySelector(`#turn-${current}`)?.scrollIntoView({ block: "nearest" });
    }
  }, [current, follows, player.isPlaying]);
  if (turns.isPending) {
    return <WaitingRows rows={8} what="Words" />;
  }
  if (turns.isError) {
    return <Failure what="The words could not be read." error={turns.error} retry={() => void turns.refetch()} />;
  }
  if (rows.length === 0) {
    return <Empty title={noWords(call)} />;
  }
  return (
    <div ref={box} className="conversation" onWheel={() => setFollows(false)} onTouchMove={() => setFollows(false)}>
      {follows || !player.isPlaying ? null : (
        <Button variant="default" className="follow" onClick={() => setFollows(true)}>
          Follow
        </Button>
      )}
      {rows.map((turn) => {
        const latency = latencies.find((latency) => latency.turn === turn.seq);
        return (
          <div key={turn.seq} id={`turn-${turn.seq}`} className="conversation-turn" aria-current={turn.seq === current || undefined}>
            <TurnText
              turn={turn}
              before={<At turn={turn} player={player} />}
              after={
                latency ? (
                  <button type="button" className="turn-latency" onClick={openLatency}>
                    <StageBar stages={latency.stages} /> {latencyWords(latency.heard_ms ?? latency.response_ms)}
                    <span className="hidden-text">{latency.heard_ms === null ? " to the first sound sent" : " to the first sound heard"}, open Latency</span>
                  </button>
                ) : null
              }
            />
          </div>
        );
      })}
    </div>
  );
}

function At({ turn, player }: { turn: Turn; player: CallPlayer }) {
  if (turn.offset_ms === undefined) {
    return <span />;
  }
  const words = clockWords(turn.offset_ms);
  return player.hasAudio ? (
    <button type="button" className="seek" onClick={() => player.seek(turn.offset_ms!)} aria-label={`Play from ${words}`}>
      {words}
    </button>
  ) : (
    <span className="quiet seek-time">{words}</span>
  );
}

function noWords(call: CallDetail): string {
  const answer = (call.consent ?? []).find((consent) => /transcri|words/.test(consent.purpose))?.answer;
  if (call.status !== "ended") {
    return "Nothing that may be kept was said yet.";
  }
  return answer !== undefined && /refus|denied|withdraw/.test(answer) ? "The caller refused that words are kept." : "No words of this call were kept.";
}
