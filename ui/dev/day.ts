import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { World } from "../e2e/world";
import { ALL_DAY, LAST_MINUTES, type Request } from "./requests";

/** Debian's `faketime`, as the loader finds it on each architecture. */
const FAKETIME = "/usr/$LIB/faketime/libfaketime.so.1";
const SHOP = fileURLToPath(new URL("shop.mjs", import.meta.url));
/** The service that webhooks reach. */
const ORDERS_PORT = 3000;
const SERVICES: [project: string, program: string, port: number][] = [
  ["shop-frontend", "node_modules/vite/bin/vite.js", 5173],
  ["orders-api", "server.js", ORDERS_PORT],
];
const MAPPINGS = [
  { target: "5173", name: "shop" },
  { target: String(ORDERS_PORT), name: "hooks", path: "/hooks" },
  {
    target: String(ORDERS_PORT),
    name: "admin",
    policy: {
      basic_auth: [{ user: "ada", password: "a long one" }],
      allow_ip: ["203.0.113.0/24"],
      deny_ip: [],
    },
  },
  { target: "5432", protocol: "tcp", remote_port: 20000 },
  { target: "8025", name: "mail", enabled: false },
];
/** When the engine starts, in minutes before now. */
const MORNING = 360;
/** Looks at what is being started or written, 100 ms apart. */
const TRIES = 100;

/**
 * A day in a shop: a gateway, an engine, two services and six hours of traffic, all of it real. Only the
 * engine's clock is set back while the earlier hours pass.
 */
export class Day {
  private readonly services: ChildProcess[] = [];

  private constructor(
    private readonly folder: string,
    readonly world: World,
  ) {}

  /** `domain`: see `Options` of the world. `over`: without it, the day has just begun. */
  static async start({ domain, over = true }: { domain?: string; over?: boolean } = {}): Promise<Day> {
    const folder = mkdtempSync(join(tmpdir(), "porthole-day-"));
    setClock(folder, over ? MORNING : 0);
    const world = await World.start({
      command: () => ["up"],
      home: join(folder, "home"),
      domain,
      environment: {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: clock(folder),
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        DONT_FAKE_MONOTONIC: "1",
      },
    });
    // The shop's own services take its place.
    world.service.stop();
    const day = new Day(folder, world);
    try {
      for (const service of SERVICES) day.startService(...service);
      if (!over) return day;
      for (const mapping of MAPPINGS) await day.post("/mappings", { enabled: true, ...mapping });
      for (const name of ["shop", "hooks"]) await day.answers(name);
      await day.pass();
    } catch (error) {
      await day.stop();
      throw error;
    }
    return day;
  }

  /** The developer mends the webhook, so that a replay of it goes well. */
  async mend(): Promise<void> {
    await fetch(`http://127.0.0.1:${ORDERS_PORT}/mended`, { method: "POST" });
  }

  async stop(): Promise<void> {
    for (const service of this.services) service.kill();
    await this.world.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The id of the newest exchange that matches. */
  async newest(filter: string): Promise<number> {
    return until(`an exchange of ${filter}`, async () => {
      const answer = await this.world.api(`/exchanges?limit=1&filter=${encodeURIComponent(filter)}`);
      return (await answer.json()).exchanges[0]?.id;
    });
  }

  /** In a folder of its own, as the list of ports tells projects. */
  private startService(project: string, program: string, port: number): void {
    const cwd = join(this.folder, project);
    mkdirSync(dirname(join(cwd, program)), { recursive: true });
    writeFileSync(join(cwd, "package.json"), JSON.stringify({ name: project, type: "module" }));
    cpSync(SHOP, join(cwd, program));
    this.services.push(spawn(process.execPath, [program, String(port)], { cwd, stdio: "ignore" }));
  }

  private async post(path: string, body: unknown): Promise<void> {
    const answer = await this.world.api(path, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }

  /** Waits until visitors of the mapping are answered by its service. */
  private async answers(name: string): Promise<void> {
    const nothing = { name, method: "GET", path: "/hooks/nothing" };
    await until(`an answer of ${name}`, async () => (await this.send(nothing)) === 404);
  }

  private async pass(): Promise<void> {
    let round = 0;
    for (let minutes = MORNING; minutes > 4; minutes -= minutes > 60 ? 6 : 1) {
      setClock(this.folder, minutes);
      if (minutes === 192) await this.restartGateway();
      // A burst half an hour ago, and ups and downs.
      const rounds =
        minutes > 60
          ? 1
          : Math.round(2.5 + 1.4 * Math.sin(minutes / 4)) + (minutes > 25 && minutes < 32 ? 3 : 0);
      for (let index = 0; index < rounds; index += 1) {
        round += 1;
        const due = ALL_DAY.filter(({ every = 1 }) => round % every === 0);
        await Promise.all(due.map((one) => this.send(one)));
      }
    }
    const last = LAST_MINUTES.length;
    for (const [index, one] of LAST_MINUTES.entries()) {
      setClock(this.folder, (3 * (last - index)) / last);
      await this.send(one);
    }
    setClock(this.folder, 0);
  }

  private async restartGateway(): Promise<void> {
    await this.world.gateway.stop();
    await this.world.startGateway();
    await this.answers("shop");
  }

  /** The status of the answer, or 0 where none came. */
  private async send({ name, method, path, body = "", headers, upgrade }: Request): Promise<number> {
    const from = {
      "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
      accept: "*/*",
      ...headers,
      "x-forwarded-for": name === "hooks" ? "198.51.100.24" : "203.0.113.7",
      "x-forwarded-proto": "https",
    };
    if (upgrade) return this.talk(path, name, from);
    const answer = this.world.visit(path, { name, method, body, headers: { ...from, ...length(body) } });
    return answer.then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** A WebSocket conversation: three questions, each once the answer to the last has come. */
  private talk(path: string, name: string, headers: Record<string, string>): Promise<number> {
    return new Promise((resolve, reject) => {
      const opening = request({
        host: "127.0.0.1",
        port: this.world.gatewayPort,
        path,
        headers: {
          ...headers,
          host: this.world.publicHost(name),
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
      });
      opening.on("response", ({ statusCode }) => reject(new Error(`no WebSocket, but ${statusCode}`)));
      opening.on("error", reject);
      opening.on("upgrade", (_, socket) => {
        const questions = ["stock", "orders", "orders"].map((topic) =>
          JSON.stringify({ type: "watch", topic }),
        );
        socket.on("data", () => {
          const next = questions.shift();
          if (next !== undefined) socket.write(masked(1, Buffer.from(next)));
          else if (!socket.writableEnded) socket.end(masked(8, NORMAL_END));
        });
        socket.on("close", () => resolve(101));
      });
      opening.end();
    });
  }
}

/** 1000, as the payload of a closing frame. */
const NORMAL_END = Buffer.from([3, 232]);

/** What there is once there is something. */
async function until<T>(what: string, look: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`there is not ${what}`);
}

function length(body: string): Record<string, string> {
  return body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

/** A short frame as a browser sends it, under a mask of zeros. */
function masked(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

const clock = (folder: string) => join(folder, "clock");

/** So many minutes before now it is for the engine. */
function setClock(folder: string, minutes: number): void {
  // Whole in one step: the engine reads it all the time.
  writeFileSync(`${clock(folder)}.new`, `-${(minutes * 60).toFixed(0)}s\n`);
  renameSync(`${clock(folder)}.new`, clock(folder));
}
