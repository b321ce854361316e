/**
 * Next.js App Router handler: swaps faces on a RunPod queue endpoint. Copy to `app/api/face-swap/route.ts`.
 *
 * A page sends JSON {source, target, ...options} and gets {image, format, width, height, faces, sources}; for a list of
 * targets {results: [one of those or {error}, ...]}; else {error: {code, message}} with a status of `STATUS_BY_CODE`.
 * Only checked fields travel on, so a page cannot set a webhook, a policy or a bucket. A job is posted at most once.
 * Next refuses exports other than handlers and settings, so everything else here stays private.
 */
import { setTimeout as sleep } from "node:timers/promises";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";
export const maxDuration = 150; // seconds the platform lets the handler run; keep it above FACESWAP_TIMEOUT_MS

/** The one table from error codes to HTTP statuses. 499: the caller went away, so nobody reads it. */
const STATUS_BY_CODE = {
  BAD_INPUT: 400, BAD_BASE64: 400, EMPTY_IMAGE: 400, NOT_AN_IMAGE: 400, TRUNCATED_IMAGE: 400, CORRUPT_IMAGE: 400,
  BAD_DIMENSIONS: 400, ANIMATED_IMAGE: 400, UNKNOWN_OPTION: 400, INVALID_OPTION: 400, WRONG_PICTURE_COUNT: 400,
  SOURCE_COUNT_MISMATCH: 400, INVALID_IDENTITY: 400, DOWNLOAD_REFUSED: 400, TOO_MANY_BYTES: 413, TOO_MANY_PIXELS: 413,
  BODY_TOO_LARGE: 413, CONTENT_REFUSED: 403, UNSUPPORTED_FORMAT: 415, UNSUPPORTED_MEDIA_TYPE: 415,
  NO_FACE_IN_SOURCE: 422, NO_FACE_IN_TARGET: 422, FACE_INDEX_OUT_OF_RANGE: 422, DOWNLOAD_FAILED: 422,
  OUTPUT_TOO_LARGE: 422, CANCELLED: 499, INTERNAL: 500, INVALID_TENSOR: 500, NOT_CONFIGURED: 500, BAD_ANSWER: 502,
  CONNECTION_FAILED: 502, ENDPOINT_REFUSED: 502, JOB_LOST: 502, NO_OUTPUT: 502, PLATFORM_ERROR: 502,
  WORKER_FAILED: 502, SERVER_BUSY: 503, SERVER_UNAVAILABLE: 503, SIGNING_FAILED: 503, DEADLINE_EXCEEDED: 504,
  TIMED_OUT: 504,
} as const;
type ErrorCode = keyof typeof STATUS_BY_CODE;
type JsonObject = { [key: string]: Json };
type Json = string | number | boolean | null | Json[] | JsonObject;
type Failure = { error: { code: ErrorCode; message: string } };
type Swap = { image: string; format: string; width: number; height: number; faces: Json[]; sources: Json[] };
type Result = Swap | { results: (Swap | Failure)[] };
type Job = { id: string; status: string; output: Json; error: Json };
type Settings = { endpoint: string; key: string; timeoutMs: number; allowUrls: boolean };

const [MAX_SOURCES, MAX_TARGETS] = [8, 16]; // the worker's limits
const MAX_IMAGE_BYTES = 10 * 2 ** 20; // of one image; the worker takes 25 MiB, RunPod about 15 MB in one request
const MAX_PAYLOAD = 20_000_000; // bytes of JSON; RunPod's limit on /runsync is 20 MB each way
const MAX_ANSWER = 32_000_000; // bytes; more than RunPod lets through, so only something else is cut off
const LONGEST_WAIT_MS = 5_000; // /runsync holds its answer this long; until then there is no id to cancel by
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [250, 2_000]; // between status requests, growing by half each time
const STATUS_FAILURES = 4; // status requests in a row that may fail before the job is given up
const REQUEST_MS = 10_000; // for one status or cancel request
const WRITTEN = ["jpeg", "png", "webp"]; // formats of results
const PENDING = ["IN_QUEUE", "IN_PROGRESS", "RUNNING"];
const PASSING = ["SERVER_BUSY", "CONNECTION_FAILED", "PLATFORM_ERROR", "BAD_ANSWER"]; // worth another status request
const SETTLED = ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"];

