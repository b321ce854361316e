import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { reply } from "./control_plane.js";
import { COMPLETED, ID, job, PAIR, plane, post, posted } from "./harness.js";

describe("an abandoned job is cancelled", () => {
  test("after the timeout", async () => {
    process.env.FACESWAP_TIMEOUT_MS = "2000";
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [job("IN_PROGRESS")];
    const answer = await post(PAIR);
    assert.deepEqual([answer.status, answer.code], [504, "DEADLINE_EXCEEDED"]);
    assert.equal(plane.paths().at(-1), `POST /cancel/${ID}`);
    assert.equal(plane.asked[0]?.path.split("?")[1], "wait=1000");
    assert.deepEqual(posted().policy, { executionTimeout: 5_000, ttl: 12_000 });
  });

  test("after the timeout, when RunPod answers too late and the cancelling fails too", async () => {
    process.env.FACESWAP_TIMEOUT_MS = "2000";
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [(response) => void setTimeout(() => reply(response, COMPLETED), 4_000).unref()];
    plane.answers.cancel = [{ status: 500, body: "" }];
    const answer = await post(PAIR);
    assert.deepEqual([answer.status, answer.code], [504, "DEADLINE_EXCEEDED"]);
    assert.equal(plane.paths().at(-1), `POST /cancel/${ID}`);
  });

  test("unless its id never came: then the policy ends it", async () => {
    process.env.FACESWAP_TIMEOUT_MS = "2000";
    plane.answers.runsync = [() => undefined];
    const answer = await post(PAIR);
    assert.deepEqual([answer.status, answer.code], [504, "DEADLINE_EXCEEDED"]);
    assert.deepEqual(plane.paths(), ["POST /runsync"]);
  });

  test("when the caller goes away while it is polled", async () => {
    const caller = new AbortController();
    plane.answers.runsync = [job("IN_QUEUE")];
    plane.answers.status = [(response) => { caller.abort(); reply(response, job("IN_PROGRESS")); }];
    const answer = await post(PAIR, { signal: caller.signal });
    assert.deepEqual([answer.status, answer.code], [499, "CANCELLED"]);
    assert.deepEqual(plane.paths(), ["POST /runsync", `GET /status/${ID}`, `POST /cancel/${ID}`]);
  });

  test("when the caller goes away before the job's id is known", async () => {
    const caller = new AbortController();
    plane.answers.runsync = [(response) => {
      caller.abort();
      setTimeout(() => reply(response, job("IN_QUEUE")), 100);
    }];
    const answer = await post(PAIR, { signal: caller.signal });
    assert.deepEqual([answer.status, answer.code], [499, "CANCELLED"]);
    assert.deepEqual(plane.paths(), ["POST /runsync", `POST /cancel/${ID}`]);
  });

  test("and is not posted for a caller who has hung up already", async () => {
    const answer = await post(PAIR, { signal: AbortSignal.abort() });
    assert.deepEqual([answer.status, answer.code], [499, "CANCELLED"]);
    assert.deepEqual(plane.paths(), []);
  });
});
