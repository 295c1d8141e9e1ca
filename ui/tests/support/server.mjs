// The real server, as `serve --demo` runs it, with a database of its own.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { artifacts, root } from "./places.mjs";

const START_MS_MAX = 60_000;
const program = process.env.SWITCHBOARD_BIN ?? `${root}target/debug/switchboard`;

export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

export class Server {
  constructor(port, folder, settings) {
    this.port = port;
    this.settings = settings;
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.child = null;
  }

  static async start({ hasHistory = true, name = "server", settings = {} } = {}) {
    const folder = `${artifacts}/${name}`;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const server = new Server(await freePort(), folder, settings);
    await server.run(hasHistory ? ["--with-history"] : []);
    return server;
  }

  async run(options = []) {
    const log = openSync(`${this.folder}/server.log`, "a");
    this.child = spawn(program, ["serve", "--demo", ...options], {
      cwd: this.folder,
      stdio: ["ignore", log, log],
      env: { ...process.env, ...this.settings, SWITCHBOARD_HTTP__LISTEN: `127.0.0.1:${this.port}` },
    });
    const until = Date.now() + START_MS_MAX;
    for (;;) {
      const answer = await fetch(`${this.url}/healthz`).catch(() => null);
      if (answer?.ok) {
        return;
      }
      if (Date.now() > until || this.child.exitCode !== null) {
        throw new Error(`the server did not start; see ${this.folder}/server.log`);
      }
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  /** An API key of a business of the demo. */
  newKey(tenant) {
    const said = execFileSync(program, ["key", "create", "--tenant", tenant, "--name", "test", "--json"], { cwd: this.folder });
    return JSON.parse(said).key;
  }

  /** As a crash or a restart without patience: nobody is told. */
  async kill() {
    const child = this.child;
    this.child = null;
    if (child && child.exitCode === null) {
      const gone = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      await gone;
    }
  }
}