const log = (line: string): void => console.error(`face-swap route: ${line}`);
const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const SIGNATURES: [string, RegExp][] = [
  ["jpeg", /^\xff\xd8\xff/], ["png", /^\x89PNG\r\n\x1a\n/], ["webp", /^RIFF[^]{4}WEBP/],
  ["tiff", /^(II[*+]\0|MM\0[*+])/], ["bmp", /^BM/], ["gif", /^GIF8[79]a/],
];

class Problem extends Error {
  constructor(readonly code: ErrorCode, message: string, readonly retryAfter = "5") {
    super(message);
  }
  readonly failure = (): Failure => ({ error: { code: this.code, message: this.message } });
}

export async function POST(request: Request): Promise<Response> {
  const headers = new Headers({ "cache-control": "no-store" });
  try {
    const settings = readSettings();
    const payload = buildPayload(await readBody(request), settings);
    return Response.json(await runJob(settings, payload, request.signal), { headers });
  } catch (error) {
    if (!(error instanceof Problem)) log(`unexpected ${error instanceof Error ? error.name : typeof error}`);
    const problem = error instanceof Problem ? error : new Problem("INTERNAL", "the route failed");
    if (problem.code === "SERVER_BUSY") headers.set("retry-after", problem.retryAfter);
    return Response.json(problem.failure(), { status: STATUS_BY_CODE[problem.code], headers });
  }
}

/** Read for each request, on the server only: the key never reaches a page. */
function readSettings(): Settings {
  const { RUNPOD_API_KEY: key, RUNPOD_ENDPOINT_ID: id = "", RUNPOD_BASE_URL, FACESWAP_ALLOW_URLS } = process.env;
  const base = RUNPOD_BASE_URL || "https://api.runpod.ai/v2";
  const safeBase = /^(https:\/\/\S+|http:\/\/(127\.0\.0\.1|localhost)(:\d+)?(\/\S*)?)$/; // the key travels there
  const timeoutMs = Number(process.env.FACESWAP_TIMEOUT_MS || 120_000);
  const wrong = [
    key ? "" : "RUNPOD_API_KEY is missing",
    /^[A-Za-z0-9-]{1,64}$/.test(id) ? "" : "RUNPOD_ENDPOINT_ID is missing or malformed",
    safeBase.test(base) ? "" : "RUNPOD_BASE_URL must be https",
    within(2_000, 290_000)(timeoutMs) ? "" : "FACESWAP_TIMEOUT_MS must be a whole number from 2000 to 290000",
  ].filter(Boolean);
  if (key && wrong.length === 0) {
    return { endpoint: `${base.replace(/\/+$/, "")}/${id}`, key, timeoutMs, allowUrls: FACESWAP_ALLOW_URLS === "1" };
  }
  log(wrong.join(", "));
  throw new Problem("NOT_CONFIGURED", "face swapping is not configured on this site");
}

async function readBody(request: Request): Promise<JsonObject> {
  // a page of another site cannot send this type without a CORS preflight, which this route does not answer
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") throw new Problem("UNSUPPORTED_MEDIA_TYPE", "send application/json");
  const body = await readJson(request.body, MAX_PAYLOAD);
  if (isObject(body)) return body;
  throw new Problem("BAD_INPUT", "the body must be a JSON object");
}

