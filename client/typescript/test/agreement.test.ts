/** The route and its README say what contract/contract.json says. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const here = new URL("../../", import.meta.url); // the compiled test is in build/test/
const file = new URL("../../contract/contract.json", here);
const skip = existsSync(file) ? false : "contract/contract.json is not beside this folder";

type Fact = { http_status: number; origins: string[] };
type Option = { allowed: string };
type Contract = {
  errors: Record<string, Fact>;
  options: Record<string, Option>;
  environment: Record<string, { default: number; minimum?: number; maximum?: number }>;
  limits: Record<string, number>;
};

const contract = (): Contract => JSON.parse(readFileSync(file, "utf8")) as Contract;
const read = (name: string): string => readFileSync(new URL(name, here), "utf8");
const pairs = (text: string, pattern: RegExp): Map<string, string> =>
  new Map([...text.matchAll(pattern)].map(([, name = "", value = ""]) => [name, value]));

const route = read("route.ts");
const statuses = pairs(/STATUS_BY_CODE = \{([^}]*)\}/.exec(route)?.[1] ?? "", /(\w+): (\d{3})/g);

test("the README's table of codes is the one in the code", () => {
  assert.ok(statuses.size > 30);
  const inReadme = pairs(read("README.md"), /^\| `([A-Z_0-9]+)` \| (\d{3}) \|/gm);
  assert.deepEqual(Object.fromEntries(inReadme), Object.fromEntries(statuses));
});

test("the codes are those that a worker or the route sends, with the contract's statuses", { skip }, () => {
  const sent = Object.entries(contract().errors).filter(([, { origins }]) =>
    origins.some((origin) => ["service", "worker", "route"].includes(origin)));
  assert.deepEqual(
    Object.fromEntries(statuses),
    Object.fromEntries(sent.map(([code, fact]) => [code, String(fact.http_status)])),
  );
});

test("the options are the contract's, with its words for what is allowed", { skip }, () => {
  const found = [...route.matchAll(/^  \["(\w+)", \[.*, ("(?:[^"\\]|\\.)*")\]\],$/gm)]
    .map(([, name = "", allowed = ""]) => [name, JSON.parse(allowed) as string]);
  const expected = Object.entries(contract().options).map(([name, { allowed }]) => [name, allowed]);
  assert.deepEqual(found, expected);
});

test("the limits are the contract's", { skip }, () => {
  const { limits, environment } = contract();
  const [, names = "", values = ""] = /const \[(MAX_SOURCES[^\]]*)\] = \[([^\]]*)\];/.exec(route) ?? [];
  const found = Object.fromEntries(names.split(", ").map((name, at) => [name, Number(values.split(", ")[at])]));
  const { MAX_SOURCES, MAX_FACES, HIGHEST_INDEX, LONGEST_LIST } = limits;
  const MAX_TARGETS = environment["FACESWAP_MAX_TARGETS"]?.default;
  assert.deepEqual(found, { MAX_SOURCES, MAX_TARGETS, MAX_FACES, HIGHEST_INDEX, LONGEST_LIST });
});

test("the route's own variables have the contract's defaults and ranges", { skip }, () => {
  const number = (text = ""): number => Number(text.replaceAll("_", ""));
  const [, timeout] = /FACESWAP_TIMEOUT_MS \|\| ([\d_]+)/.exec(route) ?? [];
  const [, least, most] = /within\(([\d_]+), ([\d_]+)\)\(timeoutMs\)/.exec(route) ?? [];
  const { default: standard, minimum, maximum } = contract().environment["FACESWAP_TIMEOUT_MS"] ?? {};
  assert.deepEqual([number(timeout), number(least), number(most)], [standard, minimum, maximum]);
});
