/** What every test file needs: a fresh control plane for each test, samples, and posting as a page does. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock } from "node:test";

import * as route from "../route.js";
import { type Answer, ControlPlane, ENDPOINT, KEY } from "./control_plane.js";

const base64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
export const JPEG = base64("ffd8ffe000104a46494600"); // signatures only: the tests decode no image
export const PNG = base64("89504e470d0a1a0a0000000d49484452");
export const PAIR = { source: JPEG, target: PNG };
const FACE = { index: 0, box: [1, 2, 3, 4], score: 0.9 };
export const SWAP = { image: PNG, format: "png", width: 2, height: 3, faces: [FACE], sources: [FACE] };

export const ID = "sync-1234-e1";
export const job = (status: string, more: object = {}): Answer => ({ body: { id: ID, status, delayTime: 1, ...more } });
export const COMPLETED = job("COMPLETED", { output: { ...SWAP, debug: "inner" }, workerId: "w1" });

export let plane: ControlPlane;
export let logged: string[];

beforeEach(async () => {
  plane = new ControlPlane();
  plane.answers.runsync = [COMPLETED];
  logged = [];
  mock.method(console, "error", (...words: unknown[]) => void logged.push(words.join(" ")));
  for (const name of ["FACESWAP_TIMEOUT_MS", "FACESWAP_ALLOW_URLS"]) delete process.env[name];
  const address = await plane.start();
  Object.assign(process.env, { RUNPOD_API_KEY: KEY, RUNPOD_ENDPOINT_ID: ENDPOINT, RUNPOD_BASE_URL: address });
});

afterEach(async () => {
  mock.restoreAll();
  await plane.stop();
  for (const secret of [KEY, JPEG, PNG, "Traceback"]) assert.ok(!logged.join().includes(secret), "a secret was logged");
});

export type Answered = { status: number; headers: Headers; text: string; body: any; code: string };

export async function post(body: unknown, init: RequestInit = {}): Promise<Answered> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers = { "content-type": "application/json" };
  return send({ headers, body: text, ...init });
}

export async function send(init: RequestInit): Promise<Answered> {
  const response = await route.POST(new Request("http://site/api/face-swap", { method: "POST", ...init }));
  const text = await response.text();
  const body = JSON.parse(text);
  assert.ok(!text.includes(KEY), "the key went to the page");
  return { status: response.status, headers: response.headers, text, body, code: body.error?.code };
}

/** The JSON that was posted to /runsync. */
export const posted = (index = 0): any => JSON.parse(plane.asked[index]?.body ?? "");