/** The text to post: job input rebuilt from checked fields, and how long anybody waits for it. */
function buildPayload(body: JsonObject, { timeoutMs, allowUrls }: Settings): string {
  const { source = null, target = null, ...options } = body;
  const images = (value: Json, name: string, most: number): string | string[] => {
    if (!Array.isArray(value)) return image(value, name, allowUrls);
    if (within(1, most)(value.length)) return value.map((one, at) => image(one, `${name}[${at}]`, allowUrls));
    throw new Problem("WRONG_PICTURE_COUNT", `${name}: 1 to ${most} images, got ${value.length}`);
  };
  const checked = { source: images(source, "source", MAX_SOURCES), target: images(target, "target", MAX_TARGETS) };
  const input = { ...checked, ...checkedOptions(options) };
  // should cancelling fail, the worker and the queue (ttl) stop by themselves; the least RunPod takes are 5 s and 10 s
  const policy = { executionTimeout: Math.max(5_000, timeoutMs), ttl: timeoutMs + 10_000 };
  const payload = JSON.stringify({ input, policy });
  if (payload.length <= MAX_PAYLOAD) return payload; // characters are bytes: all of it is ASCII by now
  throw new Problem("BODY_TOO_LARGE", `the job is ${payload.length} bytes of JSON, the limit is ${MAX_PAYLOAD}`);
}

/** An image as bare base64, or the https address it was given as. */
function image(value: Json, name: string, allowUrls: boolean): string {
  if (typeof value !== "string") throw new Problem("BAD_INPUT", `${name} must be base64, a data URL or an https URL`);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) {
    const url = allowUrls && URL.canParse(value) ? new URL(value) : undefined;
    if (url?.protocol === "https:" && !url.username && !url.password && url.href.length <= 4096) return url.href;
    throw new Problem("DOWNLOAD_REFUSED", `${name}: ${allowUrls ? "not https, or too long" : "URLs are not accepted"}`);
  }
  const header = /^data:[\w.+\/-]*(;[\w.+-]+=[^;,]*)*;base64,/i.exec(value.slice(0, 1000))?.[0] ?? "";
  const text = value.slice(header.length).replace(/[ \t\r\n]+/g, "");
  if (!text) throw new Problem("EMPTY_IMAGE", `${name} is empty`);
  const digits = text.endsWith("==") ? text.slice(0, -2) : text.endsWith("=") ? text.slice(0, -1) : text;
  // looks for what must not be there: matching millions of characters that may be there overflows the regexp's stack
  const sound = text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(digits);
  if (!sound) throw new Problem("BAD_BASE64", `${name} is not standard base64`);
  const size = Math.floor((digits.length * 3) / 4);
  if (size > MAX_IMAGE_BYTES) throw new Problem("TOO_MANY_BYTES", `${name}: ${size} bytes, limit ${MAX_IMAGE_BYTES}`);
  if (formatOf(text) === undefined) throw new Problem("NOT_AN_IMAGE", `${name}: not JPEG, PNG, WebP, TIFF, BMP or GIF`);
  return text;
}

/** Format by the first bytes, as the worker recognises it; what a data URL claims does not count. */
function formatOf(base64: string): string | undefined {
  const head = Buffer.from(base64.slice(0, 24), "base64").toString("latin1");
  return SIGNATURES.find(([, signature]) => signature.test(head))?.[0];
}

type Check = (value: Json) => boolean;
const within = (low: number, high: number): Check => (value) =>
  typeof value === "number" && Number.isInteger(value) && value >= low && value <= high;
