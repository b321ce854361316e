import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { JPEG, PAIR, plane, PNG, post, posted, send } from "./harness.js";

const PAGE = Buffer.from("<html></html>").toString("base64");

async function refuses(body: unknown, status: number, code: string): Promise<void> {
  const answer = await post(body);
  assert.deepEqual([answer.status, answer.code], [status, code], answer.text.slice(0, 300));
  assert.deepEqual(plane.paths(), [], "something was uploaded");
}

describe("refused before anything is uploaded", () => {
  const cases: [string, unknown, number, string][] = [
    ["no JSON", "{", 400, "BAD_INPUT"],
    ["a list", [PAIR], 400, "BAD_INPUT"],
    ["a webhook", { ...PAIR, webhook: "https://example.org" }, 400, "UNKNOWN_OPTION"],
    ["a policy", { ...PAIR, policy: { executionTimeout: 1 } }, 400, "UNKNOWN_OPTION"],
    ["a property every object has", { ...PAIR, constructor: 1 }, 400, "UNKNOWN_OPTION"],
    ["no source", { target: PNG }, 400, "BAD_INPUT"],
    ["no target", { source: JPEG }, 400, "BAD_INPUT"],
    ["another task", { ...PAIR, task: "faces" }, 400, "UNKNOWN_OPTION"],
    ["a list of no targets", { source: JPEG, target: [] }, 400, "WRONG_PICTURE_COUNT"],
    ["seventeen targets", { source: JPEG, target: Array(17).fill(PNG) }, 400, "WRONG_PICTURE_COUNT"],
    ["nine sources", { source: Array(9).fill(JPEG), target: PNG }, 400, "WRONG_PICTURE_COUNT"],
    ["a number for an image", { source: 1, target: PNG }, 400, "BAD_INPUT"],
    ["an empty image", { source: "", target: PNG }, 400, "EMPTY_IMAGE"],
    ["an empty data URL", { source: "data:image/png;base64,", target: PNG }, 400, "EMPTY_IMAGE"],
    ["text", { source: "hello world!", target: PNG }, 400, "BAD_BASE64"],
    ["base64 of the wrong length", { source: `${JPEG}A`, target: PNG }, 400, "BAD_BASE64"],
    ["padding in the middle", { source: `${JPEG.slice(0, 4)}=${JPEG.slice(5)}`, target: PNG }, 400, "BAD_BASE64"],
    ["a page called an image", { ...PAIR, source: `data:image/png;base64,${PAGE}` }, 415, "NOT_AN_IMAGE"],
    ["a large image", { ...PAIR, source: JPEG.slice(0, 12) + "A".repeat(14_000_000) }, 413, "TOO_MANY_BYTES"],
    ["too much in all", " ".repeat(20_000_001), 413, "BODY_TOO_LARGE"],
    ["a URL", { source: "https://example.org/a.jpg", target: PNG }, 400, "DOWNLOAD_REFUSED"],
    ["source_face -1", { ...PAIR, source_face: -1 }, 400, "INVALID_OPTION"],
    ["target_faces twice the same", { ...PAIR, target_faces: "0,1,0" }, 400, "INVALID_OPTION"],
    ["target_faces empty", { ...PAIR, target_faces: "" }, 400, "INVALID_OPTION"],
    ["target_faces fraction", { ...PAIR, target_faces: 0.5 }, 400, "INVALID_OPTION"],
    ["max_faces 65", { ...PAIR, max_faces: 65 }, 400, "INVALID_OPTION"],
    ["max_faces true", { ...PAIR, max_faces: true }, 400, "INVALID_OPTION"],
    ["min_face_size 65536", { ...PAIR, min_face_size: 65536 }, 400, "INVALID_OPTION"],
    ["detection_threshold 0.04", { ...PAIR, detection_threshold: 0.04 }, 400, "INVALID_OPTION"],
    ["detection_threshold null", { ...PAIR, detection_threshold: null }, 400, "INVALID_OPTION"],
    ["output_format gif", { ...PAIR, output_format: "gif" }, 400, "INVALID_OPTION"],
    ["output_quality 101", { ...PAIR, output_quality: 101 }, 400, "INVALID_OPTION"],
    ["label middle", { ...PAIR, label: "middle" }, 400, "INVALID_OPTION"],
    ["label_size 0.3", { ...PAIR, label_size: 0.3 }, 400, "INVALID_OPTION"],
    ["on_no_face maybe", { ...PAIR, on_no_face: "maybe" }, 400, "INVALID_OPTION"],
    ["blend soft", { ...PAIR, blend: "soft" }, 400, "INVALID_OPTION"],
  ];
  for (const [name, body, status, code] of cases) {
    test(`${name}: ${code}`, () => refuses(body, status, code));
  }

  test("another content type", async () => {
    const answer = await post(PAIR, { headers: { "content-type": "text/plain" } });
    assert.deepEqual([answer.status, answer.code, plane.asked.length], [415, "UNSUPPORTED_MEDIA_TYPE", 0]);
  });

  test("a body without an end is not read to the end", async () => {
    let sent = 0;
    let stopped = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => { sent += 2 ** 20; controller.enqueue(new Uint8Array(2 ** 20)); },
      cancel: () => { stopped = true; },
    });
    const init = { headers: { "content-type": "application/json" }, body, duplex: "half" };
    const answer = await send(init as RequestInit);
    assert.deepEqual([answer.status, answer.code, stopped], [413, "BODY_TOO_LARGE", true]);
    assert.ok(sent < 25 * 2 ** 20, `${sent} bytes were taken`);
  });

  test("every limit of an option is itself allowed", async () => {
    const least = {
      source_face: 0, target_faces: 0, max_faces: 1, min_face_size: 0, detection_threshold: 0.05, output_quality: 1,
      max_side: 64,
    };
    const most = {
      source_face: "largest", target_faces: "all", max_faces: 64, min_face_size: 65535, detection_threshold: 1,
      max_side: 65535, output_quality: 100, output_format: "webp", on_no_face: "passthrough", blend: "exact",
      label: "top-right", label_size: 0.25,
    };
    for (const options of [least, most]) assert.equal((await post({ ...PAIR, ...options })).status, 200);
    assert.deepEqual(posted(1).input, { source: JPEG, target: PNG, ...most });
  });

  test("URLs pass when they are allowed, https only", async () => {
    process.env.FACESWAP_ALLOW_URLS = "1";
    const url = "https://example.org/a.jpg?x=1";
    assert.equal((await post({ source: url, target: PNG })).status, 200);
    assert.deepEqual(posted().input.source, url);
    const long = `https://example.org/${"a".repeat(4096)}`;
    for (const bad of ["http://example.org/", "ftp://example.org/", "https://me:word@example.org/", "https://", long]) {
      assert.equal((await post({ source: bad, target: PNG })).code, "DOWNLOAD_REFUSED", bad);
    }
    assert.equal(plane.asked.length, 1);
  });
});
