/** The talk as lines, from events: what is being said, what was heard, what was cut off. */
import { count, part, text, type ServerEvent } from "./protocol.js";
import type { Heard } from "./playback-ledger.js";

export type Speaker = "caller" | "agent";

export interface Line {
  /** Id of the item. */
  id: string;
  speaker: Speaker;
  text: string;
  /** It may still change. */
  isInterim: boolean;
  /** How much of `text` was heard, in characters; all of it unless it is still being played or was cut. */
  heardChars: number;
  isCut: boolean;
  /** Milliseconds since the transcript began. */
  at_ms: number;
}

export class Transcript {
  readonly lines: Line[] = [];
  private readonly began: number;
  private readonly now: () => number;
  /** When items began: words of the caller become known only later. */
  private starts = new Map<string, number>();
  /** Items whose audio this client plays itself, and how much of it was played. */
  private progress = new Map<string, { played_ms: number; received_ms: number; isComplete: boolean }>();

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
    this.began = now();
  }

  /** Takes an event; says whether a line changed. */
  handle(event: ServerEvent): boolean {
    const item = text(event, "item_id");
    switch (event.type) {
      case "input_audio_buffer.speech_started":
      case "input_audio_buffer.committed":
        this.starts.set(item, this.starts.get(item) ?? this.elapsed());
        return false;
      case "conversation.item.added":
        return this.onAdded(part(event, "item"));
      case "conversation.item.input_audio_transcription.delta": {
        const line = this.line(item, "caller");
        line.text += text(event, "delta");
        line.heardChars = line.text.length;
        return true;
      }
      case "conversation.item.input_audio_transcription.completed":
        return this.finish(this.line(item, "caller"), text(event, "transcript"));
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta": {
        const line = this.line(item, "agent");
        if (!line.isCut) {
          line.text += text(event, "delta");
          this.place(line);
        }
        return true;
      }
      case "response.output_audio_transcript.done":
        return this.finishAgent(item, text(event, "transcript"));
      case "response.output_audio.done": {
        const progress = this.progress.get(item);
        if (progress) {
          progress.isComplete = true;
        }
        return false;
      }
      case "switchboard.heard":
        return this.onHeard(event, item);
      case "conversation.item.truncated":
        return this.onTruncated(item, count(event, "audio_end_ms") ?? 0);
      default:
        return false;
    }
  }

  /** The player's word about how far it is. */
  onPlayed(heard: Heard[]): boolean {
    let hasChanged = false;
    for (const { item, played_ms, received_ms } of heard) {
      const old = this.progress.get(item);
      this.progress.set(item, { played_ms, received_ms, isComplete: old?.isComplete ?? false });
      const line = this.lines.find((line) => line.id === item);
      hasChanged ||= line !== undefined && this.place(line);
    }
    return hasChanged;
  }

  private onAdded(item: ServerEvent): boolean {
    const content = Array.isArray(item.content) ? (item.content as ServerEvent[]) : [];
    const said = content.map((part) => text(part, "text") || text(part, "transcript")).join(" ");
    const role = text(item, "role");
    if (text(item, "type") !== "message" || (role !== "user" && role !== "assistant")) {
      return false;
    }
    const isKnown = this.lines.some((line) => line.id === text(item, "id"));
    if (role === "user" && said !== "" && !isKnown) {
      this.finish(this.line(text(item, "id"), "caller"), said);
      return true;
    }
    return false;
  }

  private finish(line: Line, final: string): boolean {
    if (final.trim() === "") {
      // Noise that was taken for speech leaves no line.
      this.lines.splice(this.lines.indexOf(line), 1);
      return true;
    }
    line.text = final;
    line.isInterim = false;
    line.heardChars = final.length;
    return true;
  }

  private finishAgent(item: string, final: string): boolean {
    const line = this.line(item, "agent");
    if (!line.isCut) {
      line.text = final || line.text;
      line.isInterim = false;
      this.place(line);
    }
    return true;
  }

  /** The server's word about what was heard, which is the one that is kept. */
  private onHeard(event: ServerEvent, item: string): boolean {
    const line = this.lines.find((line) => line.id === item);
    if (line === undefined) {
      return false;
    }
    const heard = text(event, "text");
    line.isCut = event.interrupted === true && heard.trim().length < line.text.trim().length;
    line.isInterim = false;
    line.heardChars = heardLength(line.text, heard);
    return true;
  }

  private onTruncated(item: string, end_ms: number): boolean {
    const line = this.lines.find((line) => line.id === item);
    if (line === undefined) {
      return false;
    }
    line.isCut = true;
    line.isInterim = false;
    const progress = this.progress.get(item);
    if (progress && progress.received_ms > 0) {
      line.heardChars = share(line.text, end_ms / progress.received_ms);
    }
    return true;
  }

  private line(id: string, speaker: Speaker): Line {
    const known = this.lines.find((line) => line.id === id);
    if (known !== undefined) {
      return known;
    }
    const line: Line = { id, speaker, text: "", isInterim: true, heardChars: 0, isCut: false, at_ms: this.starts.get(id) ?? this.elapsed() };
    const after = this.lines.findLastIndex((other) => other.at_ms <= line.at_ms);
    this.lines.splice(after + 1, 0, line);
    return line;
  }

  private elapsed(): number {
    return Math.round(this.now() - this.began);
  }

  /** How far the player is within the words, by the share of the audio. */
  private place(line: Line): boolean {
    const progress = this.progress.get(line.id);
    const old = line.heardChars;
    if (!line.isCut) {
      if (progress === undefined || progress.received_ms === 0) {
        line.heardChars = progress === undefined ? line.text.length : 0;
      } else {
        line.heardChars = share(line.text, progress.played_ms / progress.received_ms);
      }
    }
    return old !== line.heardChars;
  }
}

/** A share of the words, to the end of a word. */
function share(words: string, part: number): number {
  if (part >= 1) {
    return words.length;
  }
  const at = Math.floor(words.length * Math.max(0, part));
  const end = words.lastIndexOf(" ", at);
  return end < 0 ? 0 : end;
}

/** Where the heard words end in `all`: spaces may differ. */
function heardLength(all: string, heard: string): number {
  const wanted = heard.replace(/\s+/g, "");
  let matched = 0;
  for (let at = 0; at < all.length; at += 1) {
    if (matched === wanted.length) {
      return at;
    }
    if (!/\s/.test(all[at]!)) {
      matched += 1;
    }
  }
  return all.length;
}