const oneOf = (...words: string[]): Check => (value) => typeof value === "string" && words.includes(value);
const index = within(0, 4095);
const indexes: Check = (value) => {
  const texts = typeof value === "string" && value.length <= 512 ? value.split(",") : [];
  const numbers = texts.map((text) => (/^ *\d{1,4} *$/.test(text) ? Number(text) : -1));
  const list = Array.isArray(value) ? value : typeof value === "number" ? [value] : numbers;
  return within(1, 64)(list.length) && list.every(index) && new Set(list).size === list.length;
};
/** The service's options: the check, and the words for what is allowed. */
const OPTIONS = new Map<string, [Check, string]>([
  ["source_face", [(value) => value === "largest" || index(value), "'largest' or an index from 0"]],
  ["target_faces", [(value) => value === "all" || indexes(value), "'all', or indexes such as '0,2', each once"]],
  ["max_faces", [within(1, 64), "a whole number from 1 to 64"]],
  ["min_face_size", [within(0, 65535), "pixels from 0 to 65535"]],
  ["detection_threshold", [(value) => typeof value === "number" && value >= 0.05 && value <= 1, "from 0.05 to 1"]],
  ["max_side", [within(64, 65535), "a whole number from 64 to 65535"]],
  ["output_format", [oneOf("same", ...WRITTEN), "'same', 'jpeg', 'png' or 'webp'"]],
  ["output_quality", [within(1, 100), "a whole number from 1 to 100"]],
  ["on_no_face", [oneOf("error", "passthrough"), "'error' or 'passthrough'"]],
  ["blend", [oneOf("fast", "exact"), "'fast' or 'exact'"]],
  ["label", [oneOf("off", "top-left", "top-right", "bottom-left", "bottom-right"), "'off', or a corner such as 'top-right'"]],
  ["label_size", [(value) => typeof value === "number" && value >= 0.01 && value <= 0.25, "from 0.01 to 0.25"]],
  ["allow_reencode", [(value) => typeof value === "boolean", "true or false"]],
]);

function checkedOptions(options: JsonObject): JsonObject {
  const shown = (value: Json): string => JSON.stringify(value).slice(0, 80);
  for (const [name, value] of Object.entries(options)) {
    const option = OPTIONS.get(name);
    if (!option) throw new Problem("UNKNOWN_OPTION", `no field ${shown(name)}; known: ${[...OPTIONS.keys()].join()}`);
    if (!option[0](value)) throw new Problem("INVALID_OPTION", `${name}=${shown(value)} is not allowed: ${option[1]}`);
  }
  return options;
}

/** Posts the job once, polls it, and cancels it when nobody waits for it any more. */
async function runJob(settings: Settings, payload: string, caller: AbortSignal): Promise<Result> {
  const deadline = AbortSignal.timeout(settings.timeoutMs);
  const either = AbortSignal.any([deadline, caller]);
  const gaveUp = (): Problem => caller.aborted
    ? new Problem("CANCELLED", "the caller went away")
    : new Problem("DEADLINE_EXCEEDED", "no result within the time allowed");
  if (caller.aborted) throw gaveUp();
  const wait = Math.max(1_000, Math.min(LONGEST_WAIT_MS, settings.timeoutMs - 2_000));
  // `caller` does not stop this one: a job can only be cancelled by its id, and only this answer holds it
  const first = await call(settings, "POST", `/runsync?wait=${wait}`, deadline, payload).catch((error: unknown) => {
    throw deadline.aborted ? gaveUp() : error;
  });
  if (SETTLED.includes(first.status)) return resultOf(first);
  const last = await settledJob(settings, first.id, either).catch(async (error: unknown) => {
    await call(settings, "POST", `/cancel/${first.id}`, AbortSignal.timeout(REQUEST_MS)).catch(() => undefined);
    throw either.aborted ? gaveUp() : error;
  });
  return resultOf(last);
}

async function settledJob(settings: Settings, id: string, signal: AbortSignal): Promise<Job> {
  let failures = 0;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    await sleep(pause, undefined, { signal });
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]);
      const job = await call(settings, "GET", `/status/${id}`, limited);
      if (SETTLED.includes(job.status)) return job;
      failures = 0;
    } catch (error) {
      // asking again costs nothing, unlike posting again
      const passing = error instanceof Problem && PASSING.includes(error.code);
      if (signal.aborted || !passing || ++failures >= STATUS_FAILURES) throw error;
    }
  }
}

