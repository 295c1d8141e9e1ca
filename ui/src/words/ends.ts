/** Why a call ended, as a sentence, and whose doing it was. */
import type { EndClass } from "../api/types";

const REASONS: Record<string, string> = {
  agent_said_goodbye: "The agent said goodbye.",
  agent_ended: "The agent ended the call.",
  ended_by_control: "It was ended on request, by a program or by staff.",
  message_left: "A machine answered and has the message.",
  machine_answered: "A machine answered.",
  fax_answered: "A fax answered.",
  unknown_answered: "It could not be told who answered.",
  drained: "The server was stopped and had waited as long as it may.",
  leg_lost: "The line broke.",
  leg_protocol_error: "The other side spoke another protocol.",
  stream_never_opened: "The carrier never opened the sound.",
  caller_hung_up: "The caller hung up.",
  hung_up: "The caller hung up.",
  voicemail_left: "The caller left a voicemail.",
  transferred: "The caller was put through to a person.",
  dtmf_0: "The caller pressed 0 for a person.",
  handshake_timeout: "The agent was not ready in time, so the caller was put through to a person.",
  model_failed: "The model failed, so the caller was put through to a person.",
  model_refused: "The model refused the call.",
  concurrency_limit: "All permitted calls were in use.",
  streaming_off: "Streaming is switched off.",
  bridge_only: "Bridge-only was on: the call went straight to a person.",
  silence: "The caller was silent for too long.",
  length: "The call reached its longest duration.",
  budget: "The call's budget was spent.",
  tool_failed: "A tool failed three times.",
  asked: "The caller asked for a person.",
  emergency: "The caller spoke of an emergency.",
  process_lost: "The server died during the call.",
  database_lost: "The database was lost during the call.",
};

export function endSentence(reason: string | null | undefined): string {
  if (!reason) {
    return "";
  }
  return REASONS[reason] ?? `${plain(reason)}.`;
}

/** The same for a table: without the full stop. */
export function reasonWords(reason: string): string {
  return endSentence(reason).replace(/\.$/, "");
}

/** `caller_hung_up` as `Caller hung up`. */
export function plain(word: string): string {
  const words = word.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

interface ClassWords {
  sign: string;
  words: string;
  tone: string;
}

export const END_CLASSES: Record<EndClass, ClassWords> = {
  success: { sign: "✓", words: "success", tone: "tone-good" },
  caller: { sign: "○", words: "caller", tone: "tone-caller" },
  us: { sign: "✕", words: "us", tone: "tone-bad" },
  upstream: { sign: "⚡", words: "upstream", tone: "tone-upstream" },
  unknown: { sign: "?", words: "unknown", tone: "tone-quiet" },
};

export const CHANNELS: Record<string, string> = {
  twilio: "phone",
  phone: "phone",
  telephone: "phone",
  sip: "phone",
  realtime: "web voice",
  websocket: "web voice",
  web: "web voice",
  web_voice: "web voice",
  webrtc: "web voice",
};

export function channelWords(channel: string): string {
  return CHANNELS[channel] ?? plain(channel).toLowerCase();
}
