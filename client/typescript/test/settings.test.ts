import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as route from "../route.js";
import { logged, PAIR, plane, post } from "./harness.js";

describe("settings", () => {
  const cases: [string, string][] = [
    ["RUNPOD_API_KEY", ""], ["RUNPOD_ENDPOINT_ID", ""], ["RUNPOD_ENDPOINT_ID", "../x"],
    ["RUNPOD_BASE_URL", "http://runpod.example"], ["RUNPOD_BASE_URL", "http://localhost.example"],
    ["FACESWAP_TIMEOUT_MS", "soon"], ["FACESWAP_TIMEOUT_MS", "1"],
  ];
  for (const [name, value] of cases) {
    test(`${name}=${JSON.stringify(value)} is said in the log, not to the page`, async () => {
      process.env[name] = value;
      const answer = await post(PAIR);
      assert.deepEqual([answer.status, answer.code, plane.asked.length], [500, "NOT_CONFIGURED", 0]);
      assert.ok(logged.join().includes(name) && !answer.text.includes(name));
    });
  }

  test("only what Next allows a route to export is exported", () => {
    assert.deepEqual(Object.keys(route).sort(), ["POST", "maxDuration"]);
  });

  test("the handler outlives the default timeout", () => assert.ok(route.maxDuration * 1000 > 120_000));
});
