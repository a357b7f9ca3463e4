import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request as send } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "./program";
import { Service } from "./service";

export interface Options {
  /** Instead of `http SERVICE --name shop`: the command line, for which there is a gateway. */
  command?: (world: World) => string[];
  home?: string;
  /** A command that starts the engine, given after it; with the engine's data folder. */
  through?: (home: string) => string[];
  /** The gateway's public name in place of localhost; it has to lead to this computer, where port 80 is free. */
  domain?: string | undefined;
  /** Variables of the engine beside its own. */
  environment?: Record<string, string>;
}

export interface Visit {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Of the mapping, when it is not `shop`. */
  name?: string;
}

export interface Answer {
  status: number;
  body: string;
}

/** A gateway, an engine and a local service, all real, with data folders of their own. */
export class World {
  service!: Service;
  gateway!: Program;
  agent!: Program;
  home!: string;
  gatewayPort = 0;
  /** Where the page is. */
  page = "";
  /** Where everything is that belongs to this world. */
  folder = "";
  private readonly connections = new Agent({ keepAlive: true, maxSockets: 8 });

  private constructor(private readonly options: Options) {
    if (options.domain) this.gatewayPort = 80;
  }

  static async start(options: Options = {}): Promise<World> {
    const world = new World(options);
    try {
      world.folder = await mkdtemp(join(tmpdir(), "porthole-page-"));
      world.home = options.home ?? join(world.folder, "agent");
      world.service = await Service.start();
      await world.startGateway();
      await world.startAgent(options.command);
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  async startGateway(): Promise<void> {
    const { domain } = this.options;
    this.gateway = new Program(
      "porthole-gateway",
      [
        ...["serve", "--listen", `127.0.0.1:${this.gatewayPort}`, "--client-token", TOKEN],
        ...["--public-url", domain ? `https://${domain}` : `http://localhost:${this.gatewayPort}`],
        // Visitors say themselves who they are.
        ...(domain ? ["--trusted-proxies", "127.0.0.1/32", "--tcp-ports", "20000-20009"] : []),
      ],
      { PORTHOLE_HOME: join(this.folder, "gateway") },
    );
    this.gatewayPort = await this.gateway.line("where it listens", (line) => {
      const found = /listening on 127\.0\.0\.1:(\d+)/.exec(line);
      return found && Number(found[1]);
    });
  }

  async startAgent(command?: Options["command"]): Promise<void> {
    const args = command?.(this) ?? ["http", String(this.service.port), "--name", "shop"];
    const environment = { PORTHOLE_HOME: this.home, ...this.options.environment };
    const through = this.options.through?.(this.home);
    this.agent = new Program("porthole", [...args, "--json", ...this.access()], environment, through);
    const told = await this.agent.line(
      "where the page is",
      (line) => /"inspector_url":"([^"]+)"/.exec(line)?.[1],
    );
    this.page = told;
    if (args[0] === "http") await this.agent.event("ready");
  }

  /** How an agent gets in. */
  access(): string[] {
    return [
      "--gateway",
      `http://${this.options.domain ?? `localhost:${this.gatewayPort}`}`,
      "--token",
      TOKEN,
    ];
  }

  /** The host under which visitors reach a mapping. */
  publicHost(name: string): string {
    return `${name}.${this.options.domain ?? `localhost:${this.gatewayPort}`}`;
  }

  /** A visitor's request through the gateway. */
  visit(path: string, options: Visit = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = send(
        {
          host: "127.0.0.1",
          port: this.gatewayPort,
          path,
          agent: this.connections,
          method: options.method ?? (options.body === undefined ? "GET" : "POST"),
          headers: { host: this.publicHost(options.name ?? "shop"), ...options.headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
          );
        },
      );
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error(`no answer to ${path}`)));
      sent.on("error", reject);
      sent.end(options.body);
    });
  }

  /** What programs come with. */
  async key(): Promise<string> {
    return (await readFile(join(this.home, "api-key"), "utf8")).trim();
  }

  /** The engine's API, as a program asks it. */
  async api(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${await this.key()}`, "content-type": "application/json" };
    return fetch(`${this.page}/api/v1${path}`, { ...init, headers });
  }

  async stop(): Promise<void> {
    this.connections.destroy();
    await this.agent?.stop();
    await this.gateway?.stop("SIGKILL");
    this.service?.stop();
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }
}

/** A visitor that has heard nothing for so long never will, in milliseconds. */
const PATIENCE_MS = 20_000;
/** What both sides know: made up, and of no use anywhere else. */
const TOKEN = "only-for-these-tests-0123456789abcdef";
