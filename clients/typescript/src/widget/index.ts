/** A button to talk, on any page, by one tag:
 *
 *  <script src="https://voice.example.com/widget.js" data-agent="medspa" data-token-url="/voice-token" async></script>
 *
 *  `data-token-url` is an address of the page's own server that answers `{"ephemeral_token": "ek_…"}`; see the README. */
import { VoiceError } from "../errors.js";
import { VoiceSession, type Phase } from "../session.js";
import { STYLE } from "./style.js";

const script = document.currentScript as HTMLScriptElement | null;

const PHASES: Record<Phase, string> = {
  connecting: "Connecting",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  tool: "Looking it up",
  "handing off": "Putting you through",
  ended: "Ended",
};

interface WidgetOptions {
  agent: string;
  tokenUrl: string;
  server: string;
  label: string;
  transport: "webrtc" | "websocket";
}

class Widget {
  private readonly options: WidgetOptions;
  private readonly button = element("button", "talk");
  private readonly status = element("p", "status");
  private readonly lines = element("div", "lines");
  private readonly panel = element("div", "panel");
  private readonly mute = element("button", "plain");
  private session: VoiceSession | null = null;

  constructor(options: WidgetOptions) {
    this.options = options;
    const host = document.createElement("switchboard-talk");
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.button.textContent = options.label;
    this.mute.textContent = "Mute";
    this.mute.hidden = true;
    this.status.setAttribute("role", "status");
    this.lines.setAttribute("role", "log");
    this.lines.setAttribute("aria-live", "off");
    this.lines.setAttribute("aria-label", "Transcript");
    this.lines.tabIndex = 0;
    this.panel.hidden = true;
    this.panel.append(this.status, this.lines);
    this.button.onclick = () => void (this.session === null ? this.start() : this.session.disconnect());
    this.mute.onclick = () => this.toggleMute();
    const bar = element("div", "bar");
    bar.append(this.mute, this.button);
    root.append(this.panel, bar);
    document.body.append(host);
  }

  private async start() {
    const { agent, server, transport, label } = this.options;
    const session = new VoiceSession({ agent, server, transport, credential: () => this.token(), worklets: new URL("/worklets.js", server).href });
    this.session = session;
    this.panel.hidden = false;
    this.mute.hidden = false;
    this.button.textContent = "End";
    session.on("phase", (phase) => this.tell(PHASES[phase]));
    session.on("transcript", ({ lines }) => this.show(lines.slice(-6).map(({ speaker, text }) => ({ speaker, text }))));
    session.on("error", (error) => this.tell(error.message));
    session.on("state", ({ state }) => {
      if (state === "disconnected" || state === "error") {
        this.session = null;
        this.button.textContent = label;
        this.mute.hidden = true;
      }
    });
    // The error was told above.
    await session.connect().catch(() => {});
  }

  private async token(): Promise<{ token: string }> {
    const answer = await fetch(this.options.tokenUrl, { method: "POST" }).catch(() => null);
    const body = (await answer?.json().catch(() => null)) as { ephemeral_token?: string; value?: string } | null;
    const token = body?.ephemeral_token ?? body?.value;
    if (!answer?.ok || typeof token !== "string") {
      throw new VoiceError("not_allowed");
    }
    return { token };
  }

  private toggleMute() {
    const { session } = this;
    session?.setMuted(!session.muted);
    this.mute.setAttribute("aria-pressed", String(session?.muted ?? false));
    this.mute.textContent = session?.muted ? "Unmute" : "Mute";
  }

  private tell(words: string) {
    this.status.textContent = words;
  }

  private show(lines: { speaker: string; text: string }[]) {
    const rows = lines.map(({ speaker, text }) => {
      const row = element("p", speaker);
      // Text, never markup: what people say is not ours.
      row.textContent = `${speaker === "caller" ? "You" : "Agent"}: ${text}`;
      return row;
    });
    this.lines.replaceChildren(...rows);
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className: string): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.className = className;
  return made;
}

function begin() {
  const { agent, tokenUrl, label, transport } = script?.dataset ?? {};
  if (script === null || !agent || !tokenUrl) {
    console.error("The talk button needs data-agent and data-token-url on its script tag.");
    return;
  }
  new Widget({
    agent,
    tokenUrl,
    server: new URL(script.src).origin,
    label: label ?? "Talk to us",
    transport: transport === "websocket" ? "websocket" : "webrtc",
  });
}

if (document.body === null) {
  document.addEventListener("DOMContentLoaded", begin);
} else {
  begin();
}
