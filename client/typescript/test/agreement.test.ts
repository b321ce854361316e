/** The route, its README and the Python worker say the same. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const here = new URL("../../", import.meta.url); // the compiled test lies in build/test/
const worker = new URL("../../tools/src/faceswap_tools/runpod/", here);
const skip = existsSync(worker) ? false : "the worker's sources are not beside this folder";

const read = (name: string, folder = here): string => readFileSync(new URL(name, folder), "utf8");
const pairs = (text: string, pattern: RegExp): Map<string, string> =>
  new Map([...text.matchAll(pattern)].map(([, name = "", value = ""]) => [name, value]));

const inCode = pairs(/STATUS_BY_CODE = \{([^}]*)\}/.exec(read("route.ts"))?.[1] ?? "", /(\w+): (\d{3})/g);
const optionsInCode = pairs(/OPTIONS = new Map([^;]*);/.exec(read("route.ts"))?.[1] ?? "", /^  \["(\w+)"/gm);

test("the README's table of codes is the one in the code", () => {
  assert.ok(inCode.size > 30);
  const inReadme = pairs(read("README.md"), /^\| `([A-Z_0-9]+)` \| (\d{3}) \|/gm);
  assert.deepEqual(Object.fromEntries(inReadme), Object.fromEntries(inCode));
});

test("the worker's codes have the statuses its own gateway gives them", { skip }, () => {
  const inWorker = pairs(read("job_errors.py", worker), /^    "([A-Z_0-9]+)": ErrorFact\((\d+)/gm);
  assert.ok(inWorker.size > 25);
  for (const [code, status] of inWorker) {
    if (["BAD_S3_CONFIG", "UPLOAD_FAILED"].includes(code)) continue; // the route never asks for an upload
    // a gateway calls an answer it cannot read 502; for the worker it is a fault inside
    assert.equal(inCode.get(code), code === "BAD_ANSWER" ? "502" : status, code);
  }
});

test("the worker's limits and options are the route's", { skip }, () => {
  const settings = read("settings.py", worker);
  const limits = /MAX_SOURCES, MAX_TARGETS\] = \[(\d+), (\d+)\]/.exec(read("route.ts"));
  assert.equal(limits?.[1], /max_sources: int = Field\(default=(\d+)/.exec(settings)?.[1]);
  assert.equal(limits?.[2], /max_targets: int = Field\(default=(\d+)/.exec(settings)?.[1]);
  const fields = /SWAP_FIELDS = \(([^*]*)\*OPTION_NAMES\)/.exec(read("job_input.py", worker))?.[1] ?? "";
  const known = [...pairs(fields, /"(\w+)"/g).keys()];
  assert.deepEqual(known.sort(), ["allow_reencode", "source", "target", "task"]);
  const options = read("../../../../python_backend/src/faceswap_core/options.py", worker);
  const names = [...pairs(options, /^    ([a-z_]+): (?:Annotated|OutputFormat|OnNoFace|Blend|Label)\b/gm).keys()];
  assert.deepEqual([...optionsInCode.keys()].sort(), [...names, "allow_reencode"].sort());
});
