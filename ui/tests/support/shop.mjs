// A web site of somebody else's with our button on it: another origin, with a server of its own that holds an API key.
import { createServer } from "node:http";

export class Shop {
  /** `key` is an API key of the business whose agent answers; it never reaches the page. */
  static async open({ port, switchboard, key, agent }) {
    const page = `<!doctype html><title>A shop</title><body><h1>A shop</h1>
      <script src="${switchboard}/widget.js" data-agent="${agent}" data-token-url="/voice-token" data-transport="websocket" async></script>`;
    const server = createServer(async (request, response) => {
      if (request.url === "/voice-token" && request.method === "POST") {
        const token = await fetch(`${switchboard}/api/v1/voice/sessions`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ agent }),
        });
        response.writeHead(token.status, { "content-type": "application/json" }).end(await token.text());
        return;
      }
      response.writeHead(200, { "content-type": "text/html" }).end(page);
    });
    await new Promise((done) => server.listen(port, "127.0.0.1", done));
    return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
  }
}
