import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";

/** A picture of 10 × 10 pixels. */
export const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC",
  "base64",
);

export const ORDER =
  '{"id":"order_42","big":12345678901234567890,"lines":[{"sku":"A-1","quantity":2}],"paid":true}';

/** Tries to do what a captured page must not: each would show up as a request of the name. */
export const hostilePage = (beacon: string) => `<!doctype html><html><head>
<title>Hostile</title><link rel="stylesheet" href="${beacon}/css"><style>@import "${beacon}/import"; h1 { color: red }</style>
<meta http-equiv="refresh" content="0;url=${beacon}/refresh"><base href="${beacon}/base/">
<script src="${beacon}/script"></script><script>parent.postMessage("ran", "*"); fetch("${beacon}/fetch")</script></head>
<body onload="fetch('${beacon}/onload')"><h1>Hostile</h1><img src="${beacon}/image" onerror="fetch('${beacon}/onerror')">
<iframe src="${beacon}/frame"></iframe><form action="${beacon}/form"><button id="send">Send</button></form>
<svg onload="fetch('${beacon}/svg')"></svg></body></html>`;

/** A local service that answers by path, and says what it was asked. */
export class Service {
  /** Paths, as they came. */
  readonly asked: string[] = [];
  /** What `/changing` answers. */
  version = 1;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => this.answer(request, response));
    this.server.on("upgrade", (request, socket) => upgrade(request, socket));
  }

  static async start(): Promise<Service> {
    const service = new Service();
    await new Promise<void>((resolve) => service.server.listen(0, "127.0.0.1", resolve));
    return service;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(request.url ?? "");
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => this.route(request, response, Buffer.concat(chunks)));
  }

  private route(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const send = (type: string, content: string | Buffer, more: Record<string, string> = {}) =>
      response.writeHead(200, { "content-type": type, ...more }).end(content);
    const path = (request.url ?? "").split("?")[0];
    switch (path) {
      case "/json":
        return void send("application/json", ORDER);
      case "/gzip":
        return void send("application/json", gzipSync(ORDER), { "content-encoding": "gzip" });
      case "/image":
        return void send("image/png", PNG);
      case "/binary":
        return void send("application/octet-stream", Buffer.from([0, 1, 2, 254, 255]));
      case "/large":
        return void send("text/plain", Buffer.alloc(3 * 1024 * 1024, "large "));
      case "/cookies":
        return void send("text/plain", "set", { "set-cookie": "session=abc; Path=/; HttpOnly" });
      case "/changing":
        return void send("application/json", `{"version":${this.version},"same":true}`);
      case "/hostile":
        return void send("text/html", hostilePage(`http://127.0.0.1:${this.port}`));
      case "/trailers":
        response.writeHead(200, { "content-type": "text/plain", trailer: "x-checksum" });
        response.write("whole");
        response.addTrailers({ "x-checksum": "c0ffee" });
        return void response.end();
      case "/broken":
        return void response.writeHead(500, { "content-type": "text/plain" }).end("it broke");
      case "/events":
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const price of [1, 2, 3])
          response.write(`id: ${price}\nevent: price\ndata: {"price":${price}}\n\n`);
        return void response.end();
      default:
        return void send("text/plain", `${request.method} ${body.length} bytes\n`);
    }
  }
}

/** Speaks just enough WebSocket: each text frame comes back, in capitals. */
function upgrade(request: IncomingMessage, socket: Duplex): void {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let held = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    // Frames of a browser: masked, and here never longer than 125 bytes.
    while (held.length >= 6 && held.length >= 6 + ((held[1] ?? 0) & 0x7f)) {
      const [first = 0, second = 0] = held;
      const length = second & 0x7f;
      const mask = held.subarray(2, 6);
      const payload = Buffer.from(
        held.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0)),
      );
      held = held.subarray(6 + length);
      if ((first & 0x0f) === 8) {
        socket.write(Buffer.concat([Buffer.from([0x88, length]), payload]));
        socket.end();
      } else {
        const answer = Buffer.from(payload.toString().toUpperCase());
        socket.write(Buffer.concat([Buffer.from([0x81, answer.length]), answer]));
      }
    }
  });
}
