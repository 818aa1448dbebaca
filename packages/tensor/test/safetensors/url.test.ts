import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  createDevice,
  DataSourceError,
  openSafetensors,
  tensor,
  writeSafetensors,
} from "../../src/index";

type Answer = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array) => void;

/** `bytes=first-last` of a request, cut to the file. */
function rangeOf(request: IncomingMessage, size: number): [number, number] {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  return [Number(first), Math.min(Number(last), size - 1)];
}

/** As a server that knows ranges answers. */
const partial: Answer = (request, response, bytes) => {
  const [first, last] = rangeOf(request, bytes.length);
  response.writeHead(206, {
    "content-range": `bytes ${first}-${last}/${bytes.length}`,
    etag: '"one"',
  });
  response.end(bytes.subarray(first, last + 1));
};

describe("a URL", () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  /** A file of two tensors, the second behind the first 64 KiB, and a server that has it. */
  async function serve(answers: readonly Answer[]) {
    const device = await createDevice("cpu");
    const values = Float32Array.from({ length: 40_000 }, (_, index) => index);
    using a = tensor(values, [40_000], { device });
    using b = tensor([1, 2, 3], [3], { device });
    const bytes = await writeSafetensors({ a, b });
    const ranges: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      const answer = answers[ranges.length] ?? answers.at(-1)!;
      ranges.push(request.headers.range);
      answer(request, response, bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stops.push(() => {
      server.closeAllConnections();
      server.close();
      device.dispose();
    });
    const { port } = server.address() as AddressInfo;
    return {
      device,
      ranges,
      bytes,
      url: `http://127.0.0.1:${port}/model.safetensors?token=secret`,
    };
  }

  it("is read by ranges: its head once, then each tensor alone", async () => {
    const { device, ranges, url } = await serve([partial]);
    const file = await openSafetensors(url);
    expect(ranges).toEqual(["bytes=0-65535"]);
    using b = await file.read("b", { device });
    expect(b.dataSync()).toEqual(Float32Array.of(1, 2, 3));
    const { byteOffset } = file.entry("b");
    expect(ranges.slice(1)).toEqual([`bytes=${byteOffset}-${byteOffset + 11}`]);
    using a = await file.read("a", { device });
    expect(a.dataSync()[39_999]).toBe(39_999);
  });

  it("is requested with the caller's headers and fetch", async () => {
    const { device, url } = await serve([partial]);
    const seen: (HeadersInit | undefined)[] = [];
    const file = await openSafetensors(new URL(url), {
      headers: { authorization: "Bearer me" },
      fetch: (address, init) => {
        seen.push(init.headers);
        return fetch(address, init);
      },
    });
    using b = await file.read("b", { device });
    expect(b.size).toBe(3);
    expect(seen).toHaveLength(2);
    for (const headers of seen) expect(headers).toMatchObject({ authorization: "Bearer me" });
  });

  const head: Record<string, string> = { etag: '"one"' };
  const failing: [string, Answer[], RegExp][] = [
    ["that is missing", [(_, response) => response.writeHead(404).end()], /status 404/],
    [
      "whose server sends no ranges",
      [(_, response, bytes) => response.writeHead(200).end(bytes)],
      /sends no ranges; download/,
    ],
    ["of an empty file", [(_, response) => response.writeHead(416).end()], /status 416/],
    [
      "whose server sends another range",
      [
        (_, response, bytes) =>
          response
            .writeHead(206, { "content-range": `bytes 8-65535/${bytes.length}` })
            .end(bytes.subarray(0, 65_536)),
      ],
      /answered with the range "bytes 8-65535/,
    ],
    [
      "whose server hides the range",
      [(_, response, bytes) => response.writeHead(206).end(bytes.subarray(0, 65_536))],
      /must expose the Content-Range header/,
    ],
    [
      "whose server sends less than it says",
      [
        (_, response, bytes) =>
          response
            .writeHead(206, { "content-range": `bytes 0-65535/${bytes.length}` })
            .end(bytes.subarray(0, 100)),
      ],
      /another number of bytes/,
    ],
    [
      "whose server sends more than it says",
      [
        (_, response, bytes) =>
          response.writeHead(206, { "content-range": `bytes 0-65535/${bytes.length}` }).end(bytes),
      ],
      /another number of bytes/,
    ],
    [
      "whose connection breaks",
      [
        (_, response, bytes) => {
          const range = { "content-range": `bytes 0-65535/${bytes.length}` };
          response.writeHead(206, { ...range, "content-length": "65536" });
          response.write(bytes.subarray(0, 100), () => response.destroy());
        },
      ],
      /connection broke after \d+ of 65536 bytes/,
    ],
    ["that nobody answers", [(_, response) => void response.destroy()], /request .* failed/],
  ];
  it.each(failing)("%s is refused, without its query", async (_, answers, message) => {
    const { url } = await serve(answers);
    const opened = openSafetensors(url);
    await expect(opened).rejects.toThrow(DataSourceError);
    await expect(opened).rejects.toThrow(message);
    await expect(opened).rejects.toThrow(/^http:\/\/127\.0\.0\.1:\d+\/model\.safetensors: /);
  });

  const changing: [string, Answer][] = [
    [
      "its tag",
      (request, response, bytes) => {
        const [first, last] = rangeOf(request, bytes.length);
        const range = { "content-range": `bytes ${first}-${last}/${bytes.length}` };
        response.writeHead(206, { ...range, etag: '"two"' }).end(bytes.subarray(first, last + 1));
      },
    ],
    [
      "its size",
      (request, response, bytes) => {
        const [first, last] = rangeOf(request, bytes.length);
        const range = { "content-range": `bytes ${first}-${last}/${bytes.length + 1}` };
        response.writeHead(206, { ...range, ...head }).end(bytes.subarray(first, last + 1));
      },
    ],
  ];
  it.each(changing)("that changes %s meanwhile is refused", async (_, second) => {
    const { device, url } = await serve([partial, second]);
    const file = await openSafetensors(url);
    await expect(file.read("b", { device })).rejects.toThrow(/changed while it was read/);
  });

  it("is given up when told to", async () => {
    const { device, url } = await serve([partial, () => {}]);
    const controller = new AbortController();
    const file = await openSafetensors(url, { signal: controller.signal });
    const read = file.read("b", { device, signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(read).rejects.toThrow("enough");
    expect(device.memory().tensors).toBe(0);
  });
});
