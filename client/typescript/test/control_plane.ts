/** A stand-in for RunPod's API on loopback: answers as a test says and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Asked = { method: string; path: string; headers: IncomingHttpHeaders; body: string };
/** What to answer: a body with its status, or a function that does what it likes with the connection. */
export type Reply = { status?: number; body?: unknown; headers?: Record<string, string> };
export type Answer = Reply | ((response: ServerResponse) => void);

export const KEY = "rpa_a-secret-key";
export const ENDPOINT = "abc123";

export class ControlPlane {
  readonly asked: Asked[] = [];
  /** Answers by first part of the path; used up from the front, the last one stays. */
  answers: Record<"runsync" | "status" | "cancel", Answer[]> = { runsync: [], status: [], cancel: [{ body: {} }] };
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url: path = "", headers } = request;
        this.asked.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
        const verb = path.split("/")[2]?.split("?")[0] ?? "";
        const queue = this.answers[verb as keyof typeof this.answers] ?? [];
        reply(response, (queue.length > 1 ? queue.shift() : queue[0]) ?? { status: 404, body: "nothing here" });
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  paths(): string[] {
    return this.asked.map(({ method, path }) => `${method} ${path.replace(`/${ENDPOINT}`, "").split("?")[0]}`);
  }
}

export function reply(response: ServerResponse, answer: Answer): void {
  if (typeof answer === "function") return answer(response);
  const { status = 200, body, headers = {} } = answer;
  response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
}
