import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type Answer, ENDPOINT, KEY } from "./control_plane.js";
import { COMPLETED, ID, JPEG, job, logged, PAIR, plane, PNG, post, posted, SWAP } from "./harness.js";

const completed = (output: unknown): Answer => job("COMPLETED", { output });
const failed = (error: unknown): Answer => job("FAILED", { error });

describe("a job that works", () => {
  test("posts the checked fields only, and gives back the result only", async () => {
    const data = `data:image/jpeg;base64,${JPEG}`;
    const answer = await post({ source: data, target: PNG, target_faces: "0, 2", output_format: "png", max_faces: 3 });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, SWAP);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    const [asked] = plane.asked;
    assert.equal(asked?.path, `/${ENDPOINT}/runsync?wait=5000`);
    assert.equal(asked?.headers.authorization, `Bearer ${KEY}`);
    assert.deepEqual(posted(), {
      input: { source: JPEG, target: PNG, target_faces: "0, 2", output_format: "png", max_faces: 3 },
      policy: { executionTimeout: 120_000, ttl: 130_000 },
    });
    assert.deepEqual(logged, []);
  });

  test("several targets give several results, those that failed among them", async () => {
    const smaller = { ...SWAP, image: JPEG, format: "jpeg" };
    const inside = { error: "NO_FACE_IN_TARGET: target[1]: no face" };
    const leak = { error: "Traceback /src/x.py" };
    plane.answers.runsync = [completed({ results: [SWAP, inside, smaller, leak] })];
    const answer = await post({ source: [JPEG, PNG], target: [PNG, JPEG, PNG, PNG], allow_reencode: true });
    const [first, second, third, fourth] = answer.body.results;
    assert.deepEqual([first, third], [SWAP, smaller]);
    assert.deepEqual(second, { error: { code: "NO_FACE_IN_TARGET", message: "target[1]: no face" } });
    assert.equal(fourth.error.code, "WORKER_FAILED");
    assert.ok(!answer.text.includes("/src/"));
    assert.deepEqual(posted().input, {
      source: [JPEG, PNG], target: [PNG, JPEG, PNG, PNG], allow_reencode: true,
    });
  });

  test("base64 may have line breaks, a data URL parameters, indexes may be a list", async () => {
    const broken = `data:image/jpeg;name=a.jpg;base64,${JPEG.slice(0, 8)}\r\n${JPEG.slice(8)}\n`;
    assert.equal((await post({ source: broken, target: PNG, target_faces: [2, 0] })).status, 200);
    assert.deepEqual(posted().input, { source: JPEG, target: PNG, target_faces: [2, 0] });
  });

  test("is polled when /runsync comes back early", async () => {
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [job("IN_QUEUE"), job("IN_PROGRESS"), COMPLETED];
    assert.deepEqual((await post(PAIR)).body, SWAP);
    const poll = `GET /status/${ID}`;
    assert.deepEqual(plane.paths(), ["POST /runsync", poll, poll, poll]);
  });

  test("survives a status request that fails", async () => {
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [{ status: 429, body: "slow down" }, { body: "<html>502</html>" }, COMPLETED];
    assert.deepEqual((await post(PAIR)).body, SWAP);
    assert.equal(plane.asked.length, 4);
  });

  test("survives any number of failures that are not in a row", async () => {
    const bad: Answer = { status: 500, body: "" };
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [bad, bad, bad, job("IN_PROGRESS"), bad, COMPLETED];
    assert.deepEqual((await post(PAIR)).body, SWAP);
    assert.equal(plane.asked.length, 7);
  });
});

