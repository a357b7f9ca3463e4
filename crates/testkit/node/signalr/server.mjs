// The server half of SignalR's JSON protocol, small: a hub that echoes and ticks.
// /hub offers every transport and holds to it; /no-ws refuses WebSockets, /poll refuses events, too.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const END = '\x1e';
const POLL_MILLISECONDS = 20_000;
const connections = new Map();

/** One client: what it says goes to `receive`, what it is told leaves by `deliver` once it is set. */
class Connection {
  constructor() {
    this.queue = [];
    this.deliver = null;
  }

  send(message) {
    this.queue.push(JSON.stringify(message) + END);
    this.flush();
  }

  flush() {
    if (this.deliver && this.queue.length > 0) this.deliver(this.queue.splice(0).join(''));
  }

  receive(text) {
    for (const part of text.split(END).filter(Boolean)) {
      const message = JSON.parse(part);
      if (message.protocol) {
        this.send({});
      } else if (message.type === 1 && message.target === 'Echo') {
        this.send({ type: 3, invocationId: message.invocationId, result: message.arguments[0] });
      } else if (message.type === 1 && message.target === 'Tick') {
        for (let tick = 0; tick < message.arguments[0]; tick += 1) {
          this.send({ type: 1, target: 'tick', arguments: [tick] });
        }
        this.send({ type: 3, invocationId: message.invocationId, result: null });
      }
    }
  }
}

function negotiate(response) {
  const id = randomUUID();
  connections.set(id, new Connection());
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({
    negotiateVersion: 1,
    connectionId: id,
    connectionToken: id,
    availableTransports: [
      { transport: 'WebSockets', transferFormats: ['Text', 'Binary'] },
      { transport: 'ServerSentEvents', transferFormats: ['Text'] },
      { transport: 'LongPolling', transferFormats: ['Text', 'Binary'] },
    ],
  }));
}

function events(connection, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.write(':\r\n\r\n');
  connection.deliver = (text) => response.write(`data: ${text}\r\n\r\n`);
  connection.flush();
}

function poll(connection, request, response) {
  if (!connection.polled) {
    connection.polled = true;
    response.writeHead(200, { 'content-type': 'text/plain' }).end();
    return;
  }
  const answer = (text) => {
    clearTimeout(timer);
    connection.deliver = null;
    response.writeHead(200, { 'content-type': 'text/plain' }).end(text);
  };
  const timer = setTimeout(() => answer(''), POLL_MILLISECONDS);
  request.on('close', () => clearTimeout(timer));
  connection.deliver = answer;
  connection.flush();
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://service');
  if (url.pathname.endsWith('/negotiate')) return negotiate(response);
  const connection = connections.get(url.searchParams.get('id'));
  if (!connection) return response.writeHead(404).end();
  const wantsEvents = request.headers.accept === 'text/event-stream';
  if (request.method === 'POST') {
    let text = '';
    request.on('data', (data) => { text += data; });
    request.on('end', () => {
      response.end();
      connection.receive(text);
    });
  } else if (request.method === 'DELETE') {
    connections.delete(url.searchParams.get('id'));
    connection.deliver?.('');
    response.writeHead(202).end();
  } else if (wantsEvents && url.pathname !== '/poll') {
    events(connection, response);
  } else if (wantsEvents) {
    response.writeHead(400).end();
  } else {
    poll(connection, request, response);
  }
  return undefined;
});

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://service');
  const connection = connections.get(url.searchParams.get('id'));
  if (url.pathname !== '/hub' || !connection) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    connection.deliver = (text) => client.send(text);
    client.on('message', (data) => connection.receive(data.toString()));
    connection.flush();
  });
});

server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
