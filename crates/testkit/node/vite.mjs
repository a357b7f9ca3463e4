// A Vite dev server as `vite` starts it, on a free port that it prints. Usage: node vite.mjs FOLDER
import { createServer } from 'vite';

const server = await createServer({
  root: process.argv[2],
  configFile: false,
  cacheDir: `${process.argv[2]}/.vite`,
  logLevel: 'info',
  server: { host: '127.0.0.1', port: 0 },
});
await server.listen();
console.log(`listening on ${server.httpServer.address().port}`);