describe("a job that fails", () => {
  const cases: [string, Answer, number, string][] = [
    ["no face", failed("NO_FACE_IN_TARGET: no face was found"), 422, "NO_FACE_IN_TARGET"],
    ["a full server", failed("SERVER_BUSY: the queue is full"), 503, "SERVER_BUSY"],
    ["a traceback", failed(JSON.stringify({ error_traceback: "Traceback /src/x.py" })), 502, "WORKER_FAILED"],
    ["an unknown code", failed("SECRET_PLAN: /src/x.py"), 502, "WORKER_FAILED"],
    ["a code that is a property of objects", failed("CONSTRUCTOR: x"), 502, "WORKER_FAILED"],
    ["no reason", job("FAILED"), 502, "WORKER_FAILED"],
    ["an error inside an output", completed({ error: "NO_FACE_IN_SOURCE: none" }), 422, "NO_FACE_IN_SOURCE"],
    ["an error beside COMPLETED", job("COMPLETED", { error: "NO_FACE_IN_SOURCE: none" }), 422, "NO_FACE_IN_SOURCE"],
    ["no output", job("COMPLETED"), 502, "NO_OUTPUT"],
    ["a null output", completed(null), 502, "NO_OUTPUT"],
    ["an empty output", completed({}), 502, "NO_OUTPUT"],
    ["an output that is text", completed("done"), 502, "NO_OUTPUT"],
    ["an image without its size", completed({ ...SWAP, width: null }), 502, "BAD_ANSWER"],
    ["a result that is no swap", completed({ results: [null] }), 502, "BAD_ANSWER"],
    ["an image of another format", completed({ ...SWAP, format: "jpeg" }), 502, "BAD_ANSWER"],
    ["an image of no format", completed({ ...SWAP, image: "aaaa", format: undefined }), 502, "BAD_ANSWER"],
    ["faces that are no list", completed({ ...SWAP, faces: "two" }), 502, "BAD_ANSWER"],
    ["time out on the platform", job("TIMED_OUT"), 504, "TIMED_OUT"],
    ["cancelled on the platform", job("CANCELLED"), 499, "CANCELLED"],
    ["an unknown status", job("PONDERING"), 502, "BAD_ANSWER"],
    ["an id that would leave the path", { body: { id: "../../purge", status: "IN_QUEUE" } }, 502, "BAD_ANSWER"],
    ["a gateway's page", { status: 502, body: "<html>Bad gateway</html>" }, 502, "PLATFORM_ERROR"],
    ["a page where JSON belongs", { body: "<html>hello</html>" }, 502, "BAD_ANSWER"],
    ["a key that is refused", { status: 401, body: "" }, 502, "ENDPOINT_REFUSED"],
    ["an endpoint that is not there", { status: 404, body: "" }, 502, "ENDPOINT_REFUSED"],
    ["a size RunPod refuses", { status: 413, body: "" }, 413, "BODY_TOO_LARGE"],
    ["a broken connection", (response) => void response.socket?.destroy(), 502, "CONNECTION_FAILED"],
    ["a redirect", { status: 307, body: "", headers: { location: "/elsewhere" } }, 502, "CONNECTION_FAILED"],
  ];
  for (const [name, given, status, code] of cases) {
    test(`${name}: ${code}, and never posted twice`, async () => {
      plane.answers.runsync = [given];
      const answer = await post(PAIR);
      assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
      assert.ok(!/html|src|Traceback/.test(answer.text), "an upstream text went to the page");
      assert.deepEqual(plane.paths(), ["POST /runsync"]);
    });
  }

  test("the worker's sentence is kept, on one line and no longer than a message", async () => {
    plane.answers.runsync = [failed(`NO_FACE_IN_SOURCE: source[0]:\n\u0007no face ${"x".repeat(900)}`)];
    const { message } = (await post(PAIR)).body.error;
    assert.ok(message.startsWith("source[0]: no face xxx"), message);
    assert.equal(message.length, 500);
  });

  test("429 becomes 503 with the time to wait", async () => {
    plane.answers.runsync = [{ status: 429, body: "", headers: { "retry-after": "17" } }];
    const answer = await post(PAIR);
    assert.deepEqual([answer.status, answer.code, answer.headers.get("retry-after")], [503, "SERVER_BUSY", "17"]);
  });

  test("a result that was deleted ends the polling", async () => {
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [{ status: 404, body: "" }];
    const answer = await post(PAIR);
    assert.deepEqual([answer.status, answer.code], [502, "JOB_LOST"]);
    assert.deepEqual(plane.paths(), ["POST /runsync", `GET /status/${ID}`, `POST /cancel/${ID}`]);
  });

  test("a job whose status stays unreadable is given up and cancelled", async () => {
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [{ status: 500, body: "" }];
    const answer = await post(PAIR);
    assert.deepEqual([answer.status, answer.code], [502, "PLATFORM_ERROR"]);
    assert.equal(plane.paths().at(-1), `POST /cancel/${ID}`);
    assert.equal(plane.asked.length, 6);
  });
});
