// The real SignalR client against a hub. Usage: node client.mjs http://HOST:PORT PATH
// Prints the transport it ended with and what it got.
import dns from 'node:dns';
import { HttpTransportType, HubConnectionBuilder, LogLevel } from '@microsoft/signalr';

// Public names need no name server here: everything is on this computer.
dns.lookup = (_host, options, done) => {
  const callback = typeof options === 'function' ? options : done;
  if (options?.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const [base, path] = process.argv.slice(2);
const every = HttpTransportType.WebSockets | HttpTransportType.ServerSentEvents | HttpTransportType.LongPolling;
const connection = new HubConnectionBuilder()
  .withUrl(base + path, { transport: every })
  .configureLogging(LogLevel.Warning)
  .build();
const ticks = [];
connection.on('tick', (tick) => { ticks.push(tick); });
await connection.start();
const echo = await connection.invoke('Echo', 'through the tunnel');
const large = await connection.invoke('Echo', 'x'.repeat(100_000));
await connection.invoke('Tick', 50);
const transport = connection.connection.transport.constructor.name;
console.log(JSON.stringify({ transport, echo, large: large.length, ticks: ticks.length, inOrder: ticks.every((tick, at) => tick === at) }));
await connection.stop();
process.exit(0);