async function call(to: Settings, method: string, path: string, signal: AbortSignal, body?: string): Promise<Job> {
  const headers = { authorization: `Bearer ${to.key}`, "content-type": "application/json" };
  const request: RequestInit = { method, headers, body: body ?? null, signal, cache: "no-store", redirect: "error" };
  let response: Response;
  let job: Json | undefined;
  try {
    response = await fetch(to.endpoint + path, request);
    job = await readJson(response.body, MAX_ANSWER);
  } catch {
    throw new Problem("CONNECTION_FAILED", "RunPod cannot be reached, or the connection broke");
  }
  if (!response.ok) throw refusal(response, method);
  if (isObject(job) && typeof job.id === "string" && /^[A-Za-z0-9_-]{1,128}$/.test(job.id)) {
    const { id, status, output = null, error = null } = job;
    if (typeof status === "string" && [...PENDING, ...SETTLED].includes(status)) return { id, status, output, error };
  }
  throw new Problem("BAD_ANSWER", "RunPod's answer cannot be read"); // a gateway's HTML page, for one
}

function refusal({ status, headers }: Response, method: string): Problem {
  log(`RunPod answered ${method} with ${status}`);
  const after = /^\d{1,5}$/.exec(headers.get("retry-after") ?? "")?.[0];
  if (status === 429 || status === 503) return new Problem("SERVER_BUSY", "too many requests, try again later", after);
  if (status === 413) return new Problem("BODY_TOO_LARGE", "RunPod takes no request of this size");
  if (status === 404 && method === "GET") return new Problem("JOB_LOST", "RunPod no longer has the job or its result");
  return new Problem(status < 500 ? "ENDPOINT_REFUSED" : "PLATFORM_ERROR", `RunPod answered HTTP ${status}`);
}

function resultOf({ id, status, output, error }: Job): Result {
  if (status === "CANCELLED") throw new Problem("CANCELLED", "the job was cancelled");
  if (status === "TIMED_OUT") throw new Problem("TIMED_OUT", "the job ran out of its time on the platform");
  const result = isObject(output) ? output : {};
  const failed = status === "FAILED" || error !== null || result.error !== undefined;
  if (failed) throw workerProblem(error ?? result.error ?? "", id);
  const each = (one: Json): Swap | Failure =>
    isObject(one) && one.error !== undefined ? workerProblem(one.error, id).failure() : swapOf(one);
  if (Array.isArray(result.results)) return { results: result.results.map(each) };
  if (Object.keys(result).length > 0) return swapOf(result);
  // this is how RunPod answers when the result was too large for it
  throw new Problem("NO_OUTPUT", "the job completed without a result; ask for jpeg, a lower quality or fewer targets");
}

/** The worker's "CODE: text". Anything else may be a traceback with paths: neither page nor log gets it. */
function workerProblem(error: Json, id: string): Problem {
  const [, code = "", text = ""] = /^([A-Z][A-Z0-9_]+): ([^]+)$/.exec(typeof error === "string" ? error : "") ?? [];
  log(`job ${id} failed: ${code || "no code"}`);
  if (!Object.hasOwn(STATUS_BY_CODE, code)) return new Problem("WORKER_FAILED", `see job ${id} in the worker's log`);
  return new Problem(code as ErrorCode, text.replace(/[\s\p{Cc}]+/gu, " ").slice(0, 500));
}

function swapOf(value: Json): Swap {
  const { image, format, width, height, faces, sources } = isObject(value) ? value : {};
  const named = typeof format === "string" && WRITTEN.includes(format);
  const encoded = typeof image === "string" && formatOf(image) === format; // what it is called is what it is
  const sized = typeof width === "number" && typeof height === "number";
  const listed = Array.isArray(faces) && Array.isArray(sources);
  if (named && encoded && sized && listed) return { image, format, width, height, faces, sources };
  throw new Problem("BAD_ANSWER", "the worker's answer is not a swapped image");
}

/** What the stream holds, or undefined where that is not JSON; raises BODY_TOO_LARGE as soon as `limit` is passed. */
async function readJson(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Json | undefined> {
  const chunks: Uint8Array[] = [];
  const reader = stream?.getReader();
  for (let size = 0, part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    chunks.push(part.value);
    size += part.value.byteLength;
    if (size <= limit) continue;
    await reader?.cancel();
    throw new Problem("BODY_TOO_LARGE", `a body of more than ${limit} bytes`);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Json;
  } catch {
    return undefined;
  }
}
